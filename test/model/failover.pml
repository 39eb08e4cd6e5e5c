bit upToDate[REPLICAS];
#define IN_STANDBY(a) false
#define MAY_SPEND(r) true

/*
 * A failover of the database to a standby that lacks the last commits, and what keeps it from costing a token: nobody
 * claims on a new timeline before every replica has replayed its spool onto it, or was declared lost
 * (libs/core/src/fleet/membership.ts; MAY_SPEND in libs/postgres/src/stores/rotation-sql.ts).
 *
 * The standby stops receiving at any moment (`lagging`), and is promoted at any later one.
 */

/* Whether this replica has replayed its spool onto the present timeline: token_broker.replica.timeline. */
bit upToDate[REPLICAS];

/* P over all attempts. */
#if ATTEMPTS == 4
#define BEYOND_4(P, r) false
#elif ATTEMPTS == 5
#define BEYOND_4(P, r) P(r, 5)
#elif ATTEMPTS == 6
#define BEYOND_4(P, r) (P(r, 5) || P(r, 6))
#elif ATTEMPTS == 7
#define BEYOND_4(P, r) (P(r, 5) || P(r, 6) || P(r, 7))
#endif
#define SOME(P, r) (P(r, 1) || P(r, 2) || P(r, 3) || P(r, 4) || BEYOND_4(P, r))

/* P over all replicas. */
#if REPLICAS == 2
#define ANY(P) (P(0) || P(1))
#else
#define ANY(P) (P(0) || P(1) || P(2))
#endif

#if FAILOVERS == 0

#define IN_STANDBY(a) false
#define AHEAD(r, a) false
#define MAY_FINISH(r) true
#define MAY_SPEND(r) true
#define NOBODY_BEHIND true
#define MAY_BE_FORGOTTEN(a) true
#define MAY_AUTHORIZE true

#else

Row standby;
bit lagging;
byte failovers = FAILOVERS;

#define IN_STANDBY(a) (lagging && (standby.attempt == (a) || standby.doubt == (a)))
#define MAY_AUTHORIZE !lagging

/* MAY_LACK_REDO */
#ifdef FLAW_AGE
#define BEHIND(r) (!upToDate[r] && (phase[r] == UP || phase[r] == REPLAYING))
#else
#define BEHIND(r) (!upToDate[r] && phase[r] != LOST)
#endif
#define NOBODY_BEHIND !ANY(BEHIND)
#define MAY_SPEND(r) (upToDate[r] && NOBODY_BEHIND)

/*
 * What is of a later generation than its row waits: another replica has what leads there. It waits as long as any
 * other may bring something: one that is at its redo, or one that is not there.
 */
#define BRINGS(r) (REPLAYS(r) && (SOME(TO_GIVE_UP, r) || SOME(IN_REPLAY, r) || SOME(IN_HAND, r) || \
  OWN_ATTEMPT(r) || OWN_DOUBT(r)))
#ifdef FLAW_AHEAD_AT_MOST
#define MAY_BRING(r) BRINGS(r)
#else
#define MAY_BRING(r) (BRINGS(r) || (!upToDate[r] && (phase[r] == DOWN || phase[r] == GONE)))
#endif
#ifdef FLAW_ORDER
#define AHEAD(r, a) false
#else
#define AHEAD(r, a) (attempts[a].owner == (r) && attempts[a].epoch == row.epoch && SPENT_FOR_NOTHING(a) && \
  attempts[a].generation > row.generation)
#endif
#define MAY_FINISH(r) (!SOME(IN_HAND, r) && (!SOME(AHEAD, r) || !ANY(MAY_BRING)))

/* What a lost replica may have spent is put in doubt when the others have brought what they have. */
#ifdef FLAW_LOST
#define OTHERS_HAVE_BROUGHT true
#else
#define STILL_BRINGS(r) (BRINGS(r) || (!upToDate[r] && phase[r] == DOWN))
#define OTHERS_HAVE_BROUGHT !ANY(STILL_BRINGS)
#endif

/* What was settled is kept for 15 minutes: longer than a standby lags, and than a living replica takes to replay. */
#ifdef FLAW_TRIM
#define MAY_BE_FORGOTTEN(a) (!lagging && (upToDate[attempts[a].owner] || phase[attempts[a].owner] == DOWN))
#else
#define MAY_BE_FORGOTTEN(a) (!lagging && upToDate[attempts[a].owner])
#endif

inline copyRow(to, from) {
  to.generation = from.generation;
  to.epoch = from.epoch;
  to.state = from.state;
  to.attempt = from.attempt;
  to.doubt = from.doubt;
  to.ask = from.ask
}

inline forgetStandby() {
  standby.generation = 0;
  standby.epoch = 0;
  standby.state = 0;
  standby.attempt = 0;
  standby.doubt = 0;
  standby.ask = 0;
  lagging = 0
}

#endif

/*
 * A failover of the database to a standby that lacks the last commits, and what keeps it from costing a token: nobody
 * claims on a new timeline before every replica has replayed its spool onto it, or was declared lost
 * (libs/core/src/fleet/membership.ts; MAY_SPEND in libs/postgres/src/stores/rotation-sql.ts).
 *
 * The standby stops receiving at any moment (`lagging`), and is promoted at any later one.
 */

/* Whether this replica has replayed onto the present timeline: token_broker.replica.timeline. */
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

#if FAILOVERS == 0

#define IN_STANDBY(a) false
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
/* What a lost replica leaves is judged when the others have replayed all that does not wait for it. */
#define ONLY_WAITS(r) (REPLAYS(r) && SOME(WAITS, r) && !SOME(BUSY, r) && !SOME(IN_REPLAY, r) && \
  !(ENDS_OWN(r) && (OWN_ATTEMPT(r) || OWN_DOUBT(r))))
#define SPEAKS(r) (!upToDate[r] && phase[r] != LOST && phase[r] != GONE && !ONLY_WAITS(r))
#ifdef FLAW_LOST
#define OTHERS_HAVE_SPOKEN true
#elif REPLICAS == 2
#define OTHERS_HAVE_SPOKEN (!SPEAKS(0) && !SPEAKS(1))
#else
#define OTHERS_HAVE_SPOKEN (!SPEAKS(0) && !SPEAKS(1) && !SPEAKS(2))
#endif
/* Whether another replica may still bring what this one waits for. */
#define MAY_BRING(r) (BEHIND(r) && !ONLY_WAITS(r))
#if REPLICAS == 2
#define OTHERS_MAY_BRING(r) (((r) != 0 && MAY_BRING(0)) || ((r) != 1 && MAY_BRING(1)))
#else
#define OTHERS_MAY_BRING(r) (((r) != 0 && MAY_BRING(0)) || ((r) != 1 && MAY_BRING(1)) || ((r) != 2 && MAY_BRING(2)))
#endif

#if REPLICAS == 2
#define NOBODY_BEHIND (!BEHIND(0) && !BEHIND(1))
#else
#define NOBODY_BEHIND (!BEHIND(0) && !BEHIND(1) && !BEHIND(2))
#endif
#define MAY_SPEND(r) (upToDate[r] && NOBODY_BEHIND)

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

/*
 * The row and its guards. Each inline is one transaction, as PostgreSQL makes them atomic under the row lock
 * (libs/postgres/src/stores/rotation-sql.ts, rotation-changes.ts).
 */

/* Whether anybody still refers to an attempt. */
#define IN_ROW(a) (row.attempt == (a) || row.doubt == (a) || IN_STANDBY(a))
#define FREE(a) (attempts[a].step == IDLE && attempts[a].record == NONE && !attempts[a].wire && !IN_ROW(a))

#define AT_THE_SAME(a) (row.generation == attempts[a].generation && row.epoch == attempts[a].epoch)

inline clear(a) {
  attempts[a].owner = 0;
  attempts[a].generation = 0;
  attempts[a].epoch = 0;
  attempts[a].step = IDLE;
  attempts[a].change = NO_CHANGE;
  attempts[a].probe = 0;
  attempts[a].past = 0;
  attempts[a].wire = 0;
  attempts[a].record = NONE;
  attempts[a].settled = 0;
  attempts[a].replayed = 0;
  attempts[a].redo = 0
}

/* A record without a use: what the row has moved on from is replayed to no effect (but for a failover). */
#if FAILOVERS == 0
#define USELESS(a) (attempts[a].step == IDLE && !AT_THE_SAME(a) || attempts[a].record == FORGOTTEN && !IN_ROW(a))
#else
#define USELESS(a) (attempts[a].record == FORGOTTEN && !IN_ROW(a))
#endif

/*
 * What does not count any more is forgotten, so that two runs that differ in nothing else become one. Every step that
 * uses the variables for one step ends here.
 */
inline tidy() {
  for (i : 1 .. ATTEMPTS) {
    if
    :: attempts[i].record != NONE && USELESS(i) -> attempts[i].record = NONE; attempts[i].settled = 0
    :: else
    fi;
    if
    :: FREE(i) -> clear(i)
    :: else ->
      if
      :: row.attempt != i && lock != i && (attempts[i].step == IDLE || attempts[i].step == WAITING || attempts[i].step == PENDING) ->
        attempts[i].past = 0
      :: else
      fi
    fi
  };
  i = 0; j = 0; x = 0; may = 0; meaning = NO_CHANGE
}

/* [8] Spool.settled */
inline settle(a) {
  attempts[a].step = IDLE;
  attempts[a].change = NO_CHANGE;
  if
  :: attempts[a].record != NONE -> attempts[a].settled = 1
  :: else
  fi
}

/* ATTEMPT_ENDS: also the revision grows, so that a redo that was read before does not count any more. */
inline attemptEnds() {
  row.attempt = NOBODY;
  for (i : 1 .. ATTEMPTS) {
    if
    :: attempts[i].redo -> attempts[i].redo = 0; settle(i)
    :: else
    fi
  }
}

inline noDoubt() { row.doubt = NOBODY; row.ask = 0 }

/*
 * TOKEN_GUARD: the answer to generation n is the only way to n + 1. After a failover the row may be at an earlier
 * generation: the later answer counts all the more.
 */
#ifdef DEFECT_UNGUARDED_SAVE
#define TOKEN_GUARD(a) true
#elif FAILOVERS > 0 && !defined(FLAW_ORDER)
#define TOKEN_GUARD(a) (row.generation <= attempts[a].generation && row.epoch == attempts[a].epoch)
#else
#define TOKEN_GUARD(a) (row.generation == attempts[a].generation && row.epoch == attempts[a].epoch)
#endif

/* ATTEMPT_GUARD: the present attempt, or the one whose answer is in doubt while nobody else is at it. */
#define ATTEMPT_GUARD(a) (row.generation == attempts[a].generation && \
  (row.attempt == (a) || (row.attempt == NOBODY && row.doubt == (a) && row.state == IN_DOUBT)))

#define KNOWS(a) (row.attempt == (a) || row.doubt == (a))
/* Nobody is at the row, and it spends: what it does not know of its own generation, it has lost. */
#define LACKS (row.attempt == NOBODY && row.state != REAUTHORIZATION_REQUIRED)

/* changeAfterFailure, for an unanswered or doubtful exchange, by the row as it stands. */
inline judgeUnanswered(a) {
  if
  :: row.state == IN_DOUBT && row.doubt != (a) -> meaning = DENIED
  :: else -> meaning = DOUBTED
  fi
}

/* saveStatement: takes effect where its guard holds. `guard` is the one for failures. */
inline applyFailure(a, what, asking, guard) {
  if
  :: guard && what == RELEASED ->
    if
    :: row.attempt == NOBODY -> row.state = ACTIVE; noDoubt() /* CLEARED: the doubt is over */
    :: else
    fi;
    attemptEnds()
  :: guard && what == DENIED ->
    row.state = REAUTHORIZATION_REQUIRED;
    noDoubt();
    attemptEnds()
  :: guard && what == DOUBTED ->
    if
    :: row.state == ACTIVE -> row.state = IN_DOUBT
    :: else
    fi;
    row.doubt = a;
    row.ask = asking;
    attemptEnds()
  :: else
  fi
}

inline applyToken(a) {
  if
  :: TOKEN_GUARD(a) ->
    PROMISE(attempts[a].epoch == row.epoch && attempts[a].generation + 1 > row.generation,
      "| BROKEN: no save overwrites a newer generation\n");
    row.generation = attempts[a].generation + 1;
    row.state = ACTIVE;
    noDoubt();
    attemptEnds()
  :: else
  fi
}

/* Step 7. */
inline apply(a) {
  if
  :: attempts[a].change == ROTATED -> applyToken(a)
  :: else -> applyFailure(a, attempts[a].change, 0, ATTEMPT_GUARD(a))
  fi
}

/* DueRotations.takeOver: its deadline has passed, and its row lock can be had. */
inline takeOver() {
  x = row.attempt;
  judgeUnanswered(x);
  applyFailure(x, meaning, 1, true)
}

/* completeAuthorization: a new lineage, one generation on. */
inline authorize() {
  row.epoch++;
  row.generation++;
  row.state = ACTIVE;
  noDoubt();
  attemptEnds();
  good = row.generation;
  ended = 0;
  for (i : 1 .. GENERATIONS) { sent[i] = 0 }
}

#if FAILOVERS > 0
/*
 * Its answers are gone: its attempt is in doubt, and so is every connection that it may have rotated since the standby
 * fell behind. What only its spool knew of what was sent, nobody can count any more: one probe is left.
 */
inline declareLost(r) {
  phase[r] = LOST;
  if
  :: row.attempt != NOBODY && attempts[row.attempt].owner == r ->
    x = row.attempt;
    judgeUnanswered(x);
    applyFailure(x, meaning, 0, true)
  :: else ->
    if
    :: row.doubt != NOBODY && attempts[row.doubt].owner == r -> row.ask = 0
    :: else
    fi;
#ifndef FLAW_LOST
    if
    :: row.state != REAUTHORIZATION_REQUIRED -> row.state = IN_DOUBT; noDoubt()
    :: else
    fi
#endif
  fi;
  if
  :: sent[row.generation] > 1 -> sent[row.generation] = 1
  :: else
  fi;
  for (i : 1 .. ATTEMPTS) {
    if
    :: attempts[i].owner == r -> attempts[i].record = NONE; attempts[i].settled = 0
    :: else
    fi
  };
  tidy()
}
#endif

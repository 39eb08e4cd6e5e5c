/* The authorization server, time, and what goes wrong. */

inline judge(a) {
  if
  :: attempts[a].epoch != row.epoch -> meaning = DENIED /* the authorization before: nobody asks any more */
  :: else ->
    if
    :: !ended && attempts[a].generation == good ->
      good++;
      meaning = ROTATED
    :: else ->
      ended = 1;
      meaning = DENIED
    fi
  fi;
  printf("| the server: %e for generation %d (attempt %d)\n", meaning, attempts[a].generation, a)
}

/* Somebody reads it, or nobody does any more. */
inline answer(a, what) {
  if
  :: AT(a, WAITING) -> attempts[a].change = what; attempts[a].step = ANSWERED
  :: else
  fi;
  tidy()
}

inline unsend(a) {
  if
  :: attempts[a].epoch != row.epoch
  :: else -> sent[attempts[a].generation]--
  fi
}

/* Single-use tokens: n brings n + 1, once; the reuse of a spent one ends the authorization. */
inline serve(a) {
  attempts[a].wire = 0;
  if
  :: FAULT -> printf("| the request of attempt %d is lost\n", a); tidy()
  :: FAULT -> d_step { unsend(a); printf("| the server refuses attempt %d unseen\n", a); answer(a, RELEASED) }
  :: d_step { judge(a); answer(a, meaning) }
  :: FAULT -> d_step { judge(a); printf("| its answer is lost\n"); tidy() }
  fi
}

proctype server() {
end:
  do
  :: atomic { attempts[1].wire -> serve(1) }
  :: atomic { attempts[2].wire -> serve(2) }
  :: atomic { attempts[3].wire -> serve(3) }
  :: atomic { attempts[4].wire -> serve(4) }
#if ATTEMPTS >= 5
  :: atomic { attempts[5].wire -> serve(5) }
#endif
#if ATTEMPTS >= 6
  :: atomic { attempts[6].wire -> serve(6) }
#endif
  od
}

/* Whether the process that carries an attempt out is in the middle of it. Then a deadline that passes is a stop. */
#define UNDER_WAY(a) (attempts[a].step != IDLE && attempts[a].step != PENDING)

#define IS_UP(r) (phase[r] == UP)

#define MAY_FORGET(a) (attempts[a].settled && attempts[a].record != FORGOTTEN && attempts[a].step == IDLE && \
  MAY_BE_FORGOTTEN(a))
inline forget(a) {
  checkForgetting(a);
  attempts[a].record = FORGOTTEN;
  printf("| replica %d forgets attempt %d, settled long ago\n", attempts[a].owner, a);
  tidy()
}

#if FAILOVERS > 0
/* What was committed since is gone, and so are all transactions. */
inline promote() {
  failovers--;
  lock = NOBODY;
  attemptEnds();
  copyRow(row, standby);
  forgetStandby();
  for (i : 0 .. REPLICAS - 1) { upToDate[i] = 0 };
#ifndef FLAW_JOIN
  for (i : 1 .. ATTEMPTS) { attempts[i].replayed = 0 };
#endif
  printf("| the standby is promoted: generation %d, %e, attempt %d\n", row.generation, row.state, row.attempt);
  tidy()
}
#endif

proctype world() {
end:
  do
  /* The deadline of the present attempt passes. */
  :: atomic { row.attempt != NOBODY && !attempts[row.attempt].past ->
      if
#ifdef DEFECT_LEASE
      :: skip
#else
      :: !UNDER_WAY(row.attempt)
      :: UNDER_WAY(row.attempt) && FAULT -> printf("| replica %d is stopped\n", attempts[row.attempt].owner)
#endif
      fi;
      attempts[row.attempt].past = 1;
      printf("| the deadline of attempt %d passes\n", row.attempt) }

  /* idle_in_transaction_session_timeout, later than the deadline. */
  :: atomic { lock != NOBODY && attempts[lock].past ->
      printf("| the database ends the idle transaction of attempt %d\n", lock);
      lock = NOBODY }
  /* Its connection to the database is cut, and nobody notices. */
  :: atomic { lock != NOBODY && FAULT ->
      printf("| the transaction of attempt %d is cut off\n", lock);
      lock = NOBODY }

  :: d_step { row.attempt != NOBODY && attempts[row.attempt].past && lock == NOBODY && ANY(IS_UP) ->
      takeOver();
      printf("| attempt %d is taken over: now generation %d, %e\n", x, row.generation, row.state);
      tidy() }

  /* The user authorizes, at any time. */
  :: d_step { reauthorizations > 0 && lock == NOBODY && row.generation < GENERATIONS && MAY_AUTHORIZE ->
      reauthorizations--;
      authorize();
      printf("| the user authorizes: now generation %d\n", row.generation);
      tidy() }

  /* 15 minutes later: what was settled is forgotten. */
  :: d_step { MAY_FORGET(1) -> forget(1) }
  :: d_step { MAY_FORGET(2) -> forget(2) }
  :: d_step { MAY_FORGET(3) -> forget(3) }
  :: d_step { MAY_FORGET(4) -> forget(4) }
#if ATTEMPTS >= 5
  :: d_step { MAY_FORGET(5) -> forget(5) }
#endif
#if ATTEMPTS >= 6
  :: d_step { MAY_FORGET(6) -> forget(6) }
#endif

#if FAILOVERS > 0
  :: d_step { failovers > 0 && !lagging ->
      lagging = 1;
      copyRow(standby, row);
      printf("| the standby gets no commits from here on\n") }
  :: d_step { lagging -> promote() }
#endif
  od
}

/*
 * A replica: its scheduler (libs/core/src/rotation/rotate-due.ts, rotate-on-demand.ts), its end, and its next life
 * (libs/core/src/fleet/membership.ts).
 */

#define CLAIMABLE (row.attempt == NOBODY && row.state != REAUTHORIZATION_REQUIRED && lock == NOBODY && \
  row.generation < GENERATIONS)

#ifdef FLAW_OWN_ANSWER
#define NOTHING_IN_HAND(r) true
#else
#define NOTHING_IN_HAND(r) !SOME(BUSY, r)
#endif

/* Replicas are alike: the next that does anything is the next by number. */
#define MAY_APPEAR(r) ((r) <= appeared)
inline appears(r) {
  if
  :: r == appeared -> appeared++
  :: else
  fi
}

/* Not all of them: somebody has to be left who takes over. */
#define STAYS(r) (phase[r] != GONE && phase[r] != LOST)
#if REPLICAS == 2
#define OTHERS_STAY(r) (((r) != 0 && STAYS(0)) || ((r) != 1 && STAYS(1)))
#else
#define OTHERS_STAY(r) (((r) != 0 && STAYS(0)) || ((r) != 1 && STAYS(1)) || ((r) != 2 && STAYS(2)))
#endif

inline claim(r) {
  x = 1;
  do
  :: x > ATTEMPTS -> PROMISE(false, "| BROKEN: (the model: ATTEMPTS is too small)\n"); break
  :: x <= ATTEMPTS && FREE(x) -> break
  :: else -> x++
  od;
  attempts[x].owner = r;
  attempts[x].generation = row.generation;
  attempts[x].epoch = row.epoch;
  attempts[x].step = CLAIMED;
#ifndef DEFECT_NO_ATTEMPT
  row.attempt = x;
#endif
  printf("| replica %d [1] claims generation %d as attempt %d\n", r, row.generation, x)
}

inline die(r) {
  printf("| replica %d is killed\n", r);
  for (i : 1 .. ATTEMPTS) {
    if
    :: attempts[i].owner == r ->
      attempts[i].step = IDLE;
      attempts[i].change = NO_CHANGE;
      attempts[i].redo = 0;
      attempts[i].replayed = 0;
      if
      :: lock == i -> lock = NOBODY
      :: else
      fi
    :: else
    fi
  }
}

inline upToDateNow(r) {
  for (i : 1 .. ATTEMPTS) {
    if
    :: attempts[i].owner == r -> attempts[i].replayed = 0
    :: else
    fi
  };
  upToDate[r] = 1;
  phase[r] = UP;
  printf("| replica %d has replayed its spool\n", r);
  tidy()
}

/* What was claimed before a redo and not sent yet is not sent any more. */
inline giveUpUnsent(r) {
  for (i : 1 .. ATTEMPTS) {
    if
    :: TO_GIVE_UP(r, i) -> attempts[i].past = 1; printf("| replica %d will not send attempt %d any more\n", r, i)
    :: else
    fi
  };
  tidy()
}

/* At a start, and on a new timeline (Membership.look). */
#define REPLAYS(r) (phase[r] == REPLAYING || (phase[r] == UP && !upToDate[r]))
#ifdef FLAW_RESURRECTED
#define ENDS_OWN(r) (phase[r] == REPLAYING)
#else
#define ENDS_OWN(r) REPLAYS(r)
#endif

proctype replica(byte r) {
end:
  do
  /* [1] claimDue, claimOne: committed before anything else. */
  :: atomic { phase[r] == UP && CLAIMABLE && NOTHING_IN_HAND(r) && MAY_SPEND(r) && MAY_APPEAR(r) ->
      d_step { appears(r); claim(r) };
      if
      :: skip
      :: FAULT -> attempts[x].step = IDLE; printf("| replica %d is not told of its claim\n", r)
      fi;
      tidy() }

  /* kill -9: the memory and the transactions are gone, the spool stays. */
  :: atomic { (phase[r] == UP || phase[r] == REPLAYING) && MAY_APPEAR(r) && FAULT ->
      d_step { appears(r); die(r); tidy() };
      if
      :: phase[r] = DOWN
      :: OTHERS_STAY(r) -> phase[r] = GONE; printf("| ... for good\n")
      fi }

  /* Membership.join: the spool is replayed before anything is claimed. */
  :: atomic { phase[r] == DOWN ->
      printf("| replica %d starts\n", r);
#ifdef DEFECT_NO_REPLAY
      phase[r] = UP;
      upToDate[r] = 1
#else
      phase[r] = REPLAYING
#endif
    }
  :: atomic { REPLAYS(r) && lock == NOBODY && !SOME(TO_GIVE_UP, r) && SOME(IN_REPLAY, r) ->
      d_step { nextRecord(r) }; redoOne(r); tidy() }
  :: atomic { ENDS_OWN(r) && lock == NOBODY && !SOME(IN_REPLAY, r) && OWN_ATTEMPT(r) ->
      j = row.attempt; endOwn(j); tidy() }
  :: atomic { ENDS_OWN(r) && lock == NOBODY && !SOME(IN_REPLAY, r) && !OWN_ATTEMPT(r) && OWN_DOUBT(r) ->
      j = row.doubt; endOwn(j); tidy() }
  :: d_step { REPLAYS(r) && MAY_FINISH(r) && !SOME(TO_GIVE_UP, r) && !SOME(IN_REPLAY, r) && !SOME(WAITS, r) &&
      !(ENDS_OWN(r) && (OWN_ATTEMPT(r) || OWN_DOUBT(r))) ->
      upToDateNow(r) }

#if FAILOVERS > 0
  /* RedoMark.begin */
  :: d_step { REPLAYS(r) && SOME(TO_GIVE_UP, r) -> giveUpUnsent(r) }
  /* FleetAdministration.declareLost, where the fleet waits for one that will not come. */
  :: atomic { phase[r] == GONE && !upToDate[r] && lock == NOBODY && OTHERS_HAVE_BROUGHT ->
      printf("| an operator declares replica %d lost\n", r);
      d_step { declareLost(r) } }
#endif
  od
}

/*
 * A replica: its scheduler, its end, and its next life (libs/core/src/rotation/rotate-due.ts, replay-spool.ts,
 * libs/core/src/fleet/membership.ts).
 */

#define CLAIMABLE (row.attempt == NOBODY && row.state != REAUTHORIZATION_REQUIRED && lock == NOBODY && \
  row.generation < GENERATIONS)

/* Whether this replica has an attempt of its own under way, or an answer in hand that the database has not taken. */
#define BUSY(r, a) (attempts[a].owner == (r) && attempts[a].step != IDLE)
#if ATTEMPTS == 4
#define BUSY_BEYOND_4(r) false
#elif ATTEMPTS == 5
#define BUSY_BEYOND_4(r) BUSY(r, 5)
#elif ATTEMPTS == 6
#define BUSY_BEYOND_4(r) (BUSY(r, 5) || BUSY(r, 6))
#endif
#ifdef FLAW_OWN_ANSWER
#define NOTHING_IN_HAND(r) true
#else
#define NOTHING_IN_HAND(r) !(BUSY(r, 1) || BUSY(r, 2) || BUSY(r, 3) || BUSY(r, 4) || BUSY_BEYOND_4(r))
#endif

#define MAY_APPEAR(r) ((r) <= appeared)
inline appears(r) {
  if
  :: r == appeared -> appeared++
  :: else
  fi
}

/* Not all of them: somebody has to be left who takes over. */
#define STAYS(r, other) ((r) != (other) && phase[other] != GONE && phase[other] != LOST)
#if REPLICAS == 2
#define OTHERS_STAY(r) (STAYS(r, 0) || STAYS(r, 1))
#else
#define OTHERS_STAY(r) (STAYS(r, 0) || STAYS(r, 1) || STAYS(r, 2))
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
  };
  tidy()
}

#define EARLIER(a, b) (attempts[a].epoch < attempts[b].epoch || (attempts[a].epoch == attempts[b].epoch && \
  (attempts[a].generation < attempts[b].generation || \
    (attempts[a].generation == attempts[b].generation && !attempts[a].probe && attempts[b].probe))))

/* The next record that has not been replayed: x; 0 where there is none. */
inline nextRecord(r, wanted) {
  d_step {
    x = 0;
    for (i : 1 .. ATTEMPTS) {
      if
      :: attempts[i].owner == r && attempts[i].record != NONE && attempts[i].record != FORGOTTEN &&
         !attempts[i].replayed && wanted && (x == 0 || EARLIER(i, x)) -> x = i
      :: else
      fi
    };
    i = 0
  }
}
/* RotationFinisher.save of something replayed; where the database does not take it, it is pending. */
inline replay(a, what, asRedo) {
  attempts[a].change = what;
  attempts[a].redo = asRedo;
  if
  :: d_step { applyPending(a); said(a, "| replica %d [7] saves: %e of attempt %d; now generation %d, %e\n"); settle(a) }
  :: FAULT -> attempts[a].step = PENDING; printf("| replica %d cannot save that now\n", attempts[a].owner)
  fi
}

/* SpoolReplay.redoOne, for record x. */
inline redoOne(r) {
  attempts[x].replayed = 1;
  printf("| replica %d replays attempt %d (%e, generation %d)\n", r, x, attempts[x].record, attempts[x].generation);
  if
  :: !AT_THE_SAME(x) -> settle(x)
  :: else ->
    if
    :: attempts[x].record == GRANTED -> replay(x, ROTATED, false)
    :: attempts[x].record == FINAL && (KNOWS(x) || LACKS) -> replay(x, DENIED, !KNOWS(x))
    :: attempts[x].record == REFUSED && KNOWS(x) -> replay(x, RELEASED, false)
    :: attempts[x].record == SENT && !KNOWS(x) && LACKS -> d_step { judgeUnanswered(x) }; replay(x, meaning, true)
    :: else
    fi
  fi;
  tidy()
}

#ifdef FLAW_FORGOTTEN
#define NEVER_SENT(a) (attempts[a].record == NONE || attempts[a].record == UNSENT || attempts[a].record == FORGOTTEN)
#else
#define NEVER_SENT(a) (attempts[a].record == NONE || attempts[a].record == UNSENT)
#endif
/* SpoolReplay.end, for an attempt or a doubt of this spool. */
inline endOwn(r, which, when) {
  j = which;
  if
  :: when && attempts[j].owner == r && attempts[j].step == IDLE && attempts[j].record != GRANTED &&
     attempts[j].record != REFUSED && attempts[j].record != FINAL ->
    if
    :: NEVER_SENT(j) -> meaning = RELEASED
    :: else -> d_step { judgeUnanswered(j) }
    fi;
    replay(j, meaning, false)
  :: else
  fi
}

proctype replica(byte r) {
end:
  do
  /* [1] claimDue, claimOne: committed before anything else. */
  :: atomic { phase[r] == UP && CLAIMABLE && NOTHING_IN_HAND(r) && MAY_SPEND(r) && MAY_APPEAR(r) ->
      d_step { appears(r); claim(r) };
      if
      :: skip
      :: FAULT -> d_step { attempts[x].step = IDLE; printf("| replica %d is not told of its claim\n", r) }
      fi;
      tidy() }

  /* kill -9: the memory and the transactions are gone, the spool stays. */
  :: atomic { (phase[r] == UP || phase[r] == REPLAYING) && MAY_APPEAR(r) && FAULT ->
      d_step { appears(r); die(r) };
      if
      :: phase[r] = DOWN
      :: OTHERS_STAY(r) -> phase[r] = GONE; printf("| ... for good\n")
      fi }

  /* Membership.join: the spool is replayed before anything is claimed. */
  :: d_step { phase[r] == DOWN ->
      printf("| replica %d starts\n", r);
#ifdef DEFECT_NO_REPLAY
      phase[r] = UP
#else
      phase[r] = REPLAYING
#endif
    }
  /* SpoolReplay.run, one record at a time, in the order of sending; then what the rows say of its attempts. */
  :: atomic { phase[r] == REPLAYING && lock == NOBODY ->
      nextRecord(r, true);
      if
      :: x != 0 -> redoOne(r)
      :: else ->
        endOwn(r, row.attempt, row.attempt != NOBODY);
        endOwn(r, row.doubt, row.attempt == NOBODY && row.ask && row.state == IN_DOUBT);
        d_step {
          for (i : 1 .. ATTEMPTS) { attempts[i].replayed = 0 };
          phase[r] = UP;
          upToDate[r] = 1;
          printf("| replica %d has replayed its spool\n", r);
          tidy()
        }
      fi;
      tidy() }
  od
}

/*
 * One attempt, from its claim to its end: Spender, RotationFinisher and PendingSaves
 * (libs/core/src/rotation/spend-refresh-token.ts, finish-rotation.ts, pending-saves.ts). A process stopped or slow is
 * one whose next step comes late.
 */

#define LIVE(a) (phase[attempts[a].owner] == UP || phase[attempts[a].owner] == REPLAYING)
#define AT(a, where) (attempts[a].step == where)

/* HOLD: the attempt is still there, and in time. */
#ifdef DEFECT_NO_ATTEMPT
#define HOLD_FINDS(a) (row.generation == attempts[a].generation)
#else
#define HOLD_FINDS(a) (row.attempt == (a) && !attempts[a].past)
#endif

/* WireGate: not a byte after sendBy, which is before the deadline. */
#ifdef DEFECT_LEASE
#define MAY_WRITE(a) true
#else
#define MAY_WRITE(a) (!attempts[a].past)
#endif

inline toSave(a, what, how) {
  attempts[a].change = what;
  attempts[a].step = how
}

#define said(a, words) \
  printf(words, attempts[a].owner, attempts[a].change, a, row.generation, row.state)

inline applyPending(a) {
  if
  :: attempts[a].redo -> attempts[a].redo = 0; applyFailure(a, attempts[a].change, 0, (row.attempt == NOBODY))
  :: else -> apply(a)
  fi
}

inline giveUp(a) {
  d_step {
    toSave(a, (attempts[a].probe -> DENIED : DOUBTED), SAVING);
    printf("| replica %d [5] gets no answer\n", attempts[a].owner)
  }
}

proctype spender(byte a) {
end:
  do
  /* [2] hold: waits for the row lock. */
  :: atomic { AT(a, CLAIMED) && lock == NOBODY ->
      d_step {
        if
        :: HOLD_FINDS(a) ->
          attempts[a].probe = (row.state == IN_DOUBT);
#ifdef DEFECT_LEASE
          attempts[a].step = HELD;
#else
          attempts[a].step = HELD;
          lock = a;
#endif
          printf("| replica %d [2] locks the row for attempt %d\n", attempts[a].owner, a)
        :: else ->
          toSave(a, RELEASED, PENDING);
          printf("| replica %d [2] finds attempt %d gone, and sends nothing\n", attempts[a].owner, a)
        fi
      } }
  :: atomic { AT(a, CLAIMED) && FAULT ->
      toSave(a, RELEASED, PENDING);
      printf("| replica %d cannot prepare attempt %d\n", attempts[a].owner, a) }

  /* [3] journalSending */
  :: atomic { AT(a, HELD) ->
      attempts[a].record = SENT;
      attempts[a].step = JOURNALED;
      printf("| replica %d [3] journals that it sends generation %d\n", attempts[a].owner, attempts[a].generation) }
  :: atomic { AT(a, HELD) && FAULT ->
      toSave(a, RELEASED, SAVING);
      printf("| replica %d [3] cannot write its spool\n", attempts[a].owner) }

  /* [4] send */
  :: atomic { AT(a, JOURNALED) && MAY_WRITE(a) ->
      d_step {
        printf("| replica %d [4] sends generation %d (attempt %d, probe: %d)\n", attempts[a].owner,
          attempts[a].generation, a, attempts[a].probe);
        checkSending(a);
        attempts[a].wire = 1;
        attempts[a].step = WAITING;
        tidy()
      } }
  :: atomic { AT(a, JOURNALED) && !MAY_WRITE(a) ->
      attempts[a].record = UNSENT;
      toSave(a, RELEASED, SAVING);
      printf("| replica %d [4] is too late to send, and does not\n", attempts[a].owner) }
  :: atomic { AT(a, JOURNALED) && FAULT ->
      attempts[a].record = UNSENT;
      toSave(a, RELEASED, SAVING);
      printf("| replica %d [4] cannot connect: not sent\n", attempts[a].owner) }

  /* [5] The answer comes with the server's step; or none comes, or too late. */
  :: atomic { AT(a, WAITING) && !attempts[a].wire -> giveUp(a) }
  :: atomic { AT(a, WAITING) && attempts[a].wire && FAULT -> giveUp(a) }

  /* [6] journalAnswer */
  :: atomic { AT(a, ANSWERED) ->
      d_step {
        if
        :: attempts[a].change == ROTATED -> attempts[a].record = GRANTED
        :: attempts[a].change == RELEASED -> attempts[a].record = REFUSED
        :: else -> attempts[a].record = FINAL
        fi;
        attempts[a].step = SAVING;
        printf("| replica %d [6] journals the answer\n", attempts[a].owner)
      } }
  :: atomic { AT(a, ANSWERED) && FAULT ->
      attempts[a].step = SAVING;
      printf("| replica %d [6] cannot journal the answer\n", attempts[a].owner) }

  /* [7] HeldRow.save: under the lock, if it is still held. */
  :: atomic { AT(a, SAVING) && lock == a ->
      if
      :: d_step { apply(a); said(a, "| replica %d [7] saves: %e of attempt %d; now generation %d, %e\n"); settle(a) }
      :: FAULT -> d_step { apply(a); attempts[a].step = PENDING; said(a, "| replica %d [7] saves, and is not told: %e of attempt %d; now generation %d, %e\n") }
      :: FAULT -> d_step { attempts[a].step = PENDING; said(a, "| replica %d [7] cannot save: %e of attempt %d; still generation %d, %e\n") }
      fi;
      lock = NOBODY;
      tidy() }
  :: atomic { AT(a, SAVING) && lock != a ->
      attempts[a].step = PENDING;
      printf("| replica %d [7] has lost its lock\n", attempts[a].owner) }

  /* PendingSaves.trySave and RotationStore.save: an UPDATE of its own, which waits for the lock. */
  :: atomic { AT(a, PENDING) && lock == NOBODY ->
      if
      :: d_step { applyPending(a); said(a, "| replica %d [7] saves: %e of attempt %d; now generation %d, %e\n"); settle(a) }
      :: FAULT -> d_step { applyPending(a); said(a, "| replica %d [7] saves, and is not told: %e of attempt %d; now generation %d, %e\n") }
      fi;
      tidy() }
  od
}

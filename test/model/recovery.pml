/*
 * What a replica does about what its spool knows better than the database: SpoolReplay.run at a start, and
 * SpoolReplay.redo after a failover (libs/core/src/rotation/replay-spool.ts).
 */

#define ANSWERED_RECORD(a) (attempts[a].record == GRANTED || attempts[a].record == REFUSED || attempts[a].record == FINAL)
#define HAS_RECORD(a) (attempts[a].record != NONE && attempts[a].record != FORGOTTEN)
/* Its token may be spent, and the answer did not bring the next one. */
#define SPENT_FOR_NOTHING(a) (attempts[a].record == SENT || attempts[a].record == FINAL)

/* Whether a replica has an attempt of its own under way, or an answer in hand that the database has not taken. */
#define BUSY(r, a) (attempts[a].owner == (r) && attempts[a].step != IDLE)

#if FAILOVERS == 0
#define IN_REDO(a) false
#define WAITS(r, a) false
#define MUST_WAIT(r) false
#else

#ifdef FLAW_UNDER_WAY
#define IN_REDO(a) attempts[a].settled
#else
#define IN_REDO(a) HAS_RECORD(a)
#endif

/* Its place is at a generation that another replica has yet to bring back, or under an attempt that it has to end. */
#ifdef FLAW_ORDER
#define AHEAD(a) false
#else
#define AHEAD(a) (attempts[a].generation > row.generation)
#endif
#ifdef FLAW_RESURRECTED
#define COVERED(a) false
#else
#define COVERED(a) (attempts[a].generation == row.generation && !KNOWS(a) && row.attempt != NOBODY)
#endif
#define WAITS(r, a) (attempts[a].owner == (r) && attempts[a].epoch == row.epoch && SPENT_FOR_NOTHING(a) && \
  attempts[a].step == IDLE && (AHEAD(a) || COVERED(a)))
#ifdef FLAW_UNDER_WAY
#define MUST_WAIT(r) (SOME(WAITS, r) && OTHERS_MAY_BRING(r))
#else
#define MUST_WAIT(r) (SOME(BUSY, r) || (SOME(WAITS, r) && OTHERS_MAY_BRING(r)))
#endif

#endif

/* What is next to be replayed, at a start and after a failover. */
#define IN_REPLAY(r, a) (attempts[a].owner == (r) && !attempts[a].replayed && !WAITS(r, a) && \
  attempts[a].step == IDLE && (phase[r] == REPLAYING -> HAS_RECORD(a) : IN_REDO(a)))

#define EARLIER(a, b) (attempts[a].epoch < attempts[b].epoch || (attempts[a].epoch == attempts[b].epoch && \
  (attempts[a].generation < attempts[b].generation || \
    (attempts[a].generation == attempts[b].generation && !attempts[a].probe && attempts[b].probe))))

/* In the order of sending: x. */
inline nextRecord(r) {
  x = 0;
  for (i : 1 .. ATTEMPTS) {
    if
    :: IN_REPLAY(r, i) && (x == 0 || EARLIER(i, x)) -> x = i
    :: else
    fi
  }
}

/*
 * RotationFinisher.save of something replayed; where the database does not take it, it is pending. After a failover
 * that does not do: what is pending is not replayed, so that it is tried again.
 */
inline replay(a, what, asRedo) {
  attempts[a].change = what;
  attempts[a].redo = asRedo;
  if
  :: d_step { applyPending(a); said(a, "| replica %d [7] saves: %e of attempt %d; now generation %d, %e\n"); settle(a) }
#if FAILOVERS == 0 || defined(FLAW_REDO_PENDING)
  :: FAULT -> attempts[a].step = PENDING; printf("| replica %d cannot save that now\n", attempts[a].owner)
#endif
  fi
}

/* redoOne, for record x. */
inline redoOne(r) {
  attempts[x].replayed = 1;
  printf("| replica %d replays attempt %d (%e, generation %d)\n", r, x, attempts[x].record, attempts[x].generation);
  if
  :: attempts[x].record == GRANTED && TOKEN_GUARD(x) -> replay(x, ROTATED, false)
  :: !(attempts[x].record == GRANTED && TOKEN_GUARD(x)) && !AT_THE_SAME(x) -> settle(x)
  :: else ->
    if
    :: attempts[x].record == FINAL && (KNOWS(x) || LACKS) -> replay(x, DENIED, !KNOWS(x))
    :: attempts[x].record == REFUSED && KNOWS(x) -> replay(x, RELEASED, false)
    :: attempts[x].record == SENT && !KNOWS(x) && LACKS -> d_step { judgeUnanswered(x) }; replay(x, meaning, true)
    :: else
    fi
  fi
}

/* SpoolReplay.end: an attempt or a doubt of this spool that is not answered. */
#define OWN(r, a) ((a) != NOBODY && attempts[a].owner == (r) && attempts[a].step == IDLE && !ANSWERED_RECORD(a))
#define OWN_ATTEMPT(r) OWN(r, row.attempt)
#define OWN_DOUBT(r) (row.attempt == NOBODY && row.ask && row.state == IN_DOUBT && OWN(r, row.doubt))

#ifdef FLAW_FORGOTTEN
#define NEVER_SENT(a) (attempts[a].record == NONE || attempts[a].record == UNSENT || attempts[a].record == FORGOTTEN)
#else
#define NEVER_SENT(a) (attempts[a].record == NONE || attempts[a].record == UNSENT)
#endif

inline endOwn(a) {
  if
  :: NEVER_SENT(a) -> meaning = RELEASED
  :: else -> d_step { judgeUnanswered(a) }
  fi;
  replay(a, meaning, false)
}

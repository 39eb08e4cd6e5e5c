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

#ifdef FLAW_REDO_PENDING
#define IN_HAND(r, a) false
#else
#define IN_HAND(r, a) (BUSY(r, a) && attempts[a].change == ROTATED)
#endif

#if FAILOVERS == 0

#define IN_REDO(a) false
#define WAITS(r, a) false
#define TO_GIVE_UP(r, a) false

#else

/* After a failover: what was settled, and what is on the wire. What was not sent yet will not be (RedoMark). */
#ifdef FLAW_UNDER_WAY
#define IN_REDO(a) (attempts[a].settled && attempts[a].step == IDLE)
#define TO_GIVE_UP(r, a) false
#else
#define IN_REDO(a) HAS_RECORD(a)
#define TO_GIVE_UP(r, a) (phase[r] == UP && attempts[a].owner == (r) && !attempts[a].past && \
  (attempts[a].step == CLAIMED || attempts[a].step == HELD || attempts[a].step == JOURNALED))
#endif

/* Its place is under an attempt that comes to its end first. */
#ifdef FLAW_RESURRECTED
#define WAITS(r, a) false
#else
#define WAITS(r, a) (attempts[a].owner == (r) && !upToDate[r] && SPENT_FOR_NOTHING(a) && AT_THE_SAME(a) && \
  !KNOWS(a) && row.attempt != NOBODY)
#endif

#endif

/* What is next to be replayed, at a start and after a failover. */
#define IN_REPLAY(r, a) (attempts[a].owner == (r) && !attempts[a].replayed && !WAITS(r, a) && !AHEAD(r, a) && \
  (phase[r] == REPLAYING -> HAS_RECORD(a) && attempts[a].step == IDLE : IN_REDO(a)))

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

inline redone() {
#ifdef FLAW_SETTLED_UNDER_WAY
  attempts[x].settled = 1;
#endif
  printf("| ... which is under way: now generation %d, %e\n", row.generation, row.state)
}

/* The same for an attempt that this process is at: what it brings is still to come, and is saved by itself. */
inline redoUnderWay() {
  if
  :: attempts[x].record == GRANTED && TOKEN_GUARD(x) -> applyToken(x); redone()
  :: AT_THE_SAME(x) && attempts[x].record == FINAL && !KNOWS(x) && LACKS -> applyFailure(x, DENIED, 0, true); redone()
  :: AT_THE_SAME(x) && attempts[x].record == SENT && !KNOWS(x) && LACKS ->
    judgeUnanswered(x);
    applyFailure(x, meaning, 1, true);
    redone()
  :: else
  fi
}
/* redoOne, for record x. */
inline redoOne(r) {
  attempts[x].replayed = 1;
  printf("| replica %d replays attempt %d (%e, generation %d)\n", r, x, attempts[x].record, attempts[x].generation);
  if
  :: attempts[x].step != IDLE -> d_step { redoUnderWay() }
  :: attempts[x].step == IDLE && attempts[x].record == GRANTED && TOKEN_GUARD(x) -> replay(x, ROTATED, false)
  :: attempts[x].step == IDLE && !(attempts[x].record == GRANTED && TOKEN_GUARD(x)) ->
    if
    :: !AT_THE_SAME(x) -> settle(x)
    :: AT_THE_SAME(x) && attempts[x].record == FINAL && (KNOWS(x) || LACKS) -> replay(x, DENIED, !KNOWS(x))
    :: AT_THE_SAME(x) && attempts[x].record == REFUSED && KNOWS(x) -> replay(x, RELEASED, false)
    :: AT_THE_SAME(x) && attempts[x].record == SENT && !KNOWS(x) && LACKS ->
      d_step { judgeUnanswered(x) }; replay(x, meaning, true)
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

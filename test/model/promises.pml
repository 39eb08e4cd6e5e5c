/* The promises (design brief, section 3), as they can be seen from outside of the broker. */

#define PROMISE(holds, words) \
  if \
  :: holds \
  :: else -> printf(words); assert(false) \
  fi

/* P3: some spool has the refresh token that the server takes. */
#define IS_GOOD(r, a) (attempts[a].record == GRANTED && attempts[a].epoch == row.epoch && \
  attempts[a].generation + 1 == good && phase[attempts[a].owner] != LOST)

#define AT_THE_SAME_AS(a, b) (attempts[a].generation == attempts[b].generation && \
  attempts[a].epoch == attempts[b].epoch)

/* P1 and P2, at the moment of sending. */
inline checkSending(a) {
#ifndef DEFECT_NO_ATTEMPT
  PROMISE(attempts[a].past == 0, "| BROKEN: P2: nothing is sent by an attempt that may have been taken over\n");
#endif
  PROMISE(attempts[a].record == SENT, "| BROKEN: P2: nothing is sent that was not journaled\n");
  x = attempts[a].generation;
  if
  :: attempts[a].epoch != row.epoch /* the authorization before */
  :: else ->
    PROMISE(sent[x] == 0 || (sent[x] == 1 && attempts[a].probe),
      "| BROKEN: P1: a generation is sent once, and then probed once at the most\n");
    sent[x]++
  fi;
  for (i : 1 .. ATTEMPTS) {
    PROMISE(!(attempts[a].probe && i != a && attempts[i].owner == attempts[a].owner && AT_THE_SAME_AS(i, a) &&
      (attempts[i].record == GRANTED || attempts[i].change == ROTATED)),
      "| BROKEN: P3: a replica does not probe what it has the answer to\n")
  }
}

/* P3: an answer leaves the spool only when the database has it, or has moved on. */
inline checkForgetting(a) {
  PROMISE(attempts[a].record != GRANTED || row.epoch > attempts[a].epoch ||
    row.generation > attempts[a].generation, "| BROKEN: P3: an answer that reached the spool is never lost\n");
  i = 0
}

/*
 * P4: the good token is in the row, or in a spool, or the row says that it may not have it. While the fleet waits for
 * a redo, every connection says so (`awaiting_redo`).
 */
#define LOST_SILENTLY (!ended && row.generation != good && row.state == ACTIVE && row.attempt == NOBODY && \
  NOBODY_BEHIND && !SOME(IS_GOOD, 0))

/* When nothing can happen any more, nothing is left open. */
inline resolved() {
  may = (row.attempt == NOBODY && lock == NOBODY &&
    (row.state == REAUTHORIZATION_REQUIRED || row.generation == GENERATIONS));
  for (i : 1 .. ATTEMPTS) { may = may && attempts[i].step == IDLE };
  for (i : 0 .. REPLICAS - 1) { may = may && phase[i] != DOWN && phase[i] != REPLAYING }
}

proctype watch() {
end:
  do
  :: atomic { LOST_SILENTLY -> PROMISE(false, "| BROKEN: P4: no generation is lost silently\n") }
  :: timeout -> d_step { resolved(); PROMISE(may, "| BROKEN: every attempt comes to its end\n") }; break
  od
}

/*
 * The rotation protocol (docs/how-a-rotation-works.md), small enough to look at every run. docs/model.md says what
 * each step stands for in the code, what is left out, and how to read a counterexample.
 *
 * One connection, some replicas, one authorization server whose refresh tokens work once. All that is not a number
 * is a choice: the checker tries every order of steps, and every fault at every step.
 */
#ifndef REPLICAS
#define REPLICAS 2
#endif
/* The highest generation; the row begins at 1. */
#ifndef GENERATIONS
#define GENERATIONS 3
#endif
/* How many faults a run may have, of any kind and at any step: see FAULT in world.pml. */
#ifndef FAULTS
#define FAULTS 3
#endif
/* How often the user authorizes anew. */
#ifndef REAUTHORIZATIONS
#define REAUTHORIZATIONS 1
#endif
/* How often the database fails over to a standby that lacks the last commits. */
#ifndef FAILOVERS
#define FAILOVERS 0
#endif
/* How many attempts can be known at once, to the row, to a process, to a spool or to the wire. */
#ifndef ATTEMPTS
#define ATTEMPTS 5
#endif

#define NOBODY 0
#define NOTHING 0

mtype = { ACTIVE, IN_DOUBT, REAUTHORIZATION_REQUIRED };
/* Where an attempt stands in the process that carries it out. */
mtype = { IDLE, CLAIMED, HELD, JOURNALED, WAITING, ANSWERED, SAVING, PENDING };
/* What is to be saved. */
mtype = { NO_CHANGE, ROTATED, RELEASED, DENIED, DOUBTED };
/* What a spool says of an attempt. FORGOTTEN: 15 minutes have passed since it was settled. */
mtype = { NONE, SENT, UNSENT, GRANTED, REFUSED, FINAL, FORGOTTEN };
/* A replica. GONE: it will not come back, and nobody has said so yet. */
mtype = { UP, DOWN, REPLAYING, GONE, LOST };

typedef Row {
  byte generation;
  byte epoch;
  mtype state;
  byte attempt; /* 0: none */
  byte doubt; /* the attempt whose answer is in doubt; 0: none */
  bit ask /* whether that attempt's spool may still have the answer */
};

typedef Attempt {
  byte owner;
  byte generation;
  byte epoch;
  mtype step;
  mtype change;
  bit probe; /* the row was in doubt when it was held */
  bit past; /* its deadline has passed */
  bit wire; /* its request is on the way to the server */
  mtype record;
  bit settled;
  bit replayed; /* in the replay that is under way */
  bit redo /* what is to be saved is a redo: it counts as long as the row stays as it was read */
};

/* The database. */
Row row;
byte lock; /* the attempt whose transaction holds the row */

/* The replicas, their memory and their spools: attempts[a] is one line of all three. */
Attempt attempts[ATTEMPTS + 1];
mtype phase[REPLICAS];
byte appeared; /* replicas that have done something; the next to appear is always the next by number */

/* The authorization server: the generation that it takes, of the authorization that the row is at. */
byte good;
bit ended;

/* What is left of the budgets. */
byte faults = FAULTS;
byte reauthorizations = REAUTHORIZATIONS;

/* How often each generation was sent, of the present authorization; what the server refused unseen does not count. */
byte sent[GENERATIONS + 1];

/* Used within one step only, and zero between steps (tidy). */
byte i, j, x;
bit may;
mtype meaning;

#define FAULT faults > 0 -> faults--

#include "failover.pml"
#include "promises.pml"
#include "database.pml"
#include "spender.pml"
#include "recovery.pml"
#include "replica.pml"
#include "world.pml"

init {
  d_step {
    row.generation = 1;
    row.state = ACTIVE;
    good = 1;
    for (i : 0 .. REPLICAS - 1) { phase[i] = UP; upToDate[i] = 1 }
    for (i : 0 .. ATTEMPTS) { clear(i) }
  };
  atomic {
    for (x : 1 .. ATTEMPTS) { run spender(x) };
    for (x : 0 .. REPLICAS - 1) { run replica(x) };
    run server();
    run world();
    run watch();
    tidy()
  }
}

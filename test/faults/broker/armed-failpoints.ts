import { AsyncLocalStorage } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { AttemptInHand, Failpoints, Moment } from '#libs/core';
import { machineMs } from './tell.js';

/** What is to happen when an attempt comes to a moment. */
export interface Arming {
  readonly id: string;
  readonly moment: Moment;
  readonly action: 'kill' | 'stop' | 'delay';
  /** How many attempts come to the moment unharmed before. */
  readonly skip: number;
  /** Only attempts on this side of a doubt: `true` for probes, `false` for first tries; absent: any. */
  readonly probe?: boolean;
  /** For `delay`. */
  readonly delayMs?: number;
}

/**
 * Failpoints that do something, once each. What happens is told before it does. Every request is told, too,
 * before it is made: which attempt spends what, and whether the connection was in doubt under the lock.
 */
export class ArmedFailpoints implements Failpoints {
  private readonly armed = new Map<string, Arming & { left: number }>();
  /** The attempt whose request is being made, along its own chain of calls. */
  private readonly requesting = new AsyncLocalStorage<{ attemptId?: string }>();

  constructor(private readonly tell: (fact: object) => void) {}

  arm(arming: Arming): void {
    this.armed.set(arming.id, { ...arming, left: arming.skip });
  }

  disarm(id: string): void {
    this.armed.delete(id);
  }

  reached(moment: Moment, { connection, attemptId, generation }: AttemptInHand): Promise<void> | undefined {
    const inDoubt = connection.state === 'IN_DOUBT';
    const name = `clients/${connection.clientId}/connections/${connection.connectionId}`;
    const fact = { moment, attemptId, connection: name, generation, inDoubt, machineMs: machineMs() };
    if (moment === 'requesting') {
      this.tell({ event: 'faults.requesting', ...fact });
      this.requesting.enterWith({ attemptId });
    }
    const hit = this.next(moment, inDoubt);
    if (!hit) return undefined;
    this.tell({ event: 'faults.reached', id: hit.id, action: hit.action, ...fact });
    switch (hit.action) {
      case 'kill':
        process.kill(process.pid, 'SIGKILL');
        return new Promise(() => undefined);
      case 'stop':
        // Whoever armed it sends SIGCONT.
        process.kill(process.pid, 'SIGSTOP');
        return undefined;
      case 'delay':
        return delay(hit.delayMs ?? 0);
    }
  }

  /** A connection is being opened: tells which attempt it is for when it stands, before anything is sent. */
  connecting(): (socket: Socket) => void {
    const request = this.requesting.getStore();
    const attemptId = request?.attemptId;
    // The first one is the request's. What the same chain of calls does later is something else.
    delete request?.attemptId;
    return ({ localPort }) => {
      if (attemptId === undefined) return;
      this.tell({ event: 'faults.connected', attemptId, port: localPort, machineMs: machineMs() });
    };
  }

  private next(moment: Moment, inDoubt: boolean): Arming | undefined {
    for (const arming of this.armed.values()) {
      if (arming.moment !== moment || (arming.probe !== undefined && arming.probe !== inDoubt)) continue;
      if (arming.left > 0) {
        arming.left -= 1;
        continue;
      }
      this.armed.delete(arming.id);
      return arming;
    }
    return undefined;
  }
}

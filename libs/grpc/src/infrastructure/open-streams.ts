import type { EventEmitter } from 'node:events';
import { status, type ServerErrorResponse } from '@grpc/grpc-js';

type Stream = EventEmitter & { end(): unknown };

/** Streams that stay open for as long as their clients like: counted, bounded, and ended at the close. */
export class OpenStreams {
  private readonly streams = new Set<Stream>();

  constructor(private readonly most: number) {}

  /** Keeps one; `false` where there are too many, and then it has been refused. */
  add(stream: Stream): boolean {
    if (this.streams.size >= this.most) {
      const refusal: Partial<ServerErrorResponse> = {
        code: status.RESOURCE_EXHAUSTED,
        details: 'Too many streams of this kind are open. Try again later.',
      };
      stream.emit('error', refusal);
      return false;
    }
    this.streams.add(stream);
    const forget = (): void => void this.streams.delete(stream);
    for (const over of ['cancelled', 'close', 'error'] as const) stream.once(over, forget);
    return true;
  }

  /** Ends all of them, as if there were nothing more to say. */
  endAll(): void {
    for (const stream of this.streams) stream.end();
    this.streams.clear();
  }
}

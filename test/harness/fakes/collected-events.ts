import type { BrokerEvent, EventSink } from '#libs/core';

/** Keeps every event, for looking at. */
export class CollectedEvents implements EventSink {
  readonly all: BrokerEvent[] = [];

  emit(event: BrokerEvent): void {
    this.all.push(event);
  }

  /** The events of one type, in order. */
  ofType<T extends BrokerEvent['type']>(type: T): Array<Extract<BrokerEvent, { type: T }>> {
    return this.all.filter((event): event is Extract<BrokerEvent, { type: T }> => event.type === type);
  }
}

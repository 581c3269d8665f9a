import { RETURNS_PROPERTY, type SinkMessage } from "../contract/index.js";
import type { Clock } from "../support/clock.js";
import type { HeldLock } from "./locks.js";

/** The part of a held lock that waiting for a turn uses. */
type WaitingLock = Pick<HeldLock, "signal" | "suspendLimit" | "restartLimit">;

/** What the suspects are judged and ordered by. */
export interface SuspectsOptions {
  /** Deliveries that a message may have without being one, those not counted that a worker ended by giving it back. */
  after: number;
  /** How long the first one waits for those that crashed with it, in milliseconds. */
  gatherMilliseconds: number;
  /** Told of each message that has to wait for its turn. */
  waits(message: SinkMessage): void;
  clock: Clock;
}

interface Waiting {
  message: SinkMessage;
  begin(): void;
}

/** Deliveries kept for telling a killer from its neighbours: two orders, and one for who joins late. */
const ROUNDS = 3;

/**
 * How many deliveries a message may have before it is a suspect: one, and those that restarts may cost. Where the
 * entity allows little more than these, the last three deliveries count.
 */
export function suspectAfter(maxDeliveryCount: number, expectedRestarts: number): number {
  return Math.max(1, Math.min(expectedRestarts + 1, maxDeliveryCount - ROUNDS));
}

/** Deliveries that workers ended by giving the message back. What is no count counts as none. */
export function returnsOf(properties: { [name: string]: unknown } | undefined): number {
  const count = properties?.[RETURNS_PROPERTY];
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/**
 * Keeps a message that kills its worker from taking its neighbours along. Each crash costs every message that was held
 * one delivery, and all of them come back together: left alone, the neighbours would be dead-lettered beside the killer.
 *
 * So messages that were lost with their worker more often than restarts explain make their first attempt one at a time, and the order turns
 * round with the highest of their delivery counts: by sequence number forwards, then backwards. Those that stood behind
 * the killer stand before it next time and are settled by then; two crashes tell it from all the others. They wait for
 * half a lock at first: locks are renewed at half of what remains, so by then all that crashed together is back.
 */
export class Suspects {
  private waiting: Waiting[] = [];
  private current: SinkMessage | undefined;
  private callOffGathering: (() => void) | undefined;
  /** The order of those that were gathered last, and of who joined them: it stays until all of them are over. */
  private forwards = true;

  constructor(private readonly options: SuspectsOptions) {}

  /** Whether the message may be killing its workers. */
  includes(message: SinkMessage): boolean {
    const { deliveryCount } = message;
    const { after } = this.options;
    // Its properties are made when first asked for, and few messages come to that.
    return deliveryCount > after && deliveryCount - returnsOf(message.properties) > after;
  }

  /**
   * Waits until it is the message's turn, without its time limit; `leave` ends the turn. Where the lock's signal fires
   * first there is no turn, and leaving is not needed.
   */
  turn(message: SinkMessage, lock: WaitingLock): Promise<void> {
    const { signal } = lock;
    if (signal.aborted) return Promise.resolve();
    this.options.waits(message);
    lock.suspendLimit();
    return new Promise((resolve) => {
      const giveUp = (): void => {
        this.waiting = this.waiting.filter((other) => other !== own);
        resolve();
      };
      const begin = (): void => {
        signal.removeEventListener("abort", giveUp);
        lock.restartLimit();
        resolve();
      };
      const own = { message, begin };
      this.waiting.push(own);
      signal.addEventListener("abort", giveUp, { once: true });
      this.gather();
    });
  }

  /** The message's first attempt is over: the next one's turn. Without effect for a message that has no turn. */
  leave(message: SinkMessage): void {
    if (this.current !== message) return;
    this.current = undefined;
    this.next();
  }

  private gather(): void {
    if (this.current !== undefined || this.callOffGathering !== undefined) return;
    this.callOffGathering = this.options.clock.after(this.options.gatherMilliseconds, () => {
      this.callOffGathering = undefined;
      this.forwards = Math.max(0, ...this.waiting.map(({ message }) => message.deliveryCount)) % 2 === 0;
      this.next();
    });
  }

  private next(): void {
    const chosen = chosenOf(this.waiting, this.forwards);
    if (chosen === undefined) return;
    this.waiting = this.waiting.filter((other) => other !== chosen);
    this.current = chosen.message;
    chosen.begin();
  }
}

/** The first by sequence number, or the last. */
function chosenOf(waiting: readonly Waiting[], forwards: boolean): Waiting | undefined {
  let chosen: Waiting | undefined;
  for (const one of waiting)
    if (chosen === undefined || isBefore(one.message, chosen.message) === forwards) chosen = one;
  return chosen;
}

/** By sequence number, which is an int64 as decimal text. */
function isBefore(one: SinkMessage, other: SinkMessage): boolean {
  const [a, b] = [one.sequenceNumber, other.sequenceNumber];
  return a.length === b.length ? a < b : a.length < b.length;
}

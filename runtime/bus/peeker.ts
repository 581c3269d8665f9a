import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { type Clock, within } from "../support/clock.js";

/** The part of the client's receiver that looks without taking. */
export type PeekReceiver = Pick<ServiceBusReceiver, "peekMessages" | "close">;

/** A message that is there: waiting, or locked by whoever works on it. */
export interface PeekedMessage {
  /** int64 as decimal text. */
  sequenceNumber: string;
  /** When the entity took it, in milliseconds since 1970. */
  enqueuedAt: number;
}

export interface PeekerOptions {
  createReceiver(): PeekReceiver;
  clock: Clock;
  /** How long one look may take, in milliseconds. @default 10000 */
  limitMilliseconds?: number;
}

type Long = NonNullable<ServiceBusReceivedMessage["sequenceNumber"]>;

/** The client itself waits 15 s for an answer that went down with its connection; the next look gets one at once. */
const LOOK_MILLISECONDS = 10_000;
/** A connection that has died silently does not answer its closing either. */
const CLOSE_MILLISECONDS = 2_000;
/** Messages asked for where the first is deferred or scheduled: these are passed over by so many at a time. */
const PAGE = 100;
/** Bits of a sequence number that count; those above are a partition's number, and say nothing about order. */
const COUNTING_BITS = 48;
/** What the protocol knows and the client's types leave out: bodies are of no interest here, and may be large. */
const NO_BODIES: { omitMessageBody: boolean } = { omitMessageBody: true };

/**
 * Looks for the oldest message of one entity without taking or locking it. Needs the listen right only, and works on
 * entities with sessions too. There must be one peeker only for an entity in one client (the client keeps one position
 * for all). Of a partitioned entity the service shows the oldest of the partition that answers first.
 */
export class Peeker {
  private receiver: PeekReceiver | undefined;
  private looking: Promise<PeekedMessage | undefined> | undefined;
  /** Where a look begins: behind what is deferred or scheduled. Undefined until a message was seen. */
  private from: Long | undefined;

  constructor(private readonly options: PeekerOptions) {}

  /**
   * The active message with the lowest sequence number; undefined where there is none. Deferred and scheduled ones are
   * passed over. Two that ask at once share one look. Rejects with the client's error, or after the limit.
   */
  peekOldest(): Promise<PeekedMessage | undefined> {
    this.looking ??= this.look().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** Closes what it looked with; the next look opens it anew. Never rejects. */
  async close(): Promise<void> {
    const receiver = this.receiver;
    this.receiver = undefined;
    if (receiver === undefined) return;
    const closing = within(this.options.clock, CLOSE_MILLISECONDS, receiver.close(), "it did not close");
    await closing.catch(() => undefined);
  }

  private async look(): Promise<PeekedMessage | undefined> {
    const end = new AbortController();
    const { clock, limitMilliseconds = LOOK_MILLISECONDS } = this.options;
    try {
      const message = `no answer to a peek within ${limitMilliseconds / 1000} s`;
      return await within(clock, limitMilliseconds, this.search(end.signal), message);
    } catch (error) {
      end.abort();
      // A receiver whose connection is gone may stay unusable.
      void this.close();
      throw error;
    }
  }

  private async search(signal: AbortSignal): Promise<PeekedMessage | undefined> {
    // Of a partitioned entity a lower number may be a newer message: each look begins at the first.
    if (this.from?.shiftRight(COUNTING_BITS).isZero() === false) this.from = this.from.sub(this.from);
    for (let count = 1; !signal.aborted; count = PAGE) {
      const found = await this.peek(count, signal);
      if (found.length === 0) return undefined;
      const active = found.find((message) => message.state === "active");
      if (active !== undefined) return peeked(active);
      this.passOver(found);
    }
    return undefined;
  }

  /**
   * Without a position the client goes on from where it was last, and a position can only be made of another one: the
   * first message that is seen gives it. Until then nothing was seen, and the client begins with the first message.
   */
  private async peek(count: number, abortSignal: AbortSignal): Promise<ServiceBusReceivedMessage[]> {
    this.receiver ??= this.options.createReceiver();
    const position = this.from === undefined ? {} : { fromSequenceNumber: this.from };
    const found = await this.receiver.peekMessages(count, { ...NO_BODIES, ...position, abortSignal });
    const number = found[0]?.sequenceNumber;
    if (this.from === undefined && number !== undefined) this.from = number.sub(number);
    return found;
  }

  /**
   * None of these becomes active under its number (a scheduled message gets another one when its time comes), so that
   * no later look need see them again.
   */
  private passOver(found: ServiceBusReceivedMessage[]): void {
    const last = found.at(-1)?.sequenceNumber;
    if (last !== undefined) this.from = last.add(1);
  }
}

function peeked({ sequenceNumber, enqueuedTimeUtc }: ServiceBusReceivedMessage): PeekedMessage {
  return { sequenceNumber: String(sequenceNumber ?? 0), enqueuedAt: enqueuedTimeUtc?.getTime() ?? 0 };
}

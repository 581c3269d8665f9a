import type { ServiceBusSessionReceiver } from "@azure/service-bus";
import { type Clock, within } from "../support/clock.js";
import { DeliveryOutcome, type Logger } from "../telemetry/index.js";
import type { MessageHeader } from "./envelope.js";
import { errorCode, errorText } from "./errors.js";
import {
  isForeign,
  recordOf,
  type SessionRecord,
  type SessionStop,
  withoutRecord,
  withRecord,
} from "./sessionState.js";

export interface SessionProgressOptions {
  receiver: Pick<ServiceBusSessionReceiver, "sessionId" | "getSessionState" | "setSessionState">;
  logger: Logger;
  clock: Clock;
  /** How long a read or a write may go unanswered, in milliseconds; five seconds at most. */
  answerMilliseconds: number;
}

/** The client never hears of a request that went down with its link, and waits for its own time limit. */
const MOST_ANSWER_MILLISECONDS = 5_000;
/** While a session is worked on, its position is written after so many messages, or so many milliseconds. */
const SAVE_MESSAGES = 500;
const SAVE_MILLISECONDS = 10_000;

/**
 * What is known of a session beyond its messages, kept in the session's state: how far it is, which message a hold
 * began with, and why it was stopped.
 *
 * It costs one read and one write a hold, one write when the session is closed, and one after 500 messages or 10 s,
 * which no message waits for. The position therefore lags behind what is done by so much where a worker is killed; it
 * never runs ahead of it. Nobody but the holder of the session can write its state, so that it is read once.
 *
 * What it is good for beside telling: order lets at most one message of a session be done and not settled, the last
 * one. The record names it by number and id, and its redelivery is completed without another run. Anything older is the
 * sink's to recognise, as it is outside sessions. And a session that is lost with its worker costs its message no
 * delivery where the broker counts it as closed: the holds counted here take the place of that count.
 */
export class SessionProgress {
  private found: unknown;
  private record: SessionRecord = {};
  /** The message that this hold began with, while it is not over. */
  private first: string | undefined;
  private foreign = false;
  private unsaved = 0;
  private savedAt: number;
  private changed = false;
  private writing: Promise<void> | undefined;

  constructor(private readonly options: SessionProgressOptions) {
    this.savedAt = options.clock.now();
  }

  /** Reads the state. Rejects with the client's error. */
  async open(): Promise<void> {
    this.found = await this.answered(this.options.receiver.getSessionState());
    this.record = recordOf(this.found);
    this.foreign = isForeign(this.found);
  }

  /** Why the session is stopped; undefined where it is not. */
  get stopped(): SessionStop | undefined {
    return this.record.stopped;
  }

  /** True for the one message whose effect is in place although its settlement did not arrive. */
  isDone({ sequenceNumber, messageId }: MessageHeader): boolean {
    const { position } = this.record;
    return position?.sequenceNumber === sequenceNumber && position.messageId === messageId;
  }

  /**
   * To be called before work on each message. Notes the first one of this hold, and waits until that is written: a message
   * that kills its worker must be known by then. Gives how many holds in a row began with it, 1 for any other message.
   */
  async begin({ sequenceNumber }: MessageHeader): Promise<number> {
    if (this.first !== undefined || this.foreign) return this.first === sequenceNumber ? this.holds : 1;
    this.first = sequenceNumber;
    const { begun } = this.record;
    const holds = begun?.sequenceNumber === sequenceNumber ? begun.holds + 1 : 1;
    this.record.begun = { sequenceNumber, holds };
    await this.quietly(this.write());
    return holds;
  }

  /** The message's effect is in place, or it was dead-lettered: the session is past it. */
  passed(message: MessageHeader): void {
    if (this.isDone(message)) return;
    const { sequenceNumber, messageId } = message;
    const settled = (this.record.position?.settled ?? 0) + 1;
    const at = new Date(this.options.clock.now()).toISOString();
    this.record.position = { sequenceNumber, messageId, settled, at };
    // The hold came to an end of the message it began with: it is nobody's doubt any more.
    delete this.record.begun;
    this.changed = true;
    this.unsaved++;
  }

  /** How the delivery ended. Writes the position where it is due; nobody waits for that. */
  ended(message: MessageHeader, outcome: DeliveryOutcome): void {
    if (outcome === DeliveryOutcome.DeadLettered) this.passed(message);
    if (outcome === DeliveryOutcome.Released) this.returned(message);
    const { clock } = this.options;
    const due = this.unsaved >= SAVE_MESSAGES || clock.now() - this.savedAt >= SAVE_MILLISECONDS;
    if (due && this.changed && this.writing === undefined && !this.foreign) void this.quietly(this.write());
  }

  /** Writes why the session is stopped. Rejects where it was not written. */
  async stop(stopped: SessionStop): Promise<void> {
    const { record } = this;
    this.record = { ...record, stopped };
    try {
      await this.write();
    } catch (error) {
      this.record = record;
      throw error;
    }
  }

  /** Takes the record out of the state: to be called while the session is held, and is empty. Never rejects. */
  async clear(): Promise<void> {
    await this.writing?.catch(() => undefined);
    // A stop is a person's to clear.
    if (this.foreign || this.stopped !== undefined) return this.save();
    await this.quietly(this.answered(this.options.receiver.setSessionState(withoutRecord(this.found))));
  }

  /** Writes what is not written yet: to be called while the session is still held. Never rejects. */
  async save(): Promise<void> {
    await this.writing?.catch(() => undefined);
    if (this.changed && !this.foreign) await this.quietly(this.write());
  }

  private answered<T>(answer: Promise<T>): Promise<T> {
    const { clock, answerMilliseconds } = this.options;
    const limit = Math.min(answerMilliseconds, MOST_ANSWER_MILLISECONDS);
    return within(clock, limit, answer, "the bus did not answer in time");
  }

  private get holds(): number {
    return this.record.begun?.holds ?? 1;
  }

  /** Given back at no cost: this hold does not count against the message. */
  private returned({ sequenceNumber }: MessageHeader): void {
    const { begun } = this.record;
    if (begun?.sequenceNumber !== sequenceNumber) return;
    if (begun.holds > 1) this.record.begun = { sequenceNumber, holds: begun.holds - 1 };
    else delete this.record.begun;
    this.changed = true;
  }

  /** One write at a time, each with what is known when it leaves. */
  private write(): Promise<void> {
    const before = this.writing ?? Promise.resolve();
    const written = before
      .catch(() => undefined)
      .then(() => {
        this.changed = false;
        this.unsaved = 0;
        this.savedAt = this.options.clock.now();
        return this.answered(this.options.receiver.setSessionState(withRecord(this.found, this.record)));
      });
    this.writing = written;
    const over = (): void => {
      if (this.writing === written) this.writing = undefined;
    };
    written.then(over, over);
    return written;
  }

  /** The position is a help, not a promise that work waits for. */
  private async quietly(written: Promise<void>): Promise<void> {
    try {
      await written;
    } catch (error) {
      this.changed = true;
      const { logger, receiver } = this.options;
      const { sessionId } = receiver;
      logger.warn(
        { sessionId, code: errorCode(error), description: errorText(error) },
        "a session's state not written",
      );
    }
  }
}

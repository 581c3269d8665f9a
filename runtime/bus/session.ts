import type { ServiceBusReceivedMessage, ServiceBusSessionReceiver } from "@azure/service-bus";
import { EmptySessionState, PoisonReason, SessionPoison } from "../contract/index.js";
import { type Clock, within } from "../support/clock.js";
import { DeliveryOutcome, type Logger, type WorkerMetrics } from "../telemetry/index.js";
import type { CreditLedger, CreditLink } from "./credit.js";
import type { Deliveries } from "./delivery.js";
import type { ReadMessage } from "./envelope.js";
import { errorCode, errorText } from "./errors.js";
import { type HeldLock, type LockKeeper, StopReason } from "./locks.js";
import { SessionProgress } from "./sessionProgress.js";
import type { SessionStop } from "./sessionState.js";
import { LinkSettler, type Settler } from "./settler.js";

/** The part of the client's session receiver that is used. */
export type SessionReceiver = Pick<
  ServiceBusSessionReceiver,
  | "sessionId"
  | "sessionLockedUntilUtc"
  | "subscribe"
  | "renewSessionLock"
  | "getSessionState"
  | "setSessionState"
  | "completeMessage"
  | "abandonMessage"
  | "deadLetterMessage"
  | "close"
>;

export interface SessionOptions {
  read(received: ServiceBusReceivedMessage): ReadMessage;
  deliveries: Pick<Deliveries, "handle">;
  keeper: LockKeeper;
  ledger: CreditLedger;
  onPoison: SessionPoison;
  emptySessionState: EmptySessionState;
  /** The entity's max delivery count. */
  maxDeliveryCount: number;
  /** How long the session may stay without a message before it is closed, in milliseconds. */
  idleMilliseconds: number;
  /** How long it is worked on before its place may go to another, in milliseconds. */
  quantumMilliseconds: number;
  /** How long a settlement may go unanswered, in milliseconds; the session's state as long, at most five seconds. */
  answerMilliseconds: number;
  /** Told when the session may be asked to make room: its quantum is over, or no message came for a moment. */
  mayYield(): void;
  /** True once nothing new may be begun. */
  stopping(): boolean;
  metrics: WorkerMetrics;
  logger: Logger;
  clock: Clock;
}

/** Messages of one session that are on their way while one is in work: it hides one round trip. */
export const SESSION_PREFETCH = 4;
/** How long closing may take, in milliseconds. */
const CLOSE_MILLISECONDS = 2_000;
/** A session without a message for so long makes room where another one waits, in milliseconds. */
const YIELD_IDLE_MILLISECONDS = 50;

/** How much a session may be asked to make room: an empty one rather than one in work. */
export const Yields = { Not: 0, QuantumOver: 1, Empty: 2 } as const;
export type Yields = (typeof Yields)[keyof typeof Yields];

interface Waiting {
  received: ServiceBusReceivedMessage;
  read: ReadMessage;
  /** Lets the client give credit for one more. */
  over(): void;
}

/** One session that is held: its messages one after another, strictly in order, under the session's lock. */
export class Session {
  private readonly link: CreditLink = { credit: 0 };
  private readonly waiting: Waiting[] = [];
  private readonly lock: HeldLock;
  private readonly settler: LinkSettler;
  private readonly progress: SessionProgress;
  private wake: () => void = () => undefined;
  /** Rejects when the link is lost. */
  private readonly unlinked: Promise<never>;
  private unlink: (error: Error) => void = () => undefined;
  private broken = false;
  private leaving = false;
  private over = false;
  private empty = false;
  private began: number | undefined;
  private emptySince: number | undefined;

  constructor(
    private readonly receiver: SessionReceiver,
    private readonly options: SessionOptions,
  ) {
    this.lock = options.keeper.hold({
      lockedUntil: receiver.sessionLockedUntilUtc?.getTime(),
      renew: () => receiver.renewSessionLock(),
      ofSession: true,
    });
    this.settler = new LinkSettler(receiver, undefined);
    this.unlinked = new Promise((_, reject) => {
      this.unlink = reject;
    });
    this.unlinked.catch(() => undefined);
    const { logger, clock, answerMilliseconds } = options;
    this.progress = new SessionProgress({ receiver, logger, clock, answerMilliseconds });
    this.lock.signal.addEventListener("abort", () => this.wake(), { once: true });
  }

  /**
   * Works until the session is empty, lost, or must be given back; then closes its link, always. Never rejects; false
   * where the session could not be worked on for an error of the bus.
   */
  async run(): Promise<boolean> {
    const { logger, clock, ledger, quantumMilliseconds, mayYield } = this.options;
    this.began = clock.now();
    const callOff = clock.after(quantumMilliseconds, mayYield);
    try {
      if (this.goesOn) {
        // Messages come while the state is read; and only what is subscribed to hears of its link's loss.
        const subscription = this.subscribe();
        await this.whileLinked(this.progress.open());
        await this.work(subscription);
      }
      return true;
    } catch (error) {
      logger.warn(
        { sessionId: this.receiver.sessionId, code: errorCode(error), description: errorText(error) },
        "session given up",
      );
      // One that was lost may be had again at once.
      return this.broken || this.lock.stopped !== undefined;
    } finally {
      callOff();
      this.over = true;
      ledger.detached(this.link);
      // What was prefetched goes back with the link, in order, and costs no delivery.
      if (this.waiting.length > 0) this.empty = false;
      for (const { read } of this.waiting.splice(0)) ledger.finished(this.link, read.bytes, () => undefined);
      await this.end();
    }
  }

  /** Gives the session back untouched, instead of `run`. Never rejects. */
  async giveBack(): Promise<void> {
    await this.close();
    this.options.keeper.release(this.lock);
  }

  /** Whether the session may be asked to make room for another one. */
  get yields(): Yields {
    if (this.leaving || this.began === undefined) return Yields.Not;
    const { clock, quantumMilliseconds } = this.options;
    const now = clock.now();
    if (this.emptySince !== undefined && now - this.emptySince >= YIELD_IDLE_MILLISECONDS) return Yields.Empty;
    return now - this.began >= quantumMilliseconds ? Yields.QuantumOver : Yields.Not;
  }

  /** Since when it has been worked on, in milliseconds since 1970. */
  get since(): number {
    return this.began ?? Number.POSITIVE_INFINITY;
  }

  /** Makes room for another session after the message that it is at. */
  leave(): void {
    const { logger, clock } = this.options;
    const { sessionId } = this.receiver;
    const heldMs = Math.round(clock.now() - this.since);
    logger.info({ sessionId, heldMs, empty: this.emptySince !== undefined }, "session handed over: another one waits");
    this.leaving = true;
    this.empty = this.emptySince !== undefined;
    this.wake();
  }

  /** Lets a session that waits for a message look again whether it should go on. */
  nudge(): void {
    this.wake();
  }

  private subscribe(): { close(): Promise<void> } {
    const { ledger, metrics, read, clock } = this.options;
    ledger.attached(this.link, SESSION_PREFETCH);
    return this.receiver.subscribe(
      {
        processMessage: (received) =>
          new Promise((over) => {
            // What comes while the link is being closed goes back with it; held by nobody, it must not count as held.
            if (this.over) return;
            const message = read(received);
            ledger.took(this.link, message.bytes);
            metrics.held.progressAt = clock.now();
            this.waiting.push({ received, read: message, over });
            this.wake();
          }),
        processError: async ({ error }) => {
          metrics.receiverErrors.inc({ code: errorCode(error) });
          this.linkLost();
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: SESSION_PREFETCH },
    );
  }

  /** A session is held through its link: without it another may hold the session at once. */
  private linkLost(): void {
    this.broken = true;
    this.unlink(new Error("the session's link is lost"));
    this.lock.stop(StopReason.LockLost);
    this.settler.lost();
    this.wake();
  }

  /** False where no further message may be begun. */
  private get goesOn(): boolean {
    return !this.broken && !this.leaving && this.lock.stopped === undefined && !this.options.stopping();
  }

  private async work(subscription: { close(): Promise<void> }): Promise<void> {
    const { ledger } = this.options;
    let drained = false;
    while (this.goesOn) {
      const next = this.waiting.shift();
      if (next === undefined) {
        if (drained) {
          this.empty = true;
          return;
        }
        if (await this.nothingCame()) {
          // The drain's answer proves that the session is empty; what came before it is still worked on.
          await this.within(subscription.close());
          drained = true;
        }
        continue;
      }
      const goesOn = await this.one(next).finally(() => {
        ledger.finished(this.link, next.read.bytes, next.over);
      });
      if (!goesOn) return;
    }
  }

  /** Works on one message. False where the session must be given back: the next message may not overtake it. */
  private async one({ received, read }: Waiting): Promise<boolean> {
    const { progress, lock } = this;
    lock.restartLimit();
    const doneBefore = progress.isDone(read);
    const holds = doneBefore ? 1 : await this.begin(read);
    const outcome = await this.options.deliveries.handle({
      received,
      read: progress.stopped === undefined ? this.counted(read, holds) : stoppedMessage(read, progress.stopped),
      settler: this.settlerOf(read),
      lock,
      doneBefore,
      releasedBySession: true,
      beforeDeadLetter: (reason) => this.stopSession(read, reason),
    });
    progress.ended(read, outcome);
    lock.restartLimit();
    return (
      outcome === DeliveryOutcome.Done ||
      outcome === DeliveryOutcome.Duplicate ||
      outcome === DeliveryOutcome.DeadLettered
    );
  }

  private async begin(read: ReadMessage): Promise<number> {
    try {
      return await this.whileLinked(this.progress.begin(read));
    } catch {
      // Lost: nothing is begun any more.
      return 1;
    }
  }

  /** Ends with the link: the client gives a request up only by its time limit. Not for each message, see LinkSettler. */
  private whileLinked<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.unlinked]);
  }

  /** Settles over the session's link. A message that is completed was done, whether or not the answer arrives. */
  private settlerOf(read: ReadMessage): Settler {
    const { settler, progress } = this;
    return {
      completeMessage: (message) => {
        progress.passed(read);
        return this.answered(settler.completeMessage(message));
      },
      abandonMessage: (...args) => this.answered(settler.abandonMessage(...args)),
      deadLetterMessage: (...args) => this.answered(settler.deadLetterMessage(...args)),
    };
  }

  /** The client itself waits a minute for each try, whatever its options say; all of the session would wait with it. */
  private answered(answer: Promise<void>): Promise<void> {
    const { clock, answerMilliseconds } = this.options;
    return within(clock, answerMilliseconds, answer, "the bus did not answer in time");
  }

  /**
   * The message with the deliveries that it had in truth: a session that ends without a word may cost its message none at
   * the broker, so that a message that kills its worker would come for ever.
   */
  private counted(read: ReadMessage, holds: number): ReadMessage {
    const { maxDeliveryCount } = this.options;
    if (holds <= read.deliveryCount || "poison" in read) return read;
    if (holds > maxDeliveryCount)
      return poisonOf(
        read,
        PoisonReason.AttemptsExhausted,
        `The session was lost ${holds - 1} times in a row while this message was in work: its worker was killed, or lost ` +
          `its connection. The entity's max delivery count is ${maxDeliveryCount}.`,
      );
    read.message.deliveryCount = holds;
    return { ...read, deliveryCount: holds };
  }

  /** Writes the stop before the message is dead-lettered: a crash between the two must not let the session go on. */
  private async stopSession(read: ReadMessage, reason: string): Promise<void> {
    if (this.options.onPoison !== SessionPoison.Stop || this.progress.stopped !== undefined) return;
    const stopped = { messageId: read.messageId, reason, at: new Date(this.options.clock.now()).toISOString() };
    await this.progress.stop(stopped);
    const { sessionId } = this.receiver;
    this.options.logger.warn({ sessionId, ...stopped }, "session stopped: its later messages are dead-lettered");
  }

  /** Waits for a message; true where none came in time. */
  private async nothingCame(): Promise<boolean> {
    const { clock, idleMilliseconds, mayYield } = this.options;
    this.emptySince = clock.now();
    const callOffYield = clock.after(YIELD_IDLE_MILLISECONDS, mayYield);
    await new Promise<void>((resolve) => {
      const callOff = clock.after(idleMilliseconds, resolve);
      this.wake = () => {
        callOff();
        resolve();
      };
    });
    callOffYield();
    this.wake = () => undefined;
    this.emptySince = undefined;
    return this.waiting.length === 0 && this.goesOn;
  }

  /** Writes what the session's state should keep, as long as it is held, and lets go of it. */
  private async end(): Promise<void> {
    const { clock, keeper, emptySessionState } = this.options;
    if (!this.broken && this.lock.holds) {
      const clear = this.empty && emptySessionState === EmptySessionState.Clear;
      const saved = clear ? this.progress.clear() : this.progress.save();
      await within(clock, CLOSE_MILLISECONDS, saved, "not saved").catch(() => undefined);
    }
    await this.close();
    keeper.release(this.lock);
  }

  private async close(): Promise<void> {
    const { logger } = this.options;
    try {
      await this.within(this.receiver.close());
    } catch (error) {
      const { sessionId } = this.receiver;
      logger.warn({ sessionId, code: errorCode(error), description: errorText(error) }, "a session did not close");
    }
  }

  private within(promise: Promise<void>): Promise<void> {
    return within(this.options.clock, CLOSE_MILLISECONDS, promise, "the client did not answer in time");
  }
}

/** A message of a session that an earlier one has stopped. */
function stoppedMessage(read: ReadMessage, stop: SessionStop): ReadMessage {
  const description =
    `Message ${JSON.stringify(stop.messageId)} of this session was dead-lettered with ${stop.reason} at ${stop.at}, ` +
    "and the pipeline stops such sessions. Mend it, clear the session's state, then send these again in order.";
  return poisonOf(read, PoisonReason.SessionStopped, description);
}

function poisonOf(read: ReadMessage, reason: PoisonReason, description: string): ReadMessage {
  const { messageId, sequenceNumber, deliveryCount, traceId, bytes } = read;
  return {
    ...{ messageId, sequenceNumber, deliveryCount, traceId, bytes },
    poison: { kind: "poison", reason, description },
  };
}

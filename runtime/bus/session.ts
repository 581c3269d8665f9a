import type { ServiceBusReceivedMessage, ServiceBusSessionReceiver } from "@azure/service-bus";
import { PoisonReason, SessionPoison } from "../contract/index.js";
import { DeliveryOutcome, type Logger, type WorkerMetrics } from "../telemetry/index.js";
import { type Clock, within } from "./clock.js";
import type { CreditLedger, CreditLink } from "./credit.js";
import type { Deliveries } from "./delivery.js";
import type { ReadMessage } from "./envelope.js";
import { errorCode, errorText } from "./errors.js";
import { type HeldLock, type LockKeeper, StopReason } from "./locks.js";
import { type SessionStop, stopOf, withStop } from "./sessionState.js";
import { LinkSettler } from "./settler.js";

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
  /** How long the session may stay without a message before it is closed, in milliseconds, asked for each time. */
  idleMilliseconds(): number;
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
  private wake: () => void = () => undefined;
  private broken = false;
  private stop: SessionStop | undefined;

  constructor(
    private readonly receiver: SessionReceiver,
    private readonly options: SessionOptions,
  ) {
    this.lock = options.keeper.hold({
      lockedUntil: receiver.sessionLockedUntilUtc?.getTime(),
      renew: () => receiver.renewSessionLock(),
    });
    this.settler = new LinkSettler(receiver, undefined);
    this.lock.signal.addEventListener("abort", () => this.wake(), { once: true });
  }

  /** Works until the session is empty, lost, or must be given back; then closes its link, always. Never rejects. */
  async run(): Promise<void> {
    const { logger, keeper, ledger } = this.options;
    let subscription: { close(): Promise<void> } | undefined;
    try {
      if (this.options.onPoison === SessionPoison.Stop) this.stop = stopOf(await this.receiver.getSessionState());
      subscription = this.subscribe();
      await this.work(subscription);
    } catch (error) {
      logger.warn(
        { sessionId: this.receiver.sessionId, code: errorCode(error), description: errorText(error) },
        "session given up",
      );
    } finally {
      ledger.detached(this.link);
      // What was prefetched goes back with the link, in order, and costs no delivery.
      for (const { read } of this.waiting.splice(0)) ledger.finished(this.link, read.bytes, () => undefined);
      await this.close();
      keeper.release(this.lock);
    }
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
    this.lock.stop(StopReason.LockLost);
    this.settler.lost();
    this.wake();
  }

  private async work(subscription: { close(): Promise<void> }): Promise<void> {
    const { stopping, ledger } = this.options;
    let drained = false;
    while (!this.broken && this.lock.stopped === undefined && !stopping()) {
      const next = this.waiting.shift();
      if (next === undefined) {
        if (drained) return;
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
    this.lock.restartLimit();
    const outcome = await this.options.deliveries.handle({
      received,
      read: this.stop === undefined ? read : stoppedMessage(read, this.stop),
      settler: this.settler,
      lock: this.lock,
      releasedBySession: true,
      beforeDeadLetter: (reason) => this.stopSession(read, reason),
    });
    this.lock.restartLimit();
    return (
      outcome === DeliveryOutcome.Done ||
      outcome === DeliveryOutcome.Duplicate ||
      outcome === DeliveryOutcome.DeadLettered
    );
  }

  /** Writes the stop before the message is dead-lettered: a crash between the two must not let the session go on. */
  private async stopSession(read: ReadMessage, reason: string): Promise<void> {
    if (this.options.onPoison !== SessionPoison.Stop || this.stop !== undefined) return;
    const stopped = { messageId: read.messageId, reason, at: new Date(this.options.clock.now()).toISOString() };
    await this.receiver.setSessionState(withStop(await this.receiver.getSessionState(), stopped));
    this.stop = stopped;
    const { sessionId } = this.receiver;
    this.options.logger.warn({ sessionId, ...stopped }, "session stopped: its later messages are dead-lettered");
  }

  /** Waits for a message; true where none came in time. */
  private async nothingCame(): Promise<boolean> {
    const { clock, idleMilliseconds, stopping } = this.options;
    await new Promise<void>((resolve) => {
      const callOff = clock.after(idleMilliseconds(), resolve);
      this.wake = () => {
        callOff();
        resolve();
      };
    });
    this.wake = () => undefined;
    return this.waiting.length === 0 && !this.broken && this.lock.stopped === undefined && !stopping();
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
  const { messageId, sequenceNumber, deliveryCount, traceId, bytes } = read;
  const description =
    `Message ${JSON.stringify(stop.messageId)} of this session was dead-lettered with ${stop.reason} at ${stop.at}, ` +
    "and the pipeline stops such sessions. Mend it, clear the session's state, then send these again in order.";
  return {
    ...{ messageId, sequenceNumber, deliveryCount, traceId, bytes },
    poison: { kind: "poison", reason: PoisonReason.SessionStopped, description },
  };
}

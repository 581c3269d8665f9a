import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { defined, PoisonReason, RETURNS_PROPERTY, ServiceBusLimits, type SinkMessage } from "../contract/index.js";
import type { Clock } from "../support/clock.js";
import {
  DeliveryOutcome,
  deliveryInfo,
  type Logger,
  type TracedMessage,
  type Tracing,
  type WorkerMetrics,
} from "../telemetry/index.js";
import type { Attempts, Verdict } from "./attempts.js";
import type { ReadMessage } from "./envelope.js";
import { errorCode, errorText, isLockLost } from "./errors.js";
import { type HeldLock, StopReason } from "./locks.js";
import type { Settler } from "./settler.js";
import { returnsOf } from "./suspects.js";

/** One delivery: the message, how to settle it, and the lock that it is held under. */
export interface Delivery {
  received: ServiceBusReceivedMessage;
  read: ReadMessage;
  settler: Settler;
  lock: HeldLock;
  /** Called before the message is dead-lettered; where it fails, the message is not. */
  beforeDeadLetter?(reason: string): Promise<void>;
  /** True where giving back is the session's closing, which costs no delivery. */
  releasedBySession: boolean;
  /** When it was received by the clock; undefined where it waited since. */
  receivedAt?: number | undefined;
  /** True where the effect is known to be in place: the message is completed without another attempt. */
  doneBefore?: boolean;
  /** What its spans tell where the message cannot be read and traces are on. */
  traced?: TracedMessage;
}

export interface DeliveriesOptions {
  attempts: Pick<Attempts, "run">;
  metrics: WorkerMetrics;
  logger: Logger;
  clock: Clock;
  lockDurationSeconds: number;
  tracing?: Tracing | undefined;
  /** Told how long a message took from its receipt to the end of its settlement, in seconds. */
  processed?: ((seconds: number) => void) | undefined;
}

/** Reasons whose descriptions may quote the body: these words stand in the dead letter, beside it, and not in the log. */
const OF_CONTENT: ReadonlySet<string> = new Set([
  PoisonReason.InvalidBody,
  PoisonReason.InvalidValue,
  PoisonReason.PartitionKeyMismatch,
  PoisonReason.EventTimeOutOfRange,
  PoisonReason.StorageRefused,
  PoisonReason.SinkRefused,
]);

/** Takes deliveries from receipt to settlement: the only place that settles. */
export class Deliveries {
  private readonly stopped = new Map<Delivery, number>();
  private readonly lost = new WeakSet<Delivery>();

  constructor(private readonly options: DeliveriesOptions) {}

  /** Works on one delivery and settles it once its outcome is known. Never rejects: what it did not foresee is a line. */
  async handle(delivery: Delivery): Promise<DeliveryOutcome> {
    const { metrics, clock, tracing, processed } = this.options;
    const began = delivery.receivedAt ?? clock.now();
    if (tracing !== undefined) tracing.begin(tracedOf(delivery), delivery.received.applicationProperties ?? {});
    delivery.lock.onStop = () => this.noteStop(delivery, began);
    const { enqueuedTimeUtc: enqueued } = delivery.received;
    // The entity's clock may be ahead of this one.
    if (enqueued !== undefined) metrics.age.observe(Math.max(0, began - enqueued.getTime()) / 1000);
    try {
      const verdict = await this.verdict(delivery, began);
      const outcome = await this.settle(delivery, verdict, began);
      if (outcome === DeliveryOutcome.Done) metrics.held.done++;
      else metrics.messages.inc({ outcome });
      const now = clock.now();
      const seconds = (now - began) / 1000;
      metrics.processing.observe(seconds);
      processed?.(seconds);
      metrics.held.progressAt = now;
      if (tracing !== undefined) tracing.end(tracedOf(delivery), outcome);
      return outcome;
    } catch (error) {
      this.line(delivery, began, "not settled, as far as is known: it comes again", {
        description: firstLine(errorText(error)),
      });
      metrics.messages.inc({ outcome: DeliveryOutcome.Unsettled });
      if (tracing !== undefined) tracing.end(tracedOf(delivery), DeliveryOutcome.Unsettled);
      return DeliveryOutcome.Unsettled;
    } finally {
      delivery.lock.onStop = undefined;
      if (this.stopped.size > 0) this.stopped.delete(delivery);
    }
  }

  /** When the oldest delivery was told to stop that has not come back yet, in milliseconds; undefined without one. */
  get oldestStop(): number | undefined {
    return this.stopped.values().next().value;
  }

  private verdict(delivery: Delivery, now: number): Promise<Verdict> | Verdict {
    const { read, lock } = delivery;
    if ("poison" in read)
      return { kind: "deadLetter", reason: read.poison.reason, description: read.poison.description };
    if (lock.isAmple(now)) return this.worked(delivery, read.message);
    return lock.fresh().then((holds) => (holds ? this.worked(delivery, read.message) : { kind: "nothing" }));
  }

  private worked({ lock, received, doneBefore }: Delivery, message: SinkMessage): Promise<Verdict> | Verdict {
    if (doneBefore === true) return { kind: "complete", duplicate: true };
    return this.options.attempts.run(message, lock, received);
  }

  private async settle(delivery: Delivery, verdict: Verdict, began: number): Promise<DeliveryOutcome> {
    const { lock, received } = delivery;
    if (!lock.holds || verdict.kind === "nothing") return this.lockLost(delivery, began);
    try {
      switch (verdict.kind) {
        case "complete":
          await this.settling(delivery, "complete", complete);
          this.noteAge(received);
          this.line(delivery, began, verdict.duplicate ? "done before" : "done");
          return verdict.duplicate ? DeliveryOutcome.Duplicate : DeliveryOutcome.Done;
        case "rescheduled":
          await this.settling(delivery, "complete", complete);
          this.noteAge(received);
          this.line(delivery, began, "copied for later", {
            code: verdict.code,
            description: firstLine(verdict.description),
          });
          return DeliveryOutcome.Rescheduled;
        case "abandon":
          await this.settling(delivery, "abandon", abandon);
          this.line(delivery, began, "abandoned", { code: verdict.code, description: firstLine(verdict.description) });
          return DeliveryOutcome.Abandoned;
        case "release":
          if (!delivery.releasedBySession) await this.settling(delivery, "abandon", abandon);
          this.line(delivery, began, "given back");
          return DeliveryOutcome.Released;
        case "deadLetter":
          return await this.deadLetter(delivery, verdict, began);
      }
    } catch (error) {
      if (isLockLost(error)) return this.lockLost(delivery, began);
      const detail = { verdict: verdict.kind, code: errorCode(error), description: firstLine(errorText(error)) };
      this.line(delivery, began, "not settled, as far as is known: it comes again", detail);
      return DeliveryOutcome.Unsettled;
    }
  }

  private async deadLetter(
    delivery: Delivery,
    verdict: { reason: string; description: string },
    began: number,
  ): Promise<DeliveryOutcome> {
    const { reason, description } = verdict;
    await delivery.beforeDeadLetter?.(reason);
    const why = { deadLetterReason: reason, deadLetterErrorDescription: shortened(description) };
    await this.settling(delivery, "dead_letter", (by, message) => by.deadLetterMessage(message, why));
    this.noteAge(delivery.received);
    this.options.metrics.deadLettered.inc({ reason });
    const words = OF_CONTENT.has(reason) ? {} : { description: firstLine(description) };
    this.line(delivery, began, "dead-lettered", { reason, ...words });
    return DeliveryOutcome.DeadLettered;
  }

  /** One settlement, as a span where traces are on. */
  private settling(delivery: Delivery, operation: string, run: Settle): Promise<void> {
    const { settler, received } = delivery;
    const { tracing } = this.options;
    if (tracing === undefined || !tracing.follows(tracedOf(delivery))) return run(settler, received);
    return tracing.settle(tracedOf(delivery), operation, () => run(settler, received));
  }

  /** The message is settled for good: its age by now. */
  private noteAge({ enqueuedTimeUtc: enqueued }: ServiceBusReceivedMessage): void {
    const { metrics, clock } = this.options;
    if (enqueued !== undefined) metrics.settledAge.observe(Math.max(0, clock.now() - enqueued.getTime()) / 1000);
  }

  private noteStop(delivery: Delivery, began: number): void {
    this.stopped.set(delivery, this.options.clock.now());
    if (delivery.lock.stopped === StopReason.LockLost) this.lockLost(delivery, began);
  }

  /** Counts and names a lost lock, once a delivery, as soon as it is known: a sink may take long to notice. */
  private lockLost(delivery: Delivery, began: number): DeliveryOutcome {
    const { metrics, lockDurationSeconds } = this.options;
    if (!this.lost.has(delivery)) {
      this.lost.add(delivery);
      metrics.lockLost.inc();
      this.line(delivery, began, "lock lost: nothing is settled, it comes again", { lockDurationSeconds });
    }
    delivery.lock.stop(StopReason.LockLost);
    return DeliveryOutcome.LockLost;
  }

  /** One line a decision. Descriptions are cut to their first line: a job's own words may hold a message's. */
  private line(delivery: Delivery, began: number, decision: string, detail: object = {}): void {
    const { logger, clock } = this.options;
    const { messageId, sequenceNumber, deliveryCount, traceId } = delivery.read;
    const { sessionId } = delivery.received;
    const elapsedMs = Math.round(clock.now() - began);
    const fields = { messageId, sequenceNumber, sessionId, traceId, delivery: deliveryCount, elapsedMs };
    if (decision.startsWith("done")) deliveryInfo(logger, fields, decision);
    else logger.warn({ ...fields, ...detail }, decision);
  }
}

type Settle = (settler: Settler, received: ServiceBusReceivedMessage) => Promise<void>;

const complete: Settle = (settler, received) => settler.completeMessage(received);
const abandon: Settle = (settler, received) => settler.abandonMessage(received, returned(received));

/** What its spans tell: the same object at each step of a delivery. */
function tracedOf(delivery: Delivery): TracedMessage {
  const { read, received } = delivery;
  if ("message" in read) return read.message;
  const { messageId, deliveryCount, traceId } = read;
  const { enqueuedTimeUtc: enqueuedTime = new Date(0), applicationProperties: properties = {}, sessionId } = received;
  delivery.traced ??= {
    ...{ messageId, deliveryCount, traceId, enqueuedTime, properties },
    ...defined({ sessionId }),
  };
  return delivery.traced;
}

/** The mark of a delivery that ended by the worker's own word, so that it is no sign of a crash. */
function returned({ applicationProperties }: ServiceBusReceivedMessage): { [name: string]: number } {
  return { [RETURNS_PROPERTY]: returnsOf(applicationProperties) + 1 };
}

/** The first line, at most 300 characters: enough to tell what it is about. */
export function firstLine(text: string): string {
  return (text.split("\n", 1)[0] ?? "").slice(0, 300);
}

/** The first half of a surrogate pair at the end of a text that was cut. */
const HALF_CHARACTER = /[\uD800-\uDBFF]$/;

/** Cut to what the broker takes, without half a character at the end. */
export function shortened(description: string): string {
  const { deadLetterDescriptionCharacters: max } = ServiceBusLimits;
  if (description.length <= max) return description;
  const cut = description.slice(0, max - 1);
  return `${HALF_CHARACTER.test(cut) ? cut.slice(0, -1) : cut}…`;
}

import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import {
  ATTEMPTS_PROPERTY,
  type DoneOutcome,
  type Outcome,
  type PipelineDelivery,
  PoisonReason,
  type Reply,
  RetryCode,
  type RetryOutcome,
  type SinkMessage,
} from "../contract/index.js";
import { type Clock, pause } from "../support/clock.js";
import { type Backoff, backoffMilliseconds, REFUSED } from "./backoff.js";
import type { Batcher } from "./batcher.js";
import type { KeyGuard } from "./keyGuard.js";
import { type HeldLock, StopReason } from "./locks.js";
import { isRefusal, type Propagation } from "./propagation.js";
import type { Replies } from "./replies.js";
import type { StoreGate } from "./storeGate.js";
import type { Suspects } from "./suspects.js";

/** What is to be done with a delivery once its attempts are over. */
export type Verdict =
  | { kind: "complete"; duplicate: boolean }
  | { kind: "deadLetter"; reason: PoisonReason; description: string }
  /** Give it back; the entity counts the delivery. */
  | { kind: "abandon"; code: RetryCode; description: string }
  /** A copy for later is scheduled: complete it. */
  | { kind: "rescheduled"; code: RetryCode; description: string }
  /** Give it back because the process ends, or the store is down for longer than a message is held. */
  | { kind: "release" }
  /** Settle nothing: the lock is lost. */
  | { kind: "nothing" };

/** What the attempts report as they go. */
export interface AttemptEvents {
  retry(message: SinkMessage, attempt: number, outcome: RetryOutcome): void;
  reply(result: "sent" | "failed"): void;
  /** No copy for later could be sent: the message waits under its lock instead. */
  notScheduled(message: SinkMessage, error: unknown): void;
}

export interface AttemptsOptions {
  delivery: PipelineDelivery;
  /** The entity's max delivery count. */
  maxDeliveryCount: number;
  batcher: Pick<Batcher, "submit">;
  guard: KeyGuard;
  gate: Pick<StoreGate, "open" | "whenOpen" | "suspect" | "succeeded">;
  /** Messages that may be killing their workers, one at a time. */
  suspects: Pick<Suspects, "includes" | "turn" | "leave">;
  replies: Pick<Replies, "refused" | "send">;
  propagation: Pick<Propagation, "underway" | "refused" | "accepted">;
  /**
   * Sends a copy of a message for later, with the number of attempts that were made so far; absent where delayed retries
   * are held. Rejects with the client's error.
   */
  reschedule?:
    | ((received: ServiceBusReceivedMessage, attempts: number, delayMilliseconds: number) => Promise<void>)
    | undefined;
  /** Why a message's producer is not trusted, or cannot be checked now; undefined where it is. */
  verify?: ((message: SinkMessage) => Promise<Outcome | undefined>) | undefined;
  clock: Clock;
  random(): number;
  events: AttemptEvents;
}

/** What says that the store, or what every effect needs beside it, fails for all messages. */
const OUTAGES: ReadonlySet<RetryCode> = new Set([
  RetryCode.StoreUnavailable,
  RetryCode.StoreTimeout,
  RetryCode.StoreOverloaded,
  RetryCode.AuditUnavailable,
  RetryCode.KeysUnavailable,
]);

/** Attempts at earlier copies of a message. What is no count counts as none. */
function earlierAttempts({ properties }: SinkMessage): number {
  const count = properties[ATTEMPTS_PROPERTY];
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

const COMPLETE: Verdict = { kind: "complete", duplicate: false };
const DUPLICATE: Verdict = { kind: "complete", duplicate: true };

/** Carries one delivery of a message through its attempts to a verdict. */
export class Attempts {
  private readonly backoff: Backoff;

  constructor(private readonly options: AttemptsOptions) {
    const { retryBaseMilliseconds, retryMaxMilliseconds } = options.delivery;
    this.backoff = { baseMilliseconds: retryBaseMilliseconds, maxMilliseconds: retryMaxMilliseconds };
  }

  /** The verdict on one delivery under its lock. Never rejects. */
  async run(message: SinkMessage, lock: HeldLock, received: ServiceBusReceivedMessage): Promise<Verdict> {
    const { guard, suspects } = this.options;
    if (!guard.tryEnter(message.key) && !(await guard.enter(message.key, lock.signal)))
      return this.stopped(message, lock, undefined);
    try {
      return await this.tryAll(message, lock, received);
    } finally {
      suspects.leave(message);
      guard.leave(message.key);
    }
  }

  private async tryAll(message: SinkMessage, lock: HeldLock, received: ServiceBusReceivedMessage): Promise<Verdict> {
    const { delivery, gate, suspects, clock, random, events } = this.options;
    let last: RetryOutcome | undefined;
    if (suspects.includes(message)) await suspects.turn(message, lock);
    for (let attempt = 1; ; attempt++) {
      if (!gate.open) await this.waitAtGate(message, lock);
      if (lock.stopped !== undefined) return this.stopped(message, lock, last);
      let outcome = await this.attempt(message, attempt, lock);
      if (outcome.kind === "done" && outcome.replies !== undefined)
        outcome = await this.replied(message, outcome, lock);
      suspects.leave(message);
      // What is durable is durable, even when the work was told to stop: a lock that holds may be completed.
      // A duplicate may have been found by reading alone: it does not say that the store takes anything.
      if (outcome.kind === "done" && !outcome.duplicate) gate.succeeded();
      if (outcome.kind === "done") return lock.holds ? (outcome.duplicate ? DUPLICATE : COMPLETE) : { kind: "nothing" };
      if (outcome.kind === "poison")
        return { kind: "deadLetter", reason: outcome.reason, description: outcome.description };
      last = outcome;
      events.retry(message, attempt, outcome);
      if (OUTAGES.has(outcome.code)) gate.suspect(outcome.description);
      if (lock.stopped !== undefined) return this.stopped(message, lock, last);
      if (outcome.delayMilliseconds !== undefined && this.options.reschedule !== undefined) {
        const verdict = await this.later(message, received, attempt, { ...outcome, delay: outcome.delayMilliseconds });
        if (verdict !== undefined) return verdict;
      }
      if (attempt >= delivery.attempts) return this.giveBack(message, outcome);
      await pause(
        clock,
        backoffMilliseconds(this.backoff, attempt, random, outcome.delayMilliseconds ?? 0),
        lock.signal,
      );
    }
  }

  /**
   * Leaves the message to a scheduled copy, as long as all copies together have not used up what the entity's deliveries
   * would have given it. Undefined where no copy could be sent: then it waits here.
   */
  private async later(
    message: SinkMessage,
    received: ServiceBusReceivedMessage,
    attempt: number,
    { code, description, delay }: RetryOutcome & { delay: number },
  ): Promise<Verdict | undefined> {
    const { reschedule, delivery, maxDeliveryCount, events } = this.options;
    const made = earlierAttempts(message) + attempt;
    const allowed = delivery.attempts * maxDeliveryCount;
    if (made >= allowed) {
      const all = `All ${allowed} attempts of ${maxDeliveryCount} deliveries, over scheduled copies, failed.`;
      return {
        kind: "deadLetter",
        reason: PoisonReason.AttemptsExhausted,
        description: `${all} The last error is ${code}: ${description}`,
      };
    }
    try {
      await reschedule?.(received, made, delay);
      return { kind: "rescheduled", code, description };
    } catch (error) {
      events.notScheduled(message, error);
      return undefined;
    }
  }

  /**
   * A message waits for the store under its lock, for up to `maxOutageSeconds`. On the entity's last delivery it waits as
   * long as it takes: given back, the broker would dead-letter it for an outage that is no fault of its own. A session is
   * given back at no cost, whichever delivery it is.
   */
  private async waitAtGate({ deliveryCount }: SinkMessage, lock: HeldLock): Promise<void> {
    const { gate, delivery, maxDeliveryCount } = this.options;
    if (lock.ofSession || deliveryCount < maxDeliveryCount) lock.limitTo(delivery.maxOutageSeconds * 1000);
    else lock.suspendLimit();
    await gate.whenOpen(lock.signal);
    lock.restartLimit();
  }

  /** One attempt of the sink, at what is from a producer that the pipeline trusts. */
  private attempt(message: SinkMessage, attempt: number, lock: HeldLock): Promise<Outcome> {
    const { batcher, verify } = this.options;
    if (verify === undefined) return batcher.submit(message, attempt, lock);
    return verify(message).then((unverified) => unverified ?? batcher.submit(message, attempt, lock));
  }

  /** Sends the replies that the sink asks for; the outcome of the attempt with them. */
  private async replied(message: SinkMessage, outcome: DoneOutcome, lock: HeldLock): Promise<Outcome> {
    const { replies, events } = this.options;
    const asked = outcome.replies ?? [];
    const refused = replies.refused(asked);
    if (refused !== undefined)
      return {
        kind: "poison",
        reason: PoisonReason.ReplyNotAllowed,
        description: `The sink answers to ${JSON.stringify(refused)}, which is not one of the pipeline's replyQueues.`,
      };
    for (const reply of asked) {
      try {
        await this.answer(message, reply, lock);
        events.reply("sent");
      } catch (error) {
        events.reply("failed");
        const why = error instanceof Error ? error.message : String(error);
        // The next attempt finds the effect in place and asks for the same replies, under the same ids.
        return { kind: "retry", code: RetryCode.NotReady, description: `No reply to ${reply.queue}: ${why}` };
      }
    }
    return outcome;
  }

  /**
   * Sends one reply. While new rights are on their way a refusal costs no attempt: the message waits under its lock
   * for as long as that may take. Rejects with the client's error.
   */
  private async answer(message: SinkMessage, reply: Reply, lock: HeldLock): Promise<void> {
    const { replies, propagation, clock, random } = this.options;
    for (let refusals = 1; ; refusals++) {
      try {
        await replies.send(message, reply);
        propagation.accepted(reply.queue);
        if (refusals > 1) lock.restartLimit();
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        propagation.refused(reply.queue, error);
        if (!propagation.underway || lock.stopped !== undefined) {
          if (refusals > 1) lock.restartLimit();
          throw error;
        }
      }
      lock.suspendLimit();
      await pause(clock, backoffMilliseconds(REFUSED, refusals, random, REFUSED.baseMilliseconds), lock.signal);
    }
  }

  /** The verdict on work that was told to stop before it came to an end. */
  private stopped(message: SinkMessage, lock: HeldLock, last: RetryOutcome | undefined): Verdict {
    if (!lock.holds) return { kind: "nothing" };
    if (lock.stopped === StopReason.Stopping) return { kind: "release" };
    const { gate, maxDeliveryCount } = this.options;
    // The store's fault: in a session nothing is abandoned, closing it costs no delivery.
    if (!gate.open && (lock.ofSession || message.deliveryCount < maxDeliveryCount)) return { kind: "release" };
    const limit = `not done within maxProcessingSeconds, ${this.options.delivery.maxProcessingSeconds}`;
    const description = last === undefined ? limit : `${limit}; last: ${last.description}`;
    return this.giveBack(message, { kind: "retry", code: last?.code ?? RetryCode.Interrupted, description });
  }

  /**
   * After the last attempt of this delivery. On the entity's last delivery the message is dead-lettered here,
   * with what went wrong: the broker would only say that the delivery count was exceeded.
   */
  private giveBack(message: SinkMessage, outcome: RetryOutcome): Verdict {
    const { delivery, maxDeliveryCount } = this.options;
    const { code, description } = outcome;
    if (message.deliveryCount < maxDeliveryCount) return { kind: "abandon", code, description };
    return {
      kind: "deadLetter",
      reason: PoisonReason.AttemptsExhausted,
      description:
        `Delivery ${message.deliveryCount} of ${maxDeliveryCount}, with ${delivery.attempts} ` +
        `${delivery.attempts === 1 ? "attempt" : "attempts"} each, failed. The last error is ${code}: ${description}`,
    };
  }
}

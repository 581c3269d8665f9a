import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { isLockLost } from "../../bus/errors.js";
import type { Clock } from "../../support/clock.js";
import type { Position } from "../browse.js";
import { forEachBounded } from "../concurrency.js";
import { type MessageCondition, sequenceOf } from "../selection.js";
import type { Plan } from "./plan.js";

/** The part of the client's receiver that is used; of the dead-letter queue. */
export type SweepReceiver = Pick<
  ServiceBusReceiver,
  | "receiveMessages"
  | "receiveDeferredMessages"
  | "peekMessages"
  | "completeMessage"
  | "abandonMessage"
  | "renewMessageLock"
  | "close"
>;

/** A dead letter that this command holds under its lock. */
export interface Held {
  readonly message: ServiceBusReceivedMessage;
  readonly receiver: SweepReceiver;
}

/** What became of one that is meant. */
export const Step = {
  /** It is gone from the dead-letter queue. */
  Done: "done",
  /** It stays where it is. */
  Kept: "kept",
  /** Its lock was lost: it comes again, if it is still there. */
  Lost: "lost",
} as const;
export type Step = (typeof Step)[keyof typeof Step];

/** Why a sweep ended. */
export const SweepEnd = {
  /** All that the plan counted were taken. */
  All: "all",
  /** No more came: what is missing is held by another receiver, or gone. */
  NoMore: "noMore",
  /** So many others lay before the next one that no more may be held. */
  TooManyHeld: "tooManyHeld",
  /** It was told to stop. */
  Stopped: "stopped",
} as const;
export type SweepEnd = (typeof SweepEnd)[keyof typeof SweepEnd];

export interface SweepOptions {
  openReceiver(): SweepReceiver;
  plan: Plan;
  means: MessageCondition;
  /** Does what is to be done with one. A throw ends the sweep; what is held is given back all the same. */
  act(held: Held): Promise<Step>;
  /** How many are acted on at once. 1 keeps their order. */
  concurrency: number;
  /** Dead letters taken at once. */
  take: number;
  /** Dead letters that are not meant, and held while the sweep goes on, at most. */
  maxHeld: number;
  /** How long an empty answer is waited for, in milliseconds. */
  waitMilliseconds: number;
  /** How long one whose lock was lost is waited for, in milliseconds. */
  lingerMilliseconds: number;
  clock: Clock;
  signal: AbortSignal;
}

export interface SweepResult {
  done: number;
  kept: number;
  /** Meant, and taken by somebody else meanwhile. */
  gone: number;
  end: SweepEnd;
}

/**
 * A link comes to a stand 2,048 deliveries behind one that stays unsettled: another link is opened long before that.
 */
const HELD_PER_LINK = 1_000;
const GIVE_BACK_AT_ONCE = 32;

/**
 * Takes dead letters from the head of the queue, acts on those that are meant, and holds the others under their locks so
 * that the next ones come; at the end the others are given back. A lock that runs out meanwhile only brings its message
 * again. Nothing is moved, deferred or changed; giving back raises the delivery count, which a dead-letter queue has no
 * limit for.
 */
export class Sweep {
  private readonly held = new Map<string, Held>();
  private readonly receivers: SweepReceiver[] = [];
  private onLink = 0;
  private readonly result: SweepResult = { done: 0, kept: 0, gone: 0, end: SweepEnd.All };
  /** Those whose lock was lost while they were acted on. */
  private readonly lost = new Set<string>();
  private lostAt = 0;
  /** True where the last batch brought what was held before. */
  private again = false;

  constructor(private readonly options: SweepOptions) {}

  /** Rejects with what `act` threw, or with the client's error; what was held is given back by then. */
  async run(): Promise<SweepResult> {
    try {
      await this.deferred();
      this.result.end = await this.active();
      return this.result;
    } finally {
      await this.giveBack();
    }
  }

  /** Deferred ones are fetched by their number: nothing lies before them. */
  private async deferred(): Promise<void> {
    const { plan, signal } = this.options;
    for (const number of plan.deferred) {
      if (signal.aborted) return;
      const receiver = this.receiver();
      await this.work(receiver, await fetched(receiver, number));
    }
  }

  private async active(): Promise<SweepEnd> {
    const { plan, maxHeld, signal, take, waitMilliseconds, clock } = this.options;
    while (!signal.aborted) {
      if (this.left <= 0) return SweepEnd.All;
      if (this.held.size >= maxHeld) return SweepEnd.TooManyHeld;
      const receiver = this.receiver();
      const batch = await this.receive(
        receiver,
        Math.min(take, maxHeld - this.held.size, this.expected),
        waitMilliseconds,
      );
      if (batch.length === 0) {
        const waits = this.lost.size > 0 && clock.now() - this.lostAt < this.options.lingerMilliseconds;
        if (!waits && !signal.aborted) return SweepEnd.NoMore;
      }
      await this.work(receiver, batch);
      // They come in order: behind the last one that is meant there is nothing to look for.
      const behind = plan.ordered && batch.length > 0 && !batch.some((message) => plan.covers(message));
      if (behind && this.lost.size === 0) return this.left <= 0 ? SweepEnd.All : SweepEnd.NoMore;
    }
    return SweepEnd.Stopped;
  }

  /** How many are meant and not dealt with. */
  private get left(): number {
    return this.options.plan.matched - this.result.done - this.result.kept - this.result.gone;
  }

  /** How many come before the last one that is meant has: asked for more, the client waits a second for them. */
  private get expected(): number {
    // Locks have run out: what was held comes again, any number of them.
    if (this.again) return Number.POSITIVE_INFINITY;
    const others = this.options.plan.before - (this.held.size - this.result.kept);
    return Math.max(1, this.left + Math.max(0, others));
  }

  private async receive(receiver: SweepReceiver, take: number, wait: number): Promise<ServiceBusReceivedMessage[]> {
    const { signal } = this.options;
    try {
      return await receiver.receiveMessages(take, { maxWaitTimeInMs: wait, abortSignal: signal });
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }

  /** Acts on what is meant of a batch, and keeps hold of the rest. */
  private async work(receiver: SweepReceiver, batch: ServiceBusReceivedMessage[]): Promise<void> {
    const { plan, means, signal, concurrency } = this.options;
    const room = this.left;
    this.again = batch.some((message) => this.held.has(sequenceOf(message)));
    const meant: Held[] = [];
    for (const message of batch) {
      const covered = message.state === "deferred" || plan.covers(message);
      const known = this.held.has(sequenceOf(message));
      if (covered && !known && meant.length < room && means(message)) meant.push({ message, receiver });
      else this.hold({ message, receiver });
    }
    let failed: unknown;
    await forEachBounded(meant, concurrency, async (held) => {
      if (signal.aborted || failed !== undefined) {
        this.hold(held);
        return;
      }
      try {
        await this.count(held, await this.options.act(held));
      } catch (error) {
        failed ??= error;
        this.hold(held);
      }
    });
    if (failed !== undefined) throw failed;
  }

  private async count(held: Held, step: Step): Promise<void> {
    const number = sequenceOf(held.message);
    this.lost.delete(number);
    if (step === Step.Done) this.result.done++;
    else if (step === Step.Kept) {
      this.result.kept++;
      this.hold(held);
    } else if (!(await isThere(held))) {
      this.result.gone++;
    } else {
      this.lost.add(number);
      this.lostAt = this.options.clock.now();
    }
  }

  private hold({ message, receiver }: Held): void {
    // Settling takes the lock alone: what is held for long is held without its body.
    message.body = undefined;
    message._rawAmqpMessage.body = undefined;
    this.held.set(sequenceOf(message), { message, receiver });
    this.onLink++;
  }

  private receiver(): SweepReceiver {
    const current = this.receivers.at(-1);
    if (current !== undefined && this.onLink < HELD_PER_LINK) return current;
    this.onLink = 0;
    const opened = this.options.openReceiver();
    this.receivers.push(opened);
    return opened;
  }

  /** Gives back what is held, so that others see it at once, and closes the links. Never rejects. */
  private async giveBack(): Promise<void> {
    await forEachBounded([...this.held.values()], GIVE_BACK_AT_ONCE, async ({ message, receiver }) => {
      // One whose lock has run out is free already.
      await receiver.abandonMessage(message).catch(() => undefined);
    });
    this.held.clear();
    for (const receiver of this.receivers) await receiver.close().catch(() => undefined);
  }
}

/** A deferred dead letter; none where it is gone. */
async function fetched(receiver: SweepReceiver, number: Position): Promise<ServiceBusReceivedMessage[]> {
  try {
    return await receiver.receiveDeferredMessages(number);
  } catch (error) {
    if (isLockLost(error)) return [];
    throw error;
  }
}

/** Whether a dead letter is still in its queue, under somebody's lock or free. */
async function isThere({ message, receiver }: Held): Promise<boolean> {
  const { sequenceNumber } = message;
  if (sequenceNumber === undefined) return false;
  const [found] = await receiver.peekMessages(1, { fromSequenceNumber: sequenceNumber });
  return found?.sequenceNumber?.equals(sequenceNumber) === true;
}

/**
 * Completes a dead letter; three tries, since the effect it stands for is there already. Where only the answer was lost the
 * dead letter is gone, which counts as completed.
 * @returns false where its lock was lost and it is still there: it comes again
 */
export async function complete(held: Held): Promise<boolean> {
  const { message, receiver } = held;
  for (let tries = 1; ; tries++) {
    try {
      await receiver.completeMessage(message);
      return true;
    } catch (error) {
      // Where it cannot even be looked for, the next try says more.
      if (!(await isThere(held).catch(() => true))) return true;
      if (isLockLost(error)) return false;
      if (tries === 3) throw error;
    }
  }
}

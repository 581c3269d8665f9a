import type { ServiceBusReceivedMessage, ServiceBusSender } from "@azure/service-bus";
import { type AmqpMessage, copyId, copyOf } from "../../bus/copy.js";
import { errorCode, errorText, isLockLost } from "../../bus/errors.js";
import { originalIdOf } from "../../bus/ids.js";
import { REPLAYS_PROPERTY, StowageError } from "../../contract/index.js";
import type { Clock } from "../../support/clock.js";
import type { Pacer } from "../concurrency.js";
import { isRefusal } from "../refusal.js";
import { sequenceOf } from "../selection.js";
import { complete, type Held, Step } from "./sweep.js";

/** The part of the client's sender that is used. */
export type ReplaySender = Pick<ServiceBusSender, "sendMessages">;

/** Why a dead letter stays where it is although it is meant. */
export interface Kept {
  /** int64 as decimal text. */
  sequenceNumber: string;
  messageId: string;
  /** `PropertyNotKept`, `WouldReachOthers`, or the client's code for a copy that was refused. */
  code: string;
  description: string;
}

export interface ReplayOptions {
  /** Path of the entity whose dead letters these are. */
  entity: string;
  sender: ReplaySender;
  /** True where the entity drops ids it knows, and where that is not known: the copy gets an id of its own. */
  newId: boolean;
  /** Properties that every copy gets. */
  properties: { readonly [name: string]: string };
  /** Throws a StowageError where a copy must not be sent; asked for each. */
  guard(copy: AmqpMessage): Promise<void>;
  pacer: Pacer;
  clock: Clock;
  signal: AbortSignal;
  /** Told of each that is kept. */
  onKept(kept: Kept): void;
}

/** A lock with less left than this, in milliseconds, is renewed before a copy is sent. */
const LOCK_LEFT_MILLISECONDS = 10_000;

/** The copy that a dead letter is replayed as. */
export function replayCopy(
  received: ServiceBusReceivedMessage,
  { entity, newId, properties }: Pick<ReplayOptions, "entity" | "newId" | "properties">,
): AmqpMessage {
  const before = received.applicationProperties?.[REPLAYS_PROPERTY];
  const replays = (typeof before === "number" && Number.isSafeInteger(before) && before > 0 ? before : 0) + 1;
  const original = originalIdOf(received);
  // The dead letter's own number is in it: two dead letters may have one id, and both want to come back.
  const own = copyId(original, `replay of ${entity} ${sequenceOf(received)}`, replays);
  const messageId = newId || original === "" ? own : original;
  return copyOf(received, { messageId, properties: { ...properties, [REPLAYS_PROPERTY]: replays } });
}

/** Replays dead letters one by one: the copy first, and only once it was accepted the dead letter is completed. */
export class Replay {
  /** Those whose copy was accepted and whose lock was lost before they were completed. */
  private readonly copied = new Set<string>();

  constructor(private readonly options: ReplayOptions) {}

  /** How many copies were accepted whose dead letters are still there. */
  get uncompleted(): number {
    return this.copied.size;
  }

  /** Rejects where no other would fare better either: the entity cannot be sent to. */
  async step(held: Held): Promise<Step> {
    const number = sequenceOf(held.message);
    if (this.copied.has(number)) return this.finish(held, number);
    const { options } = this;
    await options.pacer.turn(options.signal);
    // Told to stop while it waited: nothing was sent.
    if (options.signal.aborted) return this.giveUp(held);
    const copy = replayCopy(held.message, options);
    const lossy = changedProperty(copy);
    if (lossy !== undefined) return this.keep(held, "PropertyNotKept", lossy);
    try {
      await options.guard(copy);
    } catch (error) {
      if (error instanceof StowageError) return this.keep(held, error.code, error.message);
      throw error;
    }
    if (!(await this.locked(held))) return Step.Lost;
    try {
      await options.sender.sendMessages(copy);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.keep(held, errorCode(error), errorText(error));
    }
    this.copied.add(number);
    return this.finish(held, number);
  }

  private async finish(held: Held, number: string): Promise<Step> {
    if (!(await complete(held))) return Step.Lost;
    this.copied.delete(number);
    return Step.Done;
  }

  private async giveUp({ message, receiver }: Held): Promise<Step> {
    await receiver.abandonMessage(message).catch(() => undefined);
    return Step.Lost;
  }

  /** True once the lock lasts long enough for a copy to be sent. */
  private async locked({ message, receiver }: Held): Promise<boolean> {
    const until = message.lockedUntilUtc?.getTime() ?? 0;
    if (until - this.options.clock.now() > LOCK_LEFT_MILLISECONDS) return true;
    try {
      await receiver.renewMessageLock(message);
      return true;
    } catch (error) {
      if (isLockLost(error)) return false;
      throw error;
    }
  }

  private keep({ message }: Held, code: string, description: string): Step {
    const sequenceNumber = sequenceOf(message);
    this.options.onKept({ sequenceNumber, messageId: originalIdOf(message), code, description });
    return Step.Kept;
  }
}

/**
 * What the client cannot send as it came: it reads whole numbers beyond 2^53, UUIDs and decimals as bytes, and .NET's
 * own types as objects. Undefined where all is kept.
 */
function changedProperty({ applicationProperties = {} }: AmqpMessage): string | undefined {
  for (const [name, value] of Object.entries(applicationProperties)) {
    const kept = value === null || value instanceof Date || ["string", "number", "boolean"].includes(typeof value);
    if (!kept)
      return (
        `The property ${name} is of a type that this client cannot send as it came (a whole number beyond 2^53, a UUID, ` +
        "a decimal, bytes, or a type of .NET's own). It is left where it is: let its sender send it again."
      );
  }
  return undefined;
}

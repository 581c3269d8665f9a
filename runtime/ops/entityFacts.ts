import type { ServiceBusAdministrationClient } from "@azure/service-bus";
import { errorCode, errorText } from "../bus/errors.js";
import type { Target } from "./target.js";

/** What the administration says of an entity. Durations in seconds. */
export interface EntityFacts {
  lockDurationSeconds: number;
  maxDeliveryCount: number;
  sessions: boolean;
  /** Of a subscription: its topic's. */
  duplicateDetection: boolean;
  /** `Active`, `Disabled`, `SendDisabled`, `ReceiveDisabled`. */
  status: string;
  counts: { active: number; deadLetter: number; scheduled: number; transfer: number };
}

/** What was learnt of an entity, or why nothing could be. */
export type Learnt = { readonly facts: EntityFacts } | { readonly unseen: string; readonly missing: boolean };

/** Reads an entity as it is. Takes the manage right; without it, and without an administration, it says so. */
export async function learn(admin: ServiceBusAdministrationClient | undefined, target: Target): Promise<Learnt> {
  if (admin === undefined) return { unseen: "there is no administration to ask at this address", missing: false };
  try {
    return { facts: await ("queue" in target ? queueFacts(admin, target.queue) : subscriptionFacts(admin, target)) };
  } catch (error) {
    const missing = errorCode(error) === "MessageEntityNotFoundError";
    return { unseen: refusalText(error), missing };
  }
}

/** Why the administration gave no answer, in a few words. */
export function refusalText(error: unknown): string {
  const code = errorCode(error);
  if (code === "UnauthorizedRequestError")
    return "the identity may not manage it (Azure Service Bus Data Owner on the entity)";
  return code === "MessageEntityNotFoundError"
    ? "there is no such entity"
    : (errorText(error).split("\n", 1)[0] ?? code);
}

async function queueFacts(admin: ServiceBusAdministrationClient, name: string): Promise<EntityFacts> {
  const [queue, runtime] = await Promise.all([admin.getQueue(name), admin.getQueueRuntimeProperties(name)]);
  return {
    lockDurationSeconds: seconds(queue.lockDuration),
    maxDeliveryCount: queue.maxDeliveryCount,
    sessions: queue.requiresSession,
    duplicateDetection: queue.requiresDuplicateDetection,
    status: queue.status,
    counts: {
      active: runtime.activeMessageCount ?? 0,
      deadLetter: runtime.deadLetterMessageCount ?? 0,
      scheduled: runtime.scheduledMessageCount ?? 0,
      transfer: runtime.transferMessageCount ?? 0,
    },
  };
}

async function subscriptionFacts(
  admin: ServiceBusAdministrationClient,
  { topic, subscription }: { topic: string; subscription: string },
): Promise<EntityFacts> {
  const [above, own, runtime] = await Promise.all([
    admin.getTopic(topic),
    admin.getSubscription(topic, subscription),
    admin.getSubscriptionRuntimeProperties(topic, subscription),
  ]);
  return {
    lockDurationSeconds: seconds(own.lockDuration),
    maxDeliveryCount: own.maxDeliveryCount,
    sessions: own.requiresSession,
    duplicateDetection: above.requiresDuplicateDetection,
    status: own.status,
    counts: {
      active: runtime.activeMessageCount,
      deadLetter: runtime.deadLetterMessageCount,
      // A topic keeps what is scheduled; its subscriptions have none.
      scheduled: 0,
      transfer: runtime.transferMessageCount,
    },
  };
}

const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Seconds of an ISO 8601 duration as the service writes it, `PT1M30S`. */
export function seconds(duration: string): number {
  const match = DURATION.exec(duration);
  if (match === null) throw new Error(`The service says a duration of ${JSON.stringify(duration)}, which is none.`);
  const [days = 0, hours = 0, minutes = 0, rest = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return days * 86_400 + hours * 3_600 + minutes * 60 + rest;
}

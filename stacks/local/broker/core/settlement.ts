import type { PropertyChanges } from "./content.js";

/** How a message's stay, or one delivery of it, ended. */
export const SettledOutcome = {
  Completed: "completed",
  Abandoned: "abandoned",
  DeadLettered: "deadLettered",
  Deferred: "deferred",
  /** Given back without a delivery counted. */
  Released: "released",
  /** The lock ran out; a delivery counted. */
  LockExpired: "lockExpired",
  /** Handed out in receive-and-delete. */
  Consumed: "consumed",
  /** Its time to live ended and it was dropped. */
  Expired: "expired",
  /** Passed on to another entity. */
  Forwarded: "forwarded",
  /** It was to be passed on and could not be: it lies in the transfer dead-letter queue. */
  TransferFailed: "transferFailed",
  /** Deleted by number or time, without being handed out. */
  Purged: "purged",
} as const;
export type SettledOutcome = (typeof SettledOutcome)[keyof typeof SettledOutcome];

/** A message is dead-lettered; reason and description become application properties of it. */
export interface DeadLetter {
  readonly kind: "deadLetter";
  readonly reason?: string;
  readonly description?: string;
  readonly changes?: PropertyChanges;
}

/** What a receiver may say of a message it holds. */
export type Settlement =
  | { readonly kind: "complete" }
  | { readonly kind: "abandon"; readonly changes?: PropertyChanges }
  | { readonly kind: "defer"; readonly changes?: PropertyChanges }
  | { readonly kind: "release" }
  | DeadLetter;

/** The property names under which the service tells why a message was dead-lettered. */
const REASON = "DeadLetterReason";
const DESCRIPTION = "DeadLetterErrorDescription";

/** A message's changes so far, with what its dead-lettering adds. */
export function deadLetterChanges(before: PropertyChanges | undefined, why: DeadLetter): PropertyChanges {
  const changes = new Map([...(before ?? []), ...(why.changes ?? [])]);
  if (why.reason !== undefined) {
    changes.set(REASON, why.reason);
  }
  if (why.description !== undefined) {
    changes.set(DESCRIPTION, why.description);
  }
  return changes;
}

// The reasons and descriptions that the service gives itself (its documentation on dead-letter queues).

export const EXPIRED: DeadLetter = {
  kind: "deadLetter",
  reason: "TTLExpiredException",
  description: "The message expired and was dead lettered.",
};

export const SESSION_ID_MISSING: DeadLetter = {
  kind: "deadLetter",
  reason: "Session id is null.",
  description: "Session enabled entity doesn't allow a message whose session identifier is null.",
};

export const HOPS_EXCEEDED: DeadLetter = {
  kind: "deadLetter",
  reason: "MaxTransferHopCountExceeded",
  description:
    "The maximum number of allowed hops when forwarding between queues exceeded the limit. This value is set to 4.",
};

export function maxDeliveriesExceeded(maxDeliveryCount: number): DeadLetter {
  return {
    kind: "deadLetter",
    reason: "MaxDeliveryCountExceeded",
    description: `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`,
  };
}

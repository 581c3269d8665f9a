import { hash } from "node:crypto";

/** Idempotency key of a message: a second delivery under the same key changes nothing. */
export function messageKey(entity: string, messageId: string): string {
  return `${entity}\n${messageId}`;
}

/**
 * Property of a copy that carries the id under which its message was first sent: the copy has a new one wherever the
 * entity would drop a known id. It is the idempotency key everywhere.
 */
export const ORIGINAL_ID_PROPERTY = "stowage-original-id";
/** Property that counts how often a dead letter was replayed. */
export const REPLAYS_PROPERTY = "stowage-replays";
/** Property of a scheduled copy: the attempts that were made at its message before. */
export const ATTEMPTS_PROPERTY = "stowage-attempts";
/**
 * Property that counts the deliveries of a message that a worker ended by giving it back. All others ended without a
 * word: the worker died, or lost the lock.
 */
export const RETURNS_PROPERTY = "stowage-returns";

/** SHA-256 of a body, 64 hexadecimal digits. */
export function sha256(body: Uint8Array | string): string {
  return hash("sha256", body);
}

/** Message id of a reply: the same for every attempt at the same request. 64 hexadecimal digits. */
export function replyMessageId(key: string, kind: string): string {
  return sha256(`${key}\n${kind}`);
}

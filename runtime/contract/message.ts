import { createHash } from "node:crypto";

/** Idempotency key of a message: a second delivery under the same key changes nothing. */
export function messageKey(entity: string, messageId: string): string {
  return `${entity}\n${messageId}`;
}

/** SHA-256 of a body, 64 hexadecimal digits. */
export function sha256(body: Uint8Array | string): string {
  return createHash("sha256").update(body).digest("hex");
}

/** Message id of a reply: the same for every attempt at the same request. 64 hexadecimal digits. */
export function replyMessageId(key: string, kind: string): string {
  return sha256(`${key}\n${kind}`);
}

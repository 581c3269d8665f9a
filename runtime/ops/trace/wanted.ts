import { messageKey, sha256 } from "../../contract/index.js";

/** A message as somebody asks for it. */
export interface Wanted {
  /** Its id; absent where only the hash of its key is known. */
  messageId?: string;
  /** Path of its entity; absent where any will do. */
  entity?: string;
  /** SHA-256 of its key, as it stands in the names of files on a volume and of commands at LINSTOR. */
  hash?: string;
}

const HASH = /^[0-9a-f]{64}$/;

/**
 * Reads a message id, an idempotency key (entity, line feed, id), or the SHA-256 of one. 64 hexadecimal digits may be
 * either an id or a hash: both are looked for.
 */
export function wantedOf(text: string, entity?: string): Wanted {
  const cut = text.indexOf("\n");
  if (cut >= 0) return { entity: text.slice(0, cut), messageId: text.slice(cut + 1) };
  return {
    messageId: text,
    ...(entity === undefined ? {} : { entity }),
    ...(HASH.test(text) ? { hash: text } : {}),
  };
}

export function isWanted(wanted: Wanted, entity: string, messageId: string): boolean {
  const named = wanted.messageId === messageId && (wanted.entity === undefined || wanted.entity === entity);
  return named || (wanted.hash !== undefined && sha256(messageKey(entity, messageId)) === wanted.hash);
}

/** Hashes under which a store may keep it. */
export function hashesOf({ messageId, hash }: Wanted, entity: string): string[] {
  const own = messageId === undefined ? [] : [sha256(messageKey(entity, messageId))];
  return hash === undefined ? own : [...own, hash];
}

/** Bytes of a block. As with Node's own pool, it goes when the last message in it goes: small, so that few bytes wait. */
const BLOCK_BYTES = 8_192;

let block = Buffer.alloc(0);
let used = 0;

/**
 * Room for bytes that stay as long as their message, not filled. They lie in blocks of their own: in Node's pool what
 * lives for a moment would lie between them, and a million small messages would cost half as much again.
 */
export function room(bytes: number): Buffer {
  if (bytes > BLOCK_BYTES / 2) return Buffer.allocUnsafeSlow(bytes);
  if (used + bytes > block.length) {
    block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    used = 0;
  }
  used += bytes;
  return block.subarray(used - bytes, used);
}

/** A copy, one after another, that stays. */
export function keep(parts: readonly Buffer[]): Buffer {
  const kept = room(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) at += part.copy(kept, at);
  return kept;
}

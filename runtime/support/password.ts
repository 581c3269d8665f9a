import { randomBytes } from "node:crypto";

/** Bytes of a password: 256 bits, which nobody guesses. */
const BYTES = 32;

/** A new password: 43 letters, digits, `-` and `_`. It is never logged, and stands in no argument and no variable. */
export function newPassword(): string {
  return randomBytes(BYTES).toString("base64url");
}

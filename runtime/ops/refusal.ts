import { errorCode, errorText } from "../bus/errors.js";

/** What the service says of a message that it did not take, as the client words it. */
const CONDITIONS =
  /^(InvalidOperationError|ArgumentError|ArgumentOutOfRangeError|DecodeError|PreconditionFailedError):/;

/**
 * True where the entity, or the client before it, surely did not take a message for the message's own sake: another one may
 * well be taken. False for everything that leaves it open, and for what is wrong with the entity or the way to it.
 */
export function isRefusal(error: unknown): boolean {
  const code = errorCode(error);
  if (code === "MessageSizeExceeded" || code === "TypeError" || code === "RangeError") return true;
  // The client has no code of its own for these.
  return code === "GeneralError" && CONDITIONS.test(errorText(error));
}

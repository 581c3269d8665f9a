/** What an error says: the client's own retries throw all that they met, the last one last. */
export function lastOf(error: unknown): unknown {
  return error instanceof AggregateError && error.errors.length > 0 ? lastOf(error.errors.at(-1)) : error;
}

/** The code of an error of the client or the system, `GeneralError` where it has none. */
export function errorCode(thrown: unknown): string {
  const error = lastOf(thrown);
  if (!(error instanceof Error)) return "GeneralError";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name === "Error" ? "GeneralError" : error.name;
}

/** True for the errors that say that the broker no longer honours the lock of a message or a session. */
export function isLockLost(error: unknown): boolean {
  const code = errorCode(error);
  return code === "MessageLockLost" || code === "SessionLockLost" || code === "MessageNotFound";
}

export function errorText(thrown: unknown): string {
  const error = lastOf(thrown);
  return error instanceof Error ? error.message : String(error);
}

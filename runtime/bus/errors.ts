/** The code of an error of the client or the system, `GeneralError` where it has none. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "GeneralError";
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name === "Error" ? "GeneralError" : error.name;
}

/** True for the errors that say that the broker no longer honours the lock of a message or a session. */
export function isLockLost(error: unknown): boolean {
  const code = errorCode(error);
  return code === "MessageLockLost" || code === "SessionLockLost" || code === "MessageNotFound";
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

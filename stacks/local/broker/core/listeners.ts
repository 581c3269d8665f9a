/**
 * Tells somebody outside what happened. What they throw is theirs: the broker has done what it tells of and goes on, and
 * the error comes up in the process on its own (`uncaughtException`), as that of any listener of a socket does.
 */
export function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

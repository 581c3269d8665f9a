/** The system's name of an error, `ENOENT`; empty where it has none. */
export function errno(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Tries of an operation that ended in a stale handle, and the wait between them in milliseconds. */
const STALE_TRIES = 5;
const STALE_WAIT_MILLISECONDS = 20;

/**
 * Does an operation on the volume, and again where it ended in ESTALE: a Gluster client sees that for a moment while
 * another one replaces what it looks at. Bounded: 5 tries within a tenth of a second.
 */
export async function onStore<T>(operation: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await operation();
    } catch (error) {
      if (errno(error) !== "ESTALE" || tries >= STALE_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, STALE_WAIT_MILLISECONDS));
    }
  }
}

/** Time as the worker sees it: injected, so that tests say what time it is. */
export interface Clock {
  /** Milliseconds since 1970. It never goes back, whatever happens to the machine's date. */
  now(): number;
  /** Calls `then` once after `milliseconds`; the function it returns calls it off. */
  after(milliseconds: number, then: () => void): () => void;
}

/** Looked up once: the getter costs more than the clock. */
const ORIGIN = performance.timeOrigin;

/** The machine's clock: monotonic, and it keeps counting while the process is stopped. */
export const systemClock: Clock = {
  now: () => ORIGIN + performance.now(),
  after: (milliseconds, then) => {
    const timer = setTimeout(then, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Waits; ends early, without an error, when the signal fires. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      callOff();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const callOff = clock.after(milliseconds, end);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** The promise's value, or a rejection with `message` where it takes longer than `milliseconds`. */
export async function within<T>(clock: Clock, milliseconds: number, promise: Promise<T>, message: string): Promise<T> {
  let callOff = (): void => undefined;
  const limit = new Promise<never>((_, reject) => {
    callOff = clock.after(milliseconds, () => reject(new Error(message)));
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    callOff();
  }
}

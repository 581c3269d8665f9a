/** Time as the engine sees it. Tests give one that they move by hand. */
export interface Clock {
  /** Milliseconds since 1970, never going backwards. */
  now(): number;
  /**
   * Runs something once, after at least `milliseconds`.
   * @returns what cancels it; harmless once it has run.
   */
  after(milliseconds: number, run: () => void): () => void;
}

/** The longest delay a Node timer takes before it fires at once instead. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Never changes while the process runs; asking for it anew each time costs as much as the time itself. */
const ORIGIN = performance.timeOrigin;

/**
 * The machine's time. It starts at the wall clock and moves with the monotonic one, so that a clock set back or forth
 * neither expires a lock nor keeps one. Its timers do not keep the process alive: the listening socket does.
 */
export const systemClock: Clock = {
  now: () => Math.floor(ORIGIN + performance.now()),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, Math.min(Math.max(0, Math.ceil(milliseconds)), LONGEST_TIMER));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Told once that a work must stop. */
export interface StopWatcher {
  workStopped(reason: unknown): void;
}

/** Work that can be told to stop. */
export interface Stoppable {
  /** Made when it is first asked for: most sinks never look. */
  readonly signal: AbortSignal;
  /** Why it must stop; undefined while it may go on. */
  readonly stopped: unknown;
  /** Who else is told, at most one at a time: a signal a message would cost more than most messages do. */
  watcher: StopWatcher | undefined;
}

/**
 * Says that several works must stop once all of them must: one message that has lost its lock must not stop the others of
 * its batch. Until it is released.
 */
export class StopOfAll implements StopWatcher {
  private controller: AbortController | undefined;
  private left: number;
  private stops = 0;
  private reason: unknown;

  constructor(private readonly works: readonly Stoppable[]) {
    this.left = works.length;
    for (const work of works) {
      if (work.stopped === undefined) work.watcher = this;
      else this.workStopped(work.stopped);
    }
  }

  /** Fires with the reason of the work that stopped last. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    this.fire();
    return this.controller.signal;
  }

  workStopped(reason: unknown): void {
    this.left--;
    this.stops++;
    this.reason = reason;
    this.fire();
  }

  /** The work is over: the others are not kept going by it. */
  leave(work: Stoppable): void {
    if (work.watcher !== this || work.stopped !== undefined) return;
    work.watcher = undefined;
    this.left--;
    this.fire();
  }

  release(): void {
    for (const work of this.works) if (work.watcher === this) work.watcher = undefined;
  }

  private fire(): void {
    if (this.left > 0 || this.stops === 0 || this.controller === undefined) return;
    if (!this.controller.signal.aborted) this.controller.abort(this.reason);
  }
}

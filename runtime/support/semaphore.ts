/** At most so many at once; the others wait their turn in the order in which they came. */
export class Semaphore {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param count from 1 */
  constructor(private readonly count: number) {}

  /** Takes a place where one is free. */
  tryEnter(): boolean {
    if (this.taken >= this.count) return false;
    this.taken++;
    return true;
  }

  /** Waits for a place and takes it. */
  enter(): Promise<void> {
    if (this.tryEnter()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Gives a place to the next one. To be called once for each that was taken. */
  leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.taken--;
    else next();
  }

  /** Runs the task in a place of its own. Rejects only as the task does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (!this.tryEnter()) await this.enter();
    try {
      return await task();
    } finally {
      this.leave();
    }
  }
}

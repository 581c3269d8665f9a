/** At most so many at once; the others wait their turn in the order in which they came. */
export class Slots {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly count: number) {}

  /** Takes a slot where one is free. */
  tryEnter(): boolean {
    if (this.taken >= this.count) return false;
    this.taken++;
    return true;
  }

  /** Waits for a slot and takes it. */
  enter(): Promise<void> {
    if (this.tryEnter()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Gives a slot to the next one. To be called once for each that was taken. */
  leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.taken--;
    else next();
  }
}

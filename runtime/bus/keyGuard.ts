/** Lets one holder at a time into each key: the same message, delivered twice, is never worked on twice at once. */
export class KeyGuard {
  private readonly waiting = new Map<string, (() => void)[]>();

  /** Holds the key where nobody else does. */
  tryEnter(key: string): boolean {
    if (this.waiting.has(key)) return false;
    this.waiting.set(key, []);
    return true;
  }

  /**
   * Waits until nobody else holds the key, then holds it until `leave` is called.
   * Resolves false, holding nothing, where the signal fires first.
   */
  enter(key: string, signal: AbortSignal): Promise<boolean> {
    const queue = this.waiting.get(key);
    if (queue === undefined) return Promise.resolve(this.tryEnter(key));
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const take = (): void => {
        signal.removeEventListener("abort", giveUp);
        resolve(true);
      };
      const giveUp = (): void => {
        queue.splice(queue.indexOf(take), 1);
        resolve(false);
      };
      queue.push(take);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Lets the next one in. To be called once for each successful `enter`. */
  leave(key: string): void {
    const next = this.waiting.get(key)?.shift();
    if (next === undefined) this.waiting.delete(key);
    else next();
  }

  /** Keys that are held now. */
  get size(): number {
    return this.waiting.size;
  }
}

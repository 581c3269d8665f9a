const NOBODY: readonly (() => void)[] = [];

/** Lets one holder at a time into each key: the same message, delivered twice, is never worked on twice at once. */
export class KeyGuard {
  /** Who waits for a key; NOBODY for one that is only held, so that most keys cost no list. */
  private readonly waiting = new Map<string, readonly (() => void)[]>();

  /** Holds the key where nobody else does. */
  tryEnter(key: string): boolean {
    if (this.waiting.has(key)) return false;
    this.waiting.set(key, NOBODY);
    return true;
  }

  /**
   * Waits until nobody else holds the key, then holds it until `leave` is called.
   * Resolves false, holding nothing, where the signal fires first.
   */
  enter(key: string, signal: AbortSignal): Promise<boolean> {
    if (this.tryEnter(key)) return Promise.resolve(true);
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const take = (): void => {
        signal.removeEventListener("abort", giveUp);
        resolve(true);
      };
      const giveUp = (): void => {
        const others = this.waiting.get(key)?.filter((other) => other !== take);
        if (others !== undefined) this.waiting.set(key, others);
        resolve(false);
      };
      this.waiting.set(key, [...(this.waiting.get(key) ?? NOBODY), take]);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Lets the next one in. To be called once for each successful `enter`. */
  leave(key: string): void {
    const waiting = this.waiting.get(key) ?? NOBODY;
    const [next] = waiting;
    if (next === undefined) this.waiting.delete(key);
    else {
      this.waiting.set(key, waiting.slice(1));
      next();
    }
  }

  /** Keys that are held now. */
  get size(): number {
    return this.waiting.size;
  }
}

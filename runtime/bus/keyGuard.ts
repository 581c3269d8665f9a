const NOBODY: readonly (() => void)[] = [];

/** Lets one holder at a time into each key: the same message, delivered twice, is never worked on twice at once. */
export class KeyGuard {
  /**
   * Who waits for a key; NOBODY for one that is only held, so that most keys cost no list. Not a Map, for the same reason
   * as in Bag: each table that a Map outgrows points to the next.
   */
  private readonly waiting: { [key: string]: readonly (() => void)[] } = Object.create(null);

  /** Holds the key where nobody else does. */
  tryEnter(key: string): boolean {
    if (this.waiting[key] !== undefined) return false;
    this.waiting[key] = NOBODY;
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
        const others = this.waiting[key]?.filter((other) => other !== take);
        if (others !== undefined) this.waiting[key] = others;
        resolve(false);
      };
      this.waiting[key] = [...(this.waiting[key] ?? NOBODY), take];
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Lets the next one in. To be called once for each successful `enter`. */
  leave(key: string): void {
    const waiting = this.waiting[key] ?? NOBODY;
    const [next] = waiting;
    if (next === undefined) Reflect.deleteProperty(this.waiting, key);
    else {
      this.waiting[key] = waiting.slice(1);
      next();
    }
  }

  /** Keys that are held now. */
  get size(): number {
    return Object.keys(this.waiting).length;
  }
}

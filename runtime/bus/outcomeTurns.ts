/** What a settlement says. Completions are all alike; every other one may carry a reason of its own. */
export type OutcomeKind = "complete" | "other";

/**
 * Lets settlements of one link out so that no two different ones leave in the same turn of the event loop. The AMQP
 * library under the client (rhea 3.0.5, `write_dispositions` in session.js) joins outcomes that wait for the same
 * write and whose delivery ids are adjacent into the first one, whatever the second says: a dead-lettered message
 * beside a completed one would be completed, and lost. Completions may go together, anything else goes alone.
 */
export class OutcomeTurns {
  private readonly waiting: { kind: OutcomeKind; go: () => void }[] = [];
  /** What leaves in this turn; undefined where nothing does. */
  private current: OutcomeKind | undefined;

  constructor(private readonly afterTurn: (step: () => void) => void = setImmediate) {}

  /** True where the settlement may leave at once; where not, it has to `enter`. */
  tryEnter(kind: OutcomeKind): boolean {
    if (this.waiting.length > 0 || !this.admits(kind)) return false;
    this.begin(kind);
    return true;
  }

  /** Resolves in the turn in which the settlement may leave; turns come in the order of the calls. */
  enter(kind: OutcomeKind): Promise<void> {
    if (this.tryEnter(kind)) return Promise.resolve();
    return new Promise((go) => this.waiting.push({ kind, go }));
  }

  private admits(kind: OutcomeKind): boolean {
    return this.current === undefined || (this.current === "complete" && kind === "complete");
  }

  private begin(kind: OutcomeKind): void {
    if (this.current === undefined) this.afterTurn(() => this.end());
    this.current = kind;
  }

  private end(): void {
    this.current = undefined;
    for (let next = this.waiting[0]; next !== undefined && this.admits(next.kind); next = this.waiting[0]) {
      this.waiting.shift();
      this.begin(next.kind);
      next.go();
    }
  }
}

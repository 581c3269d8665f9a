import type { Logger } from "../logger.js";

/** A line at most so often, in milliseconds: a collector that is away for a day is no reason for a day of lines. */
const LINE_MILLISECONDS = 60_000;
/** Characters of a description. */
const DESCRIPTION = 300;

/** Tells the log what went wrong with telemetry itself: at most one line a minute of each kind, and how often in all. */
export class Reports {
  private readonly kinds = new Map<string, { toldAt: number; since: number }>();

  /** `now` gives milliseconds that never go back. */
  constructor(
    private readonly logger: Logger,
    private readonly now: () => number,
  ) {}

  /** `description` must hold no value of a header, no token and no body. */
  note(kind: string, description: string): void {
    const known = this.kinds.get(kind) ?? { toldAt: Number.NEGATIVE_INFINITY, since: 0 };
    this.kinds.set(kind, known);
    known.since++;
    if (this.now() - known.toldAt < LINE_MILLISECONDS) return;
    const text = (description.split("\n", 1)[0] ?? "").slice(0, DESCRIPTION);
    this.logger.warn({ times: known.since, description: text }, kind);
    known.toldAt = this.now();
    known.since = 0;
  }
}

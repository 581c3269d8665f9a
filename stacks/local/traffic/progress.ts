/** A message that the broker has settled for good: what the figures of a run are made of. */
export interface SettledMessage {
  entity: string;
  messageId: string;
  enqueuedAt: number;
  settledAt: number;
  outcome: string;
}

/** Counts of one pipeline while its traffic runs. */
export interface PipelineCounts {
  pipeline: string;
  sent: number;
  completed: number;
  deadLettered: number;
  /** Milliseconds from enqueue to settlement, of the messages that were completed. */
  p50Ms: number;
  p99Ms: number;
  /** Milliseconds since something was settled last; undefined before the first. */
  quietMs?: number;
}

/** Follows one pipeline's messages from the broker's own events. A message counts once, by its id. */
export class PipelineProgress {
  private readonly latencies: number[] = [];
  private readonly completedIds = new Set<string>();
  private readonly deadIds = new Set<string>();
  private sentTotal = 0;
  private lastSettledAt: number | undefined;

  constructor(
    readonly pipeline: string,
    readonly entity: string,
  ) {}

  sent(total: number): void {
    this.sentTotal = total;
  }

  settled(event: SettledMessage): void {
    if (event.entity !== this.entity) return;
    this.lastSettledAt = event.settledAt;
    if (event.outcome === "deadLettered") this.deadIds.add(event.messageId);
    if (event.outcome !== "completed" || this.completedIds.has(event.messageId)) return;
    this.completedIds.add(event.messageId);
    this.latencies.push(event.settledAt - event.enqueuedAt);
  }

  counts(now: number): PipelineCounts {
    const sorted = [...this.latencies].sort((a, b) => a - b);
    return {
      pipeline: this.pipeline,
      sent: this.sentTotal,
      completed: this.completedIds.size,
      deadLettered: this.deadIds.size,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      ...(this.lastSettledAt === undefined ? {} : { quietMs: Math.max(0, now - this.lastSettledAt) }),
    };
  }
}

/** Nearest-rank percentile of sorted values; 0 where there are none. */
export function percentile(sorted: number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

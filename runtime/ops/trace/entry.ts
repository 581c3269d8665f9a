/** Who tells something of a message. */
export const Source = {
  /** An audit record. */
  Audit: "audit",
  /** A line of a worker's log, where its output was collected. */
  Log: "log",
  /** The manifest on a Gluster volume. */
  Volume: "volume",
  Linstor: "linstor",
  Cassandra: "cassandra",
  /** The entity, or its dead-letter queue. */
  Bus: "bus",
} as const;
export type Source = (typeof Source)[keyof typeof Source];

/** One thing that is known of a message. */
export interface TraceEntry {
  /** RFC 3339, by the clock of its source; absent where it has none. */
  time?: string;
  source: Source;
  /** Where it stands: worker and place in its chain, a path, a volume, a table, an entity. */
  where: string;
  what: string;
  /** SHA-256 of the message's body, where the source keeps it. */
  bodySha256?: string;
  traceId?: string;
}

/** A source that could not be asked. */
export interface TraceFailure {
  source: Source;
  reason: string;
}

/**
 * In the order of time; what has none comes last. Of the same millisecond a result that was stored stands before the
 * record that says so, and everything else behind the records.
 */
export function inTime(entries: readonly TraceEntry[]): TraceEntry[] {
  const of = ({ time }: TraceEntry): number => (time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time));
  const stored = entries.filter(({ source }) => source === Source.Volume);
  const others = entries.filter(({ source }) => source !== Source.Volume);
  return [...stored, ...others].sort((a, b) => (of(a) === of(b) ? 0 : of(a) - of(b)));
}

/** Why a row is not written for the sake of its event's time: the label `why` of `stowage_cassandra_out_of_time_total`. */
export const OutOfTime = {
  /** Further ahead of the worker's clock than the table takes: poison. */
  Ahead: "ahead",
  /** Older than the table takes, or than tombstones are kept: poison. */
  TooOld: "too_old",
  /** Its time to live is over: done without a write. */
  Expired: "expired",
} as const;
export type OutOfTime = (typeof OutOfTime)[keyof typeof OutOfTime];

/** What the Cassandra sink's gauges show, read when somebody asks. */
export interface CassandraState {
  /** Batches that are on their way now. */
  readonly inFlight: number;
  /** How many may be, from 1 to the pipeline's `maxInFlight`. */
  readonly limit: number;
  /** Share of the last 10,000 rows or so that went to the most frequent partition, 0 to 1. */
  readonly hottestShare: number;
}

/** What the Cassandra sink tells of itself. */
export interface CassandraMetrics {
  /** A batch was sent, again where it is sent again: its rows, and about how many bytes they are. */
  sent(rows: number, bytes: number): void;
  outOfTime(why: OutOfTime): void;
  /** Where the gauges are read from. */
  watch(state: CassandraState): void;
}

/** What a sink tells of itself beside its calls of the store. */
export interface SinkMetrics {
  /** Absent from the metrics until it is first asked for. */
  readonly cassandra: CassandraMetrics;
}

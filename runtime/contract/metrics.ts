import { PoisonReason, RetryCode } from "./codes.js";
import { OutOfTime } from "./sinkMetrics.js";

/** What became of a delivery: the label `outcome` of `stowage_messages_total`. */
export const DeliveryOutcome = {
  /** The effect is durable and the message is completed. */
  Done: "done",
  /** It was done before; the message is completed. */
  Duplicate: "duplicate",
  DeadLettered: "dead_lettered",
  /** Given back to the entity after the attempts of this delivery. */
  Abandoned: "abandoned",
  /** A copy was scheduled for later and this message completed. */
  Rescheduled: "rescheduled",
  /** Given back because the process ends or the session is closed. */
  Released: "released",
  /** Its lock was lost: nothing was settled. */
  LockLost: "lock_lost",
  /** The entity did not take the settlement; the message comes again. */
  Unsettled: "unsettled",
} as const;
export type DeliveryOutcome = (typeof DeliveryOutcome)[keyof typeof DeliveryOutcome];

/** What a metric counts or measures, by Prometheus's conventions. */
export interface MetricDefinition {
  type: "counter" | "gauge" | "histogram";
  /** What it is, with its unit and when it is absent. */
  help: string;
  /** Labels beside `pipeline` and `sink`, which every metric has; a list holds all values that the label takes. */
  labels?: { [label: string]: readonly string[] | "open" };
  /** Upper bounds of a histogram's buckets, in its unit. */
  buckets?: readonly number[];
  /** Where it is absent, when: a panel over it is then rightly empty. */
  onlyWith?: string;
}

/** From a write of a few milliseconds to a job of an hour, in seconds. */
const PROCESSING_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600] as const;
/** From a message that was awaited to one that waited for a week, in seconds. */
const AGE_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 604_800] as const;
/** One call of a store: from a read in memory to a call that hangs, in seconds. */
const CALL_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
/** From one small row to the largest batch that a pipeline may ask for, in bytes. */
const BYTE_BUCKETS = [256, 1_024, 4_096, 10_240, 20_480, 40_960, 65_536, 131_072, 262_144, 524_288, 1_048_576] as const;
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500] as const;

/**
 * Every metric of a worker: what the worker makes, what its docs, dashboards and alerts may name. The process's own
 * (`process_*`, `nodejs_*`, the event loop's lag among them) come beside these.
 */
export const METRICS = {
  stowage_messages_total: {
    type: "counter",
    help: "Deliveries by what became of them.",
    labels: { outcome: Object.values(DeliveryOutcome) },
  },
  stowage_processing_seconds: {
    type: "histogram",
    help: "Time from receipt of a message to the end of its settlement.",
    buckets: PROCESSING_BUCKETS,
  },
  stowage_message_age_seconds: {
    type: "histogram",
    help: "Time from when the entity took a message to each receipt of it.",
    buckets: AGE_BUCKETS,
  },
  stowage_settled_age_seconds: {
    type: "histogram",
    help: "Time from when the entity took a message to its settlement: completed or dead-lettered.",
    buckets: AGE_BUCKETS,
  },
  stowage_sink_seconds: {
    type: "histogram",
    help: "Duration of one call of the sink, which carries a batch.",
    buckets: PROCESSING_BUCKETS,
  },
  stowage_batch_messages: {
    type: "histogram",
    help: "Messages of one call of the sink.",
    buckets: BATCH_BUCKETS,
  },
  stowage_store_call_seconds: {
    type: "histogram",
    help: "Duration of one call of the store, by the sink's operation and whether it failed.",
    labels: { operation: "open", result: ["ok", "failed"] },
    buckets: CALL_BUCKETS,
  },
  stowage_in_flight_messages: { type: "gauge", help: "Messages that are held now." },
  stowage_held_bytes: { type: "gauge", help: "Bytes of the bodies that are held now." },
  stowage_open_sessions: { type: "gauge", help: "Sessions that are held now.", onlyWith: "sessions" },
  stowage_last_progress_timestamp_seconds: {
    type: "gauge",
    help: "When something was received, renewed or settled last, in seconds since 1970.",
  },
  stowage_queue_oldest_age_seconds: {
    type: "gauge",
    help: "Age of the oldest message that waits in the entity, found by peeking; 0 where none waits.",
  },
  stowage_dead_letter_oldest_age_seconds: {
    type: "gauge",
    help: "Age of the oldest dead letter, since the entity took its message, found by peeking; 0 where there is none.",
  },
  stowage_queue_messages: {
    type: "gauge",
    help: "Messages of the entity by state, as the service counts them.",
    labels: { state: ["active", "dead_letter", "scheduled"] },
    onlyWith: "observe",
  },
  stowage_retries_total: {
    type: "counter",
    help: "Attempts that failed although another may succeed, by code.",
    labels: { code: Object.values(RetryCode) },
  },
  stowage_dead_lettered_total: {
    type: "counter",
    help: "Messages moved to the dead-letter queue by reason.",
    labels: { reason: Object.values(PoisonReason) },
  },
  stowage_replies_total: { type: "counter", help: "Replies by result.", labels: { result: ["sent", "failed"] } },
  stowage_lock_renewals_total: {
    type: "counter",
    help: "Renewals of message and session locks by result.",
    labels: { result: ["renewed", "failed"] },
  },
  stowage_lock_lost_total: { type: "counter", help: "Locks that were lost while their message was in work." },
  stowage_lock_duration_seconds: { type: "gauge", help: "The entity's lock duration." },
  stowage_lock_short: {
    type: "gauge",
    help: "1 where the lock is shorter than the 99th percentile of processing, as the pipeline states it or as measured.",
  },
  stowage_circuit_open: { type: "gauge", help: "1 while the store's failure keeps the intake shut." },
  stowage_circuit_openings_total: { type: "counter", help: "Times that the store's failure shut the intake." },
  stowage_store_up: { type: "gauge", help: "1 where the store was usable at the last look." },
  stowage_bus_connected: { type: "gauge", help: "1 while a receiver is attached to the source entity." },
  stowage_receiver_errors_total: {
    type: "counter",
    help: "Errors that the receiver reported, by the client's code.",
    labels: { code: "open" },
  },
  stowage_recycles_total: {
    type: "counter",
    help: "What the watchdog replaced because messages waited and none came.",
    labels: { what: ["receiver", "client"] },
  },
  stowage_token_expires_seconds: {
    type: "gauge",
    help: "Seconds until the access token in use expires; negative once it has.",
    onlyWith: "identity",
  },
  stowage_token_refreshes_total: {
    type: "counter",
    help: "Requests for an access token by result.",
    labels: { result: ["ok", "failed"] },
    onlyWith: "identity",
  },
  stowage_audit_records_total: { type: "counter", help: "Audit records that were written.", onlyWith: "audit" },
  stowage_audit_head_info: {
    type: "gauge",
    help: "1, with the head of the audit's chain as it was exported last: its sequence number and hash.",
    labels: { sequence: "open", head: "open" },
    onlyWith: "audit",
  },
  stowage_cassandra_batch_rows: {
    type: "histogram",
    help: "Rows of one batch that was sent to the ring.",
    buckets: BATCH_BUCKETS,
    onlyWith: "cassandra",
  },
  stowage_cassandra_batch_bytes: {
    type: "histogram",
    help: "Bytes of the rows of one batch that was sent to the ring, about.",
    buckets: BYTE_BUCKETS,
    onlyWith: "cassandra",
  },
  stowage_cassandra_in_flight_batches: {
    type: "gauge",
    help: "Batches that are on their way to the ring now.",
    onlyWith: "cassandra",
  },
  stowage_cassandra_in_flight_limit: {
    type: "gauge",
    help: "Batches that may be on their way now: maxInFlight, or fewer while the ring is slow.",
    onlyWith: "cassandra",
  },
  stowage_cassandra_hot_partition_ratio: {
    type: "gauge",
    help: "Share of the last 10,000 rows or so that went to the most frequent partition, 0 to 1; 0 before 1,000 rows.",
    onlyWith: "cassandra",
  },
  stowage_cassandra_out_of_time_total: {
    type: "counter",
    help: "Rows that were not written for the sake of their event's time, by why.",
    labels: { why: Object.values(OutOfTime) },
    onlyWith: "cassandra",
  },
} as const satisfies { [name: string]: MetricDefinition };

/** Names of the worker's metrics. */
export type MetricName = keyof typeof METRICS;

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import {
  type CassandraMetrics,
  type CassandraState,
  DeliveryOutcome,
  METRICS,
  type MetricDefinition,
  type MetricName,
  type SinkMetrics,
} from "../contract/index.js";
import { PlainHistogram } from "./plainHistogram.js";

export { DeliveryOutcome } from "../contract/index.js";

type Definitions = typeof METRICS;
type LabelsOf<N extends MetricName> = Definitions[N] extends { labels: infer L } ? keyof L & string : never;
type NamesOf<T> = { [N in MetricName]: Definitions[N]["type"] extends T ? N : never }[MetricName];

/** All that a worker measures, by the names of the catalogue in the contract. */
export interface WorkerMetrics extends SinkMetrics {
  registry: Registry;
  messages: Counter<LabelsOf<"stowage_messages_total">>;
  processing: Histogram;
  age: Histogram;
  settledAge: Histogram;
  sinkSeconds: Histogram;
  batchMessages: Histogram;
  storeCalls: Histogram<LabelsOf<"stowage_store_call_seconds">>;
  /** What the gauges of messages and bytes held, and of progress, show: read when somebody asks, not set each time. */
  held: HeldNow;
  /** Absent from the registry until first asked for: there are no sessions. */
  readonly sessions: Gauge;
  readonly queueOldestAge: Gauge;
  readonly deadLetterOldestAge: Gauge;
  /** Absent from the registry until first asked for: there is no right to count. */
  readonly queueMessages: Gauge<LabelsOf<"stowage_queue_messages">>;
  lockRenewals: Counter<LabelsOf<"stowage_lock_renewals_total">>;
  lockLost: Counter;
  lockDuration: Gauge;
  lockShort: Gauge;
  retries: Counter<LabelsOf<"stowage_retries_total">>;
  deadLettered: Counter<LabelsOf<"stowage_dead_lettered_total">>;
  replies: Counter<LabelsOf<"stowage_replies_total">>;
  receiverErrors: Counter<LabelsOf<"stowage_receiver_errors_total">>;
  recycles: Counter<LabelsOf<"stowage_recycles_total">>;
  circuitOpen: Gauge;
  circuitOpenings: Counter;
  storeUp: Gauge;
  busConnected: Gauge;
  readonly tokenExpires: Gauge;
  readonly tokenRefreshes: Counter<LabelsOf<"stowage_token_refreshes_total">>;
  readonly auditRecords: Counter;
  readonly auditHead: Gauge<LabelsOf<"stowage_audit_head_info">>;
}

/** What a worker holds now. */
export interface HeldNow {
  /** Messages held, and the bytes of their bodies. */
  ledger: { readonly held: number; readonly heldBytes: number };
  /** When something was received, renewed or settled last, in milliseconds since 1970; 0 before the first. */
  progressAt: number;
  /** Deliveries that are done and not counted yet: the counter is told when somebody asks, not each time. */
  done: number;
  /** When the access token in use expires, in milliseconds since 1970; undefined before there is one. */
  tokenExpiresAt?: number;
}

/** Makes the metrics in a registry of their own, with the process's default ones (CPU, memory, event loop). */
export function createMetrics(labels: { pipeline: string; sink: string }): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  const held: HeldNow = { ledger: { held: 0, heldBytes: 0 }, progressAt: 0, done: 0 };
  const { counter, gauge, histogram } = makers(registry);
  gauge("stowage_in_flight_messages", () => held.ledger.held);
  gauge("stowage_held_bytes", () => held.ledger.heldBytes);
  gauge("stowage_last_progress_timestamp_seconds", () => held.progressAt / 1000);
  const late = {
    sessions: once(() => gauge("stowage_open_sessions")),
    queueOldestAge: once(() => gauge("stowage_queue_oldest_age_seconds")),
    deadLetterOldestAge: once(() => gauge("stowage_dead_letter_oldest_age_seconds")),
    queueMessages: once(() => gauge("stowage_queue_messages")),
    tokenExpires: once(() =>
      gauge("stowage_token_expires_seconds", () => ((held.tokenExpiresAt ?? Number.NaN) - Date.now()) / 1000),
    ),
    tokenRefreshes: once(() => counter("stowage_token_refreshes_total")),
    auditRecords: once(() => counter("stowage_audit_records_total")),
    auditHead: once(() => gauge("stowage_audit_head_info")),
    cassandra: once(() => cassandraMetrics(makers(registry))),
  };
  return {
    registry,
    held,
    messages: counter("stowage_messages_total", (messages) => {
      messages.inc({ outcome: DeliveryOutcome.Done }, held.done);
      held.done = 0;
    }),
    processing: histogram("stowage_processing_seconds"),
    age: histogram("stowage_message_age_seconds"),
    settledAge: histogram("stowage_settled_age_seconds"),
    sinkSeconds: histogram("stowage_sink_seconds"),
    batchMessages: histogram("stowage_batch_messages"),
    storeCalls: histogram("stowage_store_call_seconds"),
    lockRenewals: counter("stowage_lock_renewals_total"),
    lockLost: counter("stowage_lock_lost_total"),
    lockDuration: gauge("stowage_lock_duration_seconds"),
    lockShort: gauge("stowage_lock_short"),
    retries: counter("stowage_retries_total"),
    deadLettered: counter("stowage_dead_lettered_total"),
    replies: counter("stowage_replies_total"),
    receiverErrors: counter("stowage_receiver_errors_total"),
    recycles: counter("stowage_recycles_total"),
    circuitOpen: gauge("stowage_circuit_open"),
    circuitOpenings: counter("stowage_circuit_openings_total"),
    storeUp: gauge("stowage_store_up"),
    busConnected: gauge("stowage_bus_connected"),
    get sessions() {
      return late.sessions();
    },
    get queueOldestAge() {
      return late.queueOldestAge();
    },
    get deadLetterOldestAge() {
      return late.deadLetterOldestAge();
    },
    get queueMessages() {
      return late.queueMessages();
    },
    get tokenExpires() {
      return late.tokenExpires();
    },
    get tokenRefreshes() {
      return late.tokenRefreshes();
    },
    get auditRecords() {
      return late.auditRecords();
    },
    get auditHead() {
      return late.auditHead();
    },
    get cassandra() {
      return late.cassandra();
    },
  };
}

function cassandraMetrics({ counter, gauge, histogram }: ReturnType<typeof makers>): CassandraMetrics {
  let state: CassandraState = { inFlight: 0, limit: 0, hottestShare: 0 };
  gauge("stowage_cassandra_in_flight_batches", () => state.inFlight);
  gauge("stowage_cassandra_in_flight_limit", () => state.limit);
  gauge("stowage_cassandra_hot_partition_ratio", () => state.hottestShare);
  const rows = histogram("stowage_cassandra_batch_rows");
  const bytes = histogram("stowage_cassandra_batch_bytes");
  const outOfTime = counter("stowage_cassandra_out_of_time_total");
  return {
    sent: (count, size) => {
      rows.observe(count);
      bytes.observe(size);
    },
    outOfTime: (why) => outOfTime.inc({ why }),
    watch: (watched) => {
      state = watched;
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Makers of metrics by the catalogue. */
function makers(registry: Registry) {
  const configuration = <N extends MetricName>(name: N) => {
    const definition: MetricDefinition = METRICS[name];
    const labelNames = Object.keys(definition.labels ?? {}) as LabelsOf<N>[];
    return { name, help: definition.help, labelNames, registers: [registry] };
  };
  return {
    counter: <N extends NamesOf<"counter">>(name: N, add?: (counter: Counter<LabelsOf<N>>) => void) =>
      new Counter<LabelsOf<N>>({
        ...configuration(name),
        ...(add === undefined
          ? {}
          : {
              collect() {
                add(this);
              },
            }),
      }),
    gauge: <N extends NamesOf<"gauge">>(name: N, value?: () => number) =>
      new Gauge<LabelsOf<N>>({
        ...configuration(name),
        ...(value === undefined
          ? {}
          : {
              collect() {
                this.set(value());
              },
            }),
      }),
    histogram: <N extends NamesOf<"histogram">>(name: N): Histogram<LabelsOf<N>> => {
      const settings = { ...configuration(name), buckets: [...METRICS[name].buckets] };
      return settings.labelNames.length === 0 ? new PlainHistogram(settings) : new Histogram<LabelsOf<N>>(settings);
    },
  };
}

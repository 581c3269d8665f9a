/** Readings of a worker for two hours, 30 seconds apart, in promtool's notation: `0+30x240` is 0, 30, 60 … */
export interface Readings {
  [series: string]: string | undefined;
}

/** When every case is judged: after two hours. */
export const JUDGED_AT = "2h";

/** A worker whom nobody has to look at. */
export const HEALTHY: Readings = {
  "stowage_bus_connected{}": "1x240",
  "stowage_store_up{}": "1x240",
  "stowage_circuit_open{}": "0x240",
  "stowage_last_progress_timestamp_seconds{}": "0+30x240",
  "stowage_queue_oldest_age_seconds{}": "20x240",
  "stowage_dead_letter_oldest_age_seconds{}": "0x240",
  "stowage_lock_short{}": "0x240",
  "stowage_lock_lost_total{}": "2x240",
  "stowage_messages_total{outcome=done}": "0+30x240",
  "stowage_dead_lettered_total{reason=InvalidBody}": "7x240",
  "stowage_retries_total{code=JobFailed}": "0+1x240",
  "stowage_recycles_total{what=receiver}": "1x240",
  "stowage_token_expires_seconds{}": "43000-30x240",
  "stowage_token_refreshes_total{result=ok}": "1x240",
  "stowage_audit_records_total{}": "0+60x240",
  "stowage_cassandra_hot_partition_ratio{}": "0.1x240",
  "stowage_cassandra_out_of_time_total{why=expired}": "4x240",
  "process_start_time_seconds{}": "100x240",
  "stowage_message_age_seconds_bucket{le=1}": "0+30x240",
  "stowage_message_age_seconds_bucket{le=900}": "0+30x240",
  "stowage_message_age_seconds_bucket{le=3600}": "0+30x240",
  "stowage_message_age_seconds_bucket{le=+Inf}": "0+30x240",
};

/** A case in which alerts fire, these and no others. */
export interface AlertCase {
  what: string;
  /** What is otherwise than with a healthy worker; undefined where there is no such series. */
  readings: Readings;
  /** What fires, with the labels of the series that it is about, and the value as its text shows it. */
  fires: { alert: string; labels?: { [label: string]: string }; shown?: string }[];
}

const gone = Object.fromEntries(Object.keys(HEALTHY).map((name) => [name, undefined]));
/** Read for the last seven minutes only. */
const late = Object.fromEntries(Object.entries(HEALTHY).map(([name, values]) => [name, `_x225 ${values}`]));
const standing = {
  "stowage_last_progress_timestamp_seconds{}": "0+30x210 6300x29",
  "stowage_queue_oldest_age_seconds{}": "0x209 0+30x30",
};

export const CASES: AlertCase[] = [
  { what: "a healthy worker", readings: {}, fires: [] },
  {
    what: "no progress while messages wait",
    readings: standing,
    fires: [{ alert: "StowageNoProgress", shown: "15m 0s" }],
  },
  {
    what: "a worker that never received anything, while messages wait",
    readings: { ...standing, "stowage_last_progress_timestamp_seconds{}": "0x240" },
    fires: [{ alert: "StowageNoProgress", shown: "1h 58m 20s" }],
  },
  {
    what: "no progress, and nothing waits",
    readings: { ...standing, "stowage_queue_oldest_age_seconds{}": "0x240" },
    fires: [],
  },
  {
    what: "no progress, as the store's failure keeps the intake shut",
    readings: { ...standing, "stowage_circuit_open{}": "1x240" },
    fires: [{ alert: "StowageCircuitOpen" }],
  },
  {
    what: "a receiver that the watchdog replaced",
    readings: { "stowage_recycles_total{what=receiver}": "1x200 2x39" },
    fires: [{ alert: "StowageRecycled", labels: { what: "receiver" }, shown: "1" }],
  },
  {
    what: "a client that it replaced, the first of a worker's life",
    readings: { "stowage_recycles_total{what=client}": "_x230 1x9" },
    fires: [{ alert: "StowageRecycled", labels: { what: "client" }, shown: "1" }],
  },
  { what: "no worker", readings: gone, fires: [{ alert: "StowageWorkerAbsent" }] },
  {
    what: "a worker that is started again and again",
    readings: { "process_start_time_seconds{}": "100x200 6100x9 6500x9 7000x20" },
    fires: [{ alert: "StowageWorkerRestarts", shown: "3" }],
  },
  {
    what: "a worker without a receiver",
    readings: { "stowage_bus_connected{}": "1x200 0x39" },
    fires: [{ alert: "StowageBusDisconnected" }],
  },
  {
    what: "a store that is down",
    readings: { "stowage_store_up{}": "1x200 0x39" },
    fires: [{ alert: "StowageStoreDown" }],
  },
  {
    what: "a circuit that is open",
    readings: { "stowage_circuit_open{}": "0x200 1x39" },
    fires: [{ alert: "StowageCircuitOpen" }],
  },
  {
    what: "a circuit that was open for a moment",
    readings: { "stowage_circuit_open{}": "0x235 1x4" },
    fires: [],
  },
  {
    what: "dead letters of two reasons, one of them new",
    readings: {
      "stowage_dead_lettered_total{reason=InvalidBody}": "7x230 9x9",
      "stowage_dead_lettered_total{reason=JobRefused}": "_x235 1x4",
    },
    fires: [
      { alert: "StowageDeadLetters", labels: { reason: "InvalidBody" }, shown: "2" },
      { alert: "StowageDeadLetters", labels: { reason: "JobRefused" }, shown: "1" },
    ],
  },
  {
    what: "what happened before Prometheus began to read",
    readings: {
      ...late,
      "stowage_last_progress_timestamp_seconds{}": "_x225 6780+30x14",
      "stowage_dead_lettered_total{reason=InvalidBody}": "_x225 500x14",
      "stowage_lock_lost_total{}": "_x225 30x14",
      "stowage_recycles_total{what=receiver}": "_x225 2x14",
    },
    fires: [],
  },
  {
    what: "dead letters of a worker that has just started",
    readings: {
      ...late,
      "process_start_time_seconds{}": "_x225 6750x14",
      "stowage_last_progress_timestamp_seconds{}": "_x225 6780+30x14",
      "stowage_dead_lettered_total{reason=InvalidBody}": "_x225 3x14",
      "stowage_lock_lost_total{}": "_x225 0x14",
      "stowage_recycles_total{what=receiver}": undefined,
      "stowage_cassandra_out_of_time_total{why=expired}": undefined,
    },
    fires: [{ alert: "StowageDeadLetters", labels: { reason: "InvalidBody" }, shown: "3" }],
  },
  {
    what: "a dead letter of yesterday",
    readings: { "stowage_dead_letter_oldest_age_seconds{}": "90000x240" },
    fires: [{ alert: "StowageDeadLetterAge", shown: "1d 1h 0m 0s" }],
  },
  {
    what: "a lock that was lost",
    readings: { "stowage_lock_lost_total{}": "2x230 3x9" },
    fires: [{ alert: "StowageLockLost", shown: "1" }],
  },
  {
    what: "a lock that is too short",
    readings: { "stowage_lock_short{}": "1x240" },
    fires: [{ alert: "StowageLockShort" }],
  },
  {
    what: "messages that wait for long, while others are taken",
    readings: { "stowage_queue_oldest_age_seconds{}": "2000x240" },
    fires: [{ alert: "StowageQueueAge", shown: "33m 20s" }],
  },
  {
    what: "as many failed attempts as deliveries",
    readings: { "stowage_retries_total{code=JobFailed}": "0+30x240" },
    fires: [{ alert: "StowageRetriesHigh", shown: "100" }],
  },
  {
    what: "a token that is about to end",
    readings: { "stowage_token_expires_seconds{}": "7300-30x240" },
    fires: [{ alert: "StowageTokenExpiring", shown: "100" }],
  },
  {
    what: "tokens that are refused",
    readings: { "stowage_token_refreshes_total{result=failed}": "0+1x240" },
    fires: [{ alert: "StowageTokenRefreshFailing", shown: "30" }],
  },
  {
    what: "messages that are settled without a record",
    readings: { "stowage_audit_records_total{}": "5x240" },
    fires: [{ alert: "StowageAuditStalled" }],
  },
  {
    what: "records that cannot be written",
    readings: {
      "stowage_retries_total{code=AuditUnavailable}": "_x200 1+1x39",
      "stowage_audit_records_total{}": "5x240",
      "stowage_messages_total{outcome=done}": "0+30x200 6000x39",
      "stowage_messages_total{outcome=abandoned}": "0+1x240",
      "stowage_retries_total{code=JobFailed}": undefined,
    },
    fires: [{ alert: "StowageAuditStalled" }, { alert: "StowageRetriesHigh", shown: "100" }],
  },
  {
    what: "a ring that sheds writes",
    readings: { "stowage_retries_total{code=StoreOverloaded}": "_x200 0+1x39" },
    fires: [{ alert: "StowageStoreOverloaded", shown: "30" }],
  },
  {
    what: "a ring that shed some writes an hour ago",
    readings: { "stowage_retries_total{code=StoreOverloaded}": "_x100 5x139" },
    fires: [],
  },
  {
    what: "one partition that takes most of the rows",
    readings: { "stowage_cassandra_hot_partition_ratio{}": "0.1x200 0.75x39" },
    fires: [{ alert: "StowageHotPartition", shown: "75" }],
  },
  {
    what: "one partition that took most of the rows for some minutes",
    readings: { "stowage_cassandra_hot_partition_ratio{}": "0.1x220 0.75x19" },
    fires: [],
  },
  {
    what: "events from the future, the first of a worker's life, and rows that were over before they were written",
    readings: {
      "stowage_cassandra_out_of_time_total{why=ahead}": "_x230 3x9",
      "stowage_cassandra_out_of_time_total{why=expired}": "4x230 6x9",
    },
    fires: [
      { alert: "StowageEventsOutOfTime", labels: { why: "ahead" }, shown: "3" },
      { alert: "StowageEventsOutOfTime", labels: { why: "expired" }, shown: "2" },
    ],
  },
  {
    what: "messages that are received late",
    readings: {
      "stowage_message_age_seconds_bucket{le=1}": "0x240",
      "stowage_message_age_seconds_bucket{le=900}": "0x240",
    },
    fires: [{ alert: "StowageMessageAge", shown: "59m 33s" }],
  },
];

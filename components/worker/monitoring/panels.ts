import { cassandraRow } from "./cassandraPanels.js";
import {
  type Of,
  of,
  one,
  type PanelDefinition,
  type PanelRow,
  quantiles,
  RATE_WINDOW,
  rate,
  sum,
} from "./panelParts.js";

/** The rows of a pipeline's dashboard. What a pipeline does not have has no panel: an empty one would only worry. */
export function panelRows(p: Of): PanelRow[] {
  return [
    throughput(p),
    age(p),
    lag(p),
    store(p),
    cassandraRow(p),
    work(p),
    retries(p),
    locks(p),
    deadLetters(p),
    bus(p),
  ]
    .concat(tokensAndAudit(p), processes(p))
    .filter(({ panels }) => panels.length > 0);
}

const throughput = (p: Of): PanelRow => ({
  title: "Throughput",
  panels: [
    one(
      "Deliveries by outcome",
      "ops",
      "What became of each delivery. Everything but done and duplicate deserves a question.",
      sum(rate(p, "stowage_messages_total"), "outcome"),
      "{{outcome}}",
    ),
    one(
      "Messages in one call of the sink",
      "short",
      "Size of batches. Near 1 at high load means that batches are sent before they fill.",
      `${sum(rate(p, "stowage_batch_messages_sum"))} / ${sum(rate(p, "stowage_batch_messages_count"))}`,
      "messages",
    ),
    ...(p.pipeline.replyQueues.length === 0
      ? []
      : [
          one(
            "Replies by result",
            "ops",
            "Answers sent to reply queues. A failed one costs its message an attempt.",
            sum(rate(p, "stowage_replies_total"), "result"),
            "{{result}}",
          ),
        ]),
  ],
});

const age = (p: Of): PanelRow => ({
  title: "Age",
  panels: [
    {
      title: "Age at receipt",
      unit: "s",
      description: "Since the entity took a message, at each receipt of it: how far behind the workers are.",
      queries: quantiles(p, "stowage_message_age_seconds"),
    },
    {
      title: "Age at settlement",
      unit: "s",
      description: "Since the entity took a message, when it was completed or dead-lettered: what a producer sees.",
      queries: quantiles(p, "stowage_settled_age_seconds"),
    },
    {
      title: "Processing",
      unit: "s",
      description: "From receipt to the end of settlement, with all attempts. Above the lock it lives on renewals.",
      queries: quantiles(p, "stowage_processing_seconds"),
    },
  ],
});

const lag = (p: Of): PanelRow => ({
  title: "Lag",
  panels: [
    one(
      "Age of the oldest message that waits",
      "s",
      "Found by peeking; 0 where none waits.",
      `max(${of(p, "stowage_queue_oldest_age_seconds")})`,
      "oldest",
    ),
    ...(p.pipeline.observe
      ? [
          one(
            "Messages in the entity by state",
            "short",
            "As the service counts them.",
            `max by (state) (${of(p, "stowage_queue_messages")})`,
            "{{state}}",
          ),
        ]
      : []),
  ],
});

const store = (p: Of): PanelRow => ({
  title: "Sink and store",
  panels: [
    {
      title: "Calls of the sink",
      unit: "s",
      description: "One call carries a batch.",
      queries: quantiles(p, "stowage_sink_seconds"),
    },
    {
      title: "Calls of the store",
      unit: "s",
      description: "By the sink's operation: where the time of a message goes.",
      queries: quantiles(p, "stowage_store_call_seconds", "operation"),
    },
    one(
      "Calls of the store by operation and result",
      "ops",
      "Failed calls are tried again, and shut the intake where the whole store is down.",
      sum(rate(p, "stowage_store_call_seconds_count"), "operation, result"),
      "{{operation}} {{result}}",
    ),
  ],
});

const work = (p: Of): PanelRow => ({
  title: "In work",
  panels: [
    one(
      "Messages held",
      "short",
      `By worker; at most ${p.pipeline.delivery.concurrency} ${p.pipeline.source.sessions ? "sessions" : "messages"} are in work at once.`,
      of(p, "stowage_in_flight_messages"),
      "{{pod}}",
    ),
    one(
      "Bytes of bodies held",
      "bytes",
      `By worker; taking stops above ${p.pipeline.delivery.maxHeldBytes} bytes.`,
      of(p, "stowage_held_bytes"),
      "{{pod}}",
    ),
    ...(p.pipeline.source.sessions
      ? [one("Sessions held", "short", "By worker.", of(p, "stowage_open_sessions"), "{{pod}}")]
      : []),
  ],
});

const retries = (p: Of): PanelRow => ({
  title: "Retries and circuit",
  panels: [
    one(
      "Failed attempts by code",
      "ops",
      "Attempts that failed although another may succeed.",
      sum(rate(p, "stowage_retries_total"), "code"),
      "{{code}}",
    ),
    {
      title: "Store and circuit",
      unit: "short",
      description:
        "Store up: 1 where every worker's last look succeeded. Circuit open: 1 while any worker's intake is shut.",
      queries: [
        { expr: `min(${of(p, "stowage_store_up")})`, legend: "store up" },
        { expr: `max(${of(p, "stowage_circuit_open")})`, legend: "circuit open" },
      ],
    },
    one(
      "Times that the store's failure shut the intake",
      "short",
      "In each stretch of the graph.",
      sum(`increase(${of(p, "stowage_circuit_openings_total")}[${RATE_WINDOW}])`),
      "openings",
    ),
  ],
});

const locks = (p: Of): PanelRow => ({
  title: "Locks",
  panels: [
    one(
      "Renewals by result",
      "ops",
      "A lock is renewed at half of what remains of it.",
      sum(rate(p, "stowage_lock_renewals_total"), "result"),
      "{{result}}",
    ),
    one(
      "Locks lost",
      "short",
      "While their message was in work, in each stretch of the graph. It comes again and costs a delivery.",
      sum(`increase(${of(p, "stowage_lock_lost_total")}[${RATE_WINDOW}])`),
      "lost",
    ),
    {
      title: "Lock against processing",
      unit: "s",
      description: "Where the 99th percentile of processing comes near the lock, one missed renewal loses it.",
      queries: [
        { expr: `min(${of(p, "stowage_lock_duration_seconds")})`, legend: "lock" },
        ...quantiles(p, "stowage_processing_seconds").slice(1),
      ],
    },
    one(
      "Lock too short",
      "short",
      "1 where a worker finds the lock shorter than its 99th percentile, as stated or measured.",
      `max(${of(p, "stowage_lock_short")})`,
      "too short",
    ),
  ],
});

const deadLetters = (p: Of): PanelRow => ({
  title: "Dead letters",
  panels: [
    one(
      "Dead-lettered by reason",
      "ops",
      "The worker's own; what the service dead-letters by itself (expiry) is not in it.",
      sum(rate(p, "stowage_dead_lettered_total"), "reason"),
      "{{reason}}",
    ),
    one(
      "Age of the oldest dead letter",
      "s",
      "Since the entity took its message; 0 where there is none.",
      `max(${of(p, "stowage_dead_letter_oldest_age_seconds")})`,
      "oldest",
    ),
  ],
});

const bus = (p: Of): PanelRow => ({
  title: "Bus",
  panels: [
    one(
      "Workers and receivers",
      "short",
      "By worker: 1 while a receiver is attached to the entity.",
      of(p, "stowage_bus_connected"),
      "{{pod}}",
    ),
    one(
      "Errors of receivers by code",
      "ops",
      "By the client's code. Single ones are the network's; many are looked at with their log lines.",
      sum(rate(p, "stowage_receiver_errors_total"), "code"),
      "{{code}}",
    ),
    one(
      "Replaced by the watchdog",
      "short",
      "Receivers and clients, because messages waited and none came; in each stretch of the graph.",
      sum(`increase(${of(p, "stowage_recycles_total")}[${RATE_WINDOW}])`, "what"),
      "{{what}}",
    ),
    one(
      "Time since the last progress",
      "s",
      "By worker. It grows while nothing is sent; with messages waiting it is an alarm.",
      // 0 before the first, which would be half a century.
      `time() - (${of(p, "stowage_last_progress_timestamp_seconds")} > 0)`,
      "{{pod}}",
    ),
  ],
});

function tokensAndAudit(p: Of): PanelRow {
  const token: PanelDefinition[] = [
    one(
      "Access token ends in",
      "s",
      "By worker. It is refreshed long before it ends: a saw that never comes near 0.",
      of(p, "stowage_token_expires_seconds"),
      "{{pod}}",
    ),
    one(
      "Requests for a token by result",
      "ops",
      "A failed one is tried again until the token ends.",
      sum(rate(p, "stowage_token_refreshes_total"), "result"),
      "{{result}}",
    ),
  ];
  const audit: PanelDefinition[] = [
    one("Audit records", "ops", "Written, in all.", sum(rate(p, "stowage_audit_records_total")), "records"),
    {
      ...one(
        "Head of the audit",
        "short",
        "As it was exported last, by worker: with it `stowage audit verify` proves the chain up to there.",
        of(p, "stowage_audit_head_info"),
        "{{pod}} {{sequence}} {{head}}",
      ),
      kind: "text",
    },
  ];
  return {
    title: "Tokens and audit",
    panels: [...(p.identity ? token : []), ...(p.pipeline.audit === undefined ? [] : audit)],
  };
}

const processes = (p: Of): PanelRow => ({
  title: "Process",
  panels: [
    one("CPU", "short", "Cores in use, by worker.", rate(p, "process_cpu_seconds_total"), "{{pod}}"),
    {
      title: "Memory",
      unit: "bytes",
      description: "Resident, and the parts of it that the heap and bodies take. It is flat after the first minutes.",
      queries: [
        { expr: of(p, "process_resident_memory_bytes"), legend: "{{pod}} resident" },
        { expr: of(p, "nodejs_heap_size_used_bytes"), legend: "{{pod}} heap" },
        { expr: of(p, "nodejs_external_memory_bytes"), legend: "{{pod}} external" },
      ],
    },
    one(
      "Lag of the event loop",
      "s",
      "99th percentile, by worker. Near a second, locks are renewed late.",
      of(p, "nodejs_eventloop_lag_p99_seconds"),
      "{{pod}}",
    ),
    one(
      "Starts",
      "short",
      "Of processes in their pods, in each stretch of the graph.",
      `changes(${of(p, "process_start_time_seconds")}[${RATE_WINDOW}])`,
      "{{pod}}",
    ),
  ],
});

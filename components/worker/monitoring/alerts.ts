import type { WorkerAlertsArgs } from "../monitoringArgs.js";
import { type AlertDefinition, type AlertedPipeline, fixed, pooled } from "./alertParts.js";
import { CASSANDRA_ALERTS } from "./cassandraAlerts.js";
import { type Happened, happened, POOLED, series } from "./promql.js";

/** An alert by its key in the args. */
export type AlertKey = keyof WorkerAlertsArgs;

const needsIdentity = ({ identity }: AlertedPipeline) =>
  identity ? undefined : "goes with workers that log in, which these do not: their bus is a development emulator";

/** Every alert but that on the age of messages, by its key in the args. The README has them as a table. */
export const ALERTS: { readonly [K in AlertKey]-?: AlertDefinition } = {
  noProgress: {
    alert: "StowageNoProgress",
    defaults: {
      threshold: ({ pipeline }) => pipeline.delivery.noProgressSeconds,
      forSeconds: 60,
      severity: "critical",
    },
    expr: (of, { threshold }) => {
      // Before its first message a worker counts from its start.
      const progress = pooled("max", `${series(of, "stowage_last_progress_timestamp_seconds")} > 0`);
      const since = `time() - (${progress} or ${pooled("max", series(of, "process_start_time_seconds"))})`;
      const waiting = pooled("max", series(of, "stowage_queue_oldest_age_seconds"));
      const shut = pooled("max", series(of, "stowage_circuit_open"));
      // A store that is down keeps the intake shut on purpose, and has alerts of its own.
      return `(${since}) > ${threshold} and ${waiting} > ${threshold} unless ${shut} == 1`;
    },
    texts: ({ pipeline }, { threshold }) => ({
      summary: `Pipeline ${pipeline.name} stands still while messages wait`,
      description:
        "No worker has received, renewed or settled anything for {{ $value | humanizeDuration }}, and a message has " +
        `waited for longer than ${threshold} s. The workers' own watchdog has not mended it.`,
      action:
        "Look at /readyz and the last log lines of a worker, then at the bus: its status in Azure, the entity's state " +
        "(disabled?), the worker's receive right. Restart the deployment if nothing is wrong there, and keep the logs.",
    }),
  },
  recycled: {
    alert: "StowageRecycled",
    defaults: { threshold: fixed(0), windowSeconds: 3_600, forSeconds: 0, severity: "warning" },
    expr: (of, { threshold, windowSeconds }) =>
      `${happened(of, { name: "stowage_recycles_total", by: ["what"] }, windowSeconds)} > ${threshold}`,
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `Workers of pipeline ${pipeline.name} replaced their {{ $labels.what }}`,
      description:
        "Messages waited and none came, so that the watchdog replaced the {{ $labels.what }} {{ $value }} times in " +
        `${windowSeconds} s. Messages flow again, later than they should.`,
      action:
        "Compare the times with the network's and the bus's (failovers, firewalls that drop idle connections, throttled " +
        "requests). Where it comes again and again, lower delivery.noProgressSeconds until the cause is found.",
    }),
  },
  absent: {
    alert: "StowageWorkerAbsent",
    defaults: { forSeconds: 300, severity: "critical" },
    quiet: ({ mayBeEmpty }) => mayBeEmpty,
    expr: (of) => `absent(${series(of, "stowage_bus_connected")})`,
    texts: ({ pipeline, namespace }) => ({
      summary: `Prometheus reads no worker of pipeline ${pipeline.name}`,
      description:
        "There is no worker, or its metrics cannot be reached. Messages wait in the entity; no other alert on this " +
        "pipeline can be raised meanwhile.",
      action:
        `kubectl -n ${namespace} get pods -l app.kubernetes.io/instance=${pipeline.name}: pods that wait for a node, an ` +
        "image or a volume say so in their events. Where they run, look at the targets of Prometheus and at the network " +
        "policy, which lets in the namespace of monitoring alone.",
    }),
  },
  restarts: {
    alert: "StowageWorkerRestarts",
    defaults: { threshold: fixed(2), windowSeconds: 3_600, forSeconds: 0, severity: "warning" },
    expr: (of, { threshold, windowSeconds }) =>
      `sum by (${POOLED}) (changes(${series(of, "process_start_time_seconds")}[${windowSeconds}s])) > ${threshold}`,
    texts: ({ pipeline, namespace }, { windowSeconds }) => ({
      summary: `Workers of pipeline ${pipeline.name} end and are started again`,
      description:
        `{{ $value }} times in ${windowSeconds} s. Outside sessions each such end costs the messages in work one ` +
        `delivery of ${pipeline.source.maxDeliveryCount}; with too many of them an innocent message is dead-lettered.`,
      action:
        `kubectl -n ${namespace} describe pod: reason and exit status of the last end. OOMKilled: raise resources.memory ` +
        "or lower delivery.maxHeldBytes; 3: something it needs is missing; 4: no progress; 5: its identity is refused.",
    }),
  },
  busDisconnected: {
    alert: "StowageBusDisconnected",
    defaults: { forSeconds: 300, severity: "critical" },
    expr: (of) => `${pooled("min", series(of, "stowage_bus_connected"))} == 0`,
    texts: ({ pipeline }) => ({
      summary: `A worker of pipeline ${pipeline.name} has no receiver at its entity`,
      description: "It is not attached to the bus and tries again without an end to it; it receives nothing meanwhile.",
      action:
        "Its /readyz and its log say why: a name that does not resolve, a port that is closed (5671), a right that was " +
        "taken away, an entity that is gone or disabled. `stowage doctor` tries each of them.",
    }),
  },
  storeDown: {
    alert: "StowageStoreDown",
    defaults: { forSeconds: 300, severity: "critical" },
    expr: (of) => `${pooled("min", series(of, "stowage_store_up"))} == 0`,
    texts: ({ pipeline }) => ({
      summary: `The store of pipeline ${pipeline.name} is not usable`,
      description:
        "A worker's last look at the store failed. Messages are not lost: they wait, those in work under their locks for " +
        `at most ${pipeline.delivery.maxOutageSeconds} s, then they are given back.`,
      action:
        "Mend the store; workers find out by themselves and go on. Their /readyz says what failed. Before " +
        "delivery.maxOutageSeconds is over: scale the deployment to 0 where the outage will last, which costs one delivery.",
    }),
  },
  circuitOpen: {
    alert: "StowageCircuitOpen",
    defaults: { forSeconds: 300, severity: "warning" },
    expr: (of) => `${pooled("max", series(of, "stowage_circuit_open"))} == 1`,
    texts: ({ pipeline }) => ({
      summary: `The store's failure keeps the intake of pipeline ${pipeline.name} shut`,
      description:
        "Calls of the store fail, so that a worker begins no attempt until a probe succeeds: an outage shall not use up " +
        "the attempts of every message.",
      action:
        "Look at the failed store calls by operation on the dashboard. A store that passes its probe and takes nothing " +
        "is tried once a minute at most: then its writes are what fails (rights, quorum, space).",
    }),
  },
  deadLetters: {
    alert: "StowageDeadLetters",
    defaults: { threshold: fixed(0), windowSeconds: 900, forSeconds: 0, severity: "warning" },
    expr: (of, { threshold, windowSeconds }) =>
      `${happened(of, { name: "stowage_dead_lettered_total", by: ["reason"] }, windowSeconds)} > ${threshold}`,
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `Pipeline ${pipeline.name} dead-letters messages: {{ $labels.reason }}`,
      description:
        `{{ $value }} messages in ${windowSeconds} s were moved to the dead-letter queue for the reason ` +
        "{{ $labels.reason }}. They stay there, as they were sent, until somebody replays or purges them.",
      action:
        "`stowage dlq list` shows them by reason, `stowage dlq show` one with its description. AttemptsExhausted: find " +
        "what failed in the log by message id, mend it, replay. Any other: who sends them must mend them.",
    }),
  },
  deadLetterAge: {
    alert: "StowageDeadLetterAge",
    defaults: { threshold: fixed(86_400), forSeconds: 300, severity: "warning" },
    expr: (of, { threshold }) =>
      `${pooled("max", series(of, "stowage_dead_letter_oldest_age_seconds"))} > ${threshold}`,
    texts: ({ pipeline }) => ({
      summary: `A dead letter of pipeline ${pipeline.name} is {{ $value | humanizeDuration }} old`,
      description:
        "Nobody has dealt with it. Dead letters never expire by themselves, and count towards the entity's size.",
      action:
        "`stowage dlq list` shows what is there; `stowage dlq replay` sends it again, `stowage dlq purge` removes it.",
    }),
  },
  lockLost: {
    alert: "StowageLockLost",
    defaults: { threshold: fixed(0), windowSeconds: 900, forSeconds: 0, severity: "warning" },
    expr: (of, { threshold, windowSeconds }) =>
      `${happened(of, { name: "stowage_lock_lost_total" }, windowSeconds)} > ${threshold}`,
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `Pipeline ${pipeline.name} lost locks of messages that were in work`,
      description:
        `{{ $value }} in ${windowSeconds} s. Such a message is not settled: it comes again, and costs a delivery. Its ` +
        "effect, if there was one, is recognised and not repeated.",
      action:
        "The log names message, elapsed time and lock duration. Shortly after receipt: the worker was stopped or starved " +
        "(event-loop lag, CPU limit). After maxProcessingSeconds: the work takes longer than it may. All at once: a " +
        "failover of the bus.",
    }),
  },
  lockShort: {
    alert: "StowageLockShort",
    defaults: { forSeconds: 900, severity: "warning" },
    expr: (of) => `${pooled("max", series(of, "stowage_lock_short"))} == 1`,
    texts: ({ pipeline }) => ({
      summary: `The lock of pipeline ${pipeline.name} is shorter than its slow messages take`,
      description:
        `The entity's lock is ${pipeline.source.lockDurationSeconds} s; one message in a hundred takes longer and lives on ` +
        "renewals, each of which may fail.",
      action:
        "Raise lockDurationSeconds of the entity (300 s at most, in place, no message is lost), or find out why the store " +
        "got slower: store calls on the dashboard.",
    }),
  },
  queueAge: {
    alert: "StowageQueueAge",
    defaults: { threshold: fixed(900), forSeconds: 300, severity: "warning" },
    expr: (of, { threshold }) => `${pooled("max", series(of, "stowage_queue_oldest_age_seconds"))} > ${threshold}`,
    texts: ({ pipeline }, { threshold }) => ({
      summary: `Messages of pipeline ${pipeline.name} wait for {{ $value | humanizeDuration }}`,
      description: `The oldest message that waits is older than ${threshold} s: less is taken than is sent.`,
      action:
        "In flight at its most: more replicas or a higher delivery.concurrency, where the store has room (its p99 on the " +
        "dashboard). In flight low: look at circuit, bus and retries.",
    }),
  },
  retries: {
    alert: "StowageRetriesHigh",
    defaults: { threshold: fixed(50), windowSeconds: 900, forSeconds: 300, severity: "warning" },
    expr: (of, { threshold, windowSeconds }) => {
      const failed = happened(of, { name: "stowage_retries_total" }, windowSeconds);
      const ended = happened(of, { name: "stowage_messages_total" }, windowSeconds);
      return `100 * ${failed} / ${ended} > ${threshold}`;
    },
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `Many attempts of pipeline ${pipeline.name} fail`,
      description:
        `{{ $value | humanize }} in 100 deliveries over ${windowSeconds} s. Each message has ` +
        `${pipeline.delivery.attempts} attempts at a delivery; when all of all deliveries are used up it is dead-lettered.`,
      action:
        "The codes are on the dashboard, what failed in the log by message id. JobFailed, JobTimeout: the job. " +
        "StoreTimeout: the store is slow. KeysUnavailable: an issuer's keys. AuditUnavailable: the audit's destination.",
    }),
  },
  tokenExpiring: {
    alert: "StowageTokenExpiring",
    defaults: { threshold: fixed(300), forSeconds: 60, severity: "critical" },
    needs: needsIdentity,
    expr: (of, { threshold }) => `${pooled("min", series(of, "stowage_token_expires_seconds"))} < ${threshold}`,
    texts: ({ pipeline }) => ({
      summary: `The access token of pipeline ${pipeline.name} is about to end`,
      description:
        "It has {{ $value }} s left and is refreshed long before that, so that refreshing fails. When it ends, the bus " +
        "closes the links.",
      action:
        "The log says what Entra ID answers. Look at the federated credential (issuer, subject, audience), at the service " +
        "account's annotation, and at the way out to login.microsoftonline.com on 443.",
    }),
  },
  tokenRefresh: {
    alert: "StowageTokenRefreshFailing",
    defaults: { threshold: fixed(2), windowSeconds: 900, forSeconds: 300, severity: "warning" },
    needs: needsIdentity,
    expr: (of, { threshold, windowSeconds }) => {
      const refused: Happened = { name: "stowage_token_refreshes_total", only: ['result="failed"'] };
      return `${happened(of, refused, windowSeconds)} > ${threshold}`;
    },
    texts: ({ pipeline }, { windowSeconds }) => ({
      summary: `Access tokens of pipeline ${pipeline.name} cannot be had`,
      description: `{{ $value }} requests failed in ${windowSeconds} s. The token in use still holds; messages flow until it ends.`,
      action:
        "As for StowageTokenExpiring, with more time. In the first ten minutes of a new identity it may be right: new " +
        "credentials take minutes to count.",
    }),
  },
  audit: {
    alert: "StowageAuditStalled",
    defaults: { windowSeconds: 900, forSeconds: 300, severity: "critical" },
    needs: ({ pipeline }) =>
      pipeline.audit === undefined ? "goes with the pipeline's audit, which there is none of" : undefined,
    expr: (of, { windowSeconds }) => {
      const refused: Happened = { name: "stowage_retries_total", only: ['code="AuditUnavailable"'] };
      const settled: Happened = { name: "stowage_messages_total", only: ['outcome=~"done|duplicate|dead_lettered"'] };
      const count = (what: Happened) => `${happened(of, what, windowSeconds)} > 0`;
      return `${count(refused)} or (${count(settled)} unless ${count({ name: "stowage_audit_records_total" })})`;
    },
    texts: ({ pipeline }) => ({
      summary: `The audit of pipeline ${pipeline.name} does not advance`,
      description:
        "Records cannot be written, so that no effect is begun; or messages are settled and no record is written, which " +
        "must never be.",
      action:
        "Look at the volume of audit.directory: full, read-only, gone? The log names the error. Then prove the chain with " +
        "`stowage audit verify`, from the head that was exported last.",
    }),
  },
  ...CASSANDRA_ALERTS,
};

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What became of a delivery: the label `outcome` of `stowage_messages_total`. */
export const DeliveryOutcome = {
  /** The effect is durable and the message is completed. */
  Done: "done",
  /** It was done before; the message is completed. */
  Duplicate: "duplicate",
  DeadLettered: "dead_lettered",
  /** Given back to the entity after the attempts of this delivery. */
  Abandoned: "abandoned",
  /** Given back because the process ends or the session is closed. */
  Released: "released",
  /** Its lock was lost: nothing was settled. */
  LockLost: "lock_lost",
  /** The entity did not take the settlement; the message comes again. */
  Unsettled: "unsettled",
} as const;
export type DeliveryOutcome = (typeof DeliveryOutcome)[keyof typeof DeliveryOutcome];

/** Buckets of processing time in seconds: from a write of a few milliseconds to a job of an hour. */
const PROCESSING_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** Buckets of a message's age in seconds: from one that was awaited to one that waited for a week. */
const AGE_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 604_800];

/** All that a worker measures. Units and names by Prometheus's conventions; the README has the table. */
export interface WorkerMetrics {
  registry: Registry;
  messages: Counter<"outcome">;
  processing: Histogram;
  age: Histogram;
  /** What the gauges of messages and bytes held, and of progress, show: read when somebody asks, not set each time. */
  held: HeldNow;
  sessions: Gauge;
  lockRenewals: Counter<"result">;
  lockLost: Counter;
  retries: Counter<"code">;
  deadLettered: Counter<"reason">;
  replies: Counter<"result">;
  receiverErrors: Counter<"code">;
  storeUp: Gauge;
  busConnected: Gauge;
}

/** What a worker holds now. */
export interface HeldNow {
  /** Messages held, and the bytes of their bodies. */
  ledger: { readonly held: number; readonly heldBytes: number };
  /** When something was received, renewed or settled last, in milliseconds since 1970; 0 before the first. */
  progressAt: number;
}

/** Makes the metrics in a registry of their own, with the process's default ones (CPU, memory, event loop). */
export function createMetrics(labels: { pipeline: string; sink: string }): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const held: HeldNow = { ledger: { held: 0, heldBytes: 0 }, progressAt: 0 };
  gaugesOfHeld(held, registers);
  return {
    registry,
    held,
    messages: new Counter({
      name: "stowage_messages_total",
      help: "Deliveries by what became of them.",
      labelNames: ["outcome"],
      registers,
    }),
    processing: new Histogram({
      name: "stowage_processing_seconds",
      help: "Time from receipt of a message to the end of its settlement.",
      buckets: PROCESSING_BUCKETS,
      registers,
    }),
    age: new Histogram({
      name: "stowage_message_age_seconds",
      help: "Time from when the entity took a message to each receipt of it.",
      buckets: AGE_BUCKETS,
      registers,
    }),
    sessions: new Gauge({ name: "stowage_open_sessions", help: "Sessions that are held now.", registers }),
    lockRenewals: new Counter({
      name: "stowage_lock_renewals_total",
      help: "Renewals of message and session locks by result.",
      labelNames: ["result"],
      registers,
    }),
    lockLost: new Counter({
      name: "stowage_lock_lost_total",
      help: "Locks that were lost while their message was in work.",
      registers,
    }),
    retries: new Counter({
      name: "stowage_retries_total",
      help: "Attempts that failed although another may succeed, by code.",
      labelNames: ["code"],
      registers,
    }),
    deadLettered: new Counter({
      name: "stowage_dead_lettered_total",
      help: "Messages moved to the dead-letter queue by reason.",
      labelNames: ["reason"],
      registers,
    }),
    replies: new Counter({
      name: "stowage_replies_total",
      help: "Replies by result.",
      labelNames: ["result"],
      registers,
    }),
    receiverErrors: new Counter({
      name: "stowage_receiver_errors_total",
      help: "Errors that the receiver reported, by the client's code.",
      labelNames: ["code"],
      registers,
    }),
    storeUp: new Gauge({ name: "stowage_store_up", help: "1 where the store was usable at the last look.", registers }),
    busConnected: new Gauge({
      name: "stowage_bus_connected",
      help: "1 while a receiver is attached to the source entity.",
      registers,
    }),
  };
}

function gaugesOfHeld(held: HeldNow, registers: Registry[]): void {
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(value());
      },
    });
  gauge("stowage_in_flight_messages", "Messages that are held now.", () => held.ledger.held);
  gauge("stowage_held_bytes", "Bytes of the bodies that are held now.", () => held.ledger.heldBytes);
  gauge(
    "stowage_last_progress_timestamp_seconds",
    "When something was received, renewed or settled last, in seconds since 1970.",
    () => held.progressAt / 1000,
  );
}

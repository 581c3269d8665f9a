import { because, integer } from "../../runtime/contract/zod.js";
import { flag, type Shape, strict, words, z } from "../support/schema.js";
import type {
  EventAlertArgs,
  MessageAgeAlertArgs,
  PercentAlertArgs,
  ShareAlertArgs,
  StateAlertArgs,
  TimeAlertArgs,
  WindowAlertArgs,
  WorkerAlertsArgs,
  WorkerDashboardArgs,
  WorkerMonitoringArgs,
} from "./monitoringArgs.js";

const DAY_SECONDS = 86_400;

const texts = (what: string) =>
  z.record(
    z.string(),
    z.string(because("must be text", "Put it in quotes")),
    because(`must be a map of ${what}`, "Give { name: value }"),
  );

const messageAgeSchema = strict({
  thresholdSeconds: integer(1, 518_400, "seconds (six days: the worker's buckets end at a week)"),
  percentile: z.exactOptional(integer(50, 99, "percent")),
  forSeconds: z.exactOptional(integer(0, DAY_SECONDS, "seconds")),
  severity: z.exactOptional(words("a severity")),
} satisfies Shape<MessageAgeAlertArgs>) satisfies z.ZodType<MessageAgeAlertArgs, MessageAgeAlertArgs>;

const every = {
  enabled: z.exactOptional(flag()),
  forSeconds: z.exactOptional(integer(0, DAY_SECONDS, "seconds")),
  severity: z.exactOptional(words("a severity")),
} satisfies Shape<StateAlertArgs>;
const windowSeconds = z.exactOptional(integer(60, DAY_SECONDS, "seconds"));

const state = z.exactOptional(strict(every));
const time = z.exactOptional(
  strict({
    ...every,
    thresholdSeconds: z.exactOptional(integer(1, 14 * DAY_SECONDS, "seconds")),
  } satisfies Shape<TimeAlertArgs>),
);
const events = z.exactOptional(
  strict({
    ...every,
    threshold: z.exactOptional(integer(0, 1_000_000)),
    windowSeconds,
  } satisfies Shape<EventAlertArgs>),
);
const share = z.exactOptional(
  strict({
    ...every,
    thresholdPercent: z.exactOptional(integer(1, 2000, "percent")),
    windowSeconds,
  } satisfies Shape<ShareAlertArgs>),
);
const percent = z.exactOptional(
  strict({
    ...every,
    thresholdPercent: z.exactOptional(integer(1, 100, "percent")),
  } satisfies Shape<PercentAlertArgs>),
);
const missing = z.exactOptional(strict({ ...every, windowSeconds } satisfies Shape<WindowAlertArgs>));

/** The alerts on a pipeline's workers. */
export const alertsSchema = strict({
  noProgress: time,
  recycled: events,
  absent: state,
  restarts: events,
  busDisconnected: state,
  storeDown: state,
  circuitOpen: state,
  deadLetters: events,
  deadLetterAge: time,
  lockLost: events,
  lockShort: state,
  queueAge: time,
  retries: share,
  tokenExpiring: time,
  tokenRefresh: events,
  audit: missing,
  storeOverloaded: events,
  hotPartition: percent,
  outOfTime: events,
} satisfies Shape<WorkerAlertsArgs>) satisfies z.ZodType<WorkerAlertsArgs, WorkerAlertsArgs>;

const dashboardSchema = strict({
  labels: z.exactOptional(texts("labels")),
  annotations: z.exactOptional(texts("annotations")),
  namespace: z.exactOptional(words("the namespace of the config map")),
} satisfies Shape<WorkerDashboardArgs>) satisfies z.ZodType<WorkerDashboardArgs, WorkerDashboardArgs>;

/** Who reads the metrics. */
export const monitoringSchema = strict({
  namespace: words("the namespace of Prometheus"),
  labels: z.exactOptional(texts("labels")),
  intervalSeconds: z.exactOptional(integer(5, 300, "seconds")),
  messageAge: z.exactOptional(messageAgeSchema),
  alerts: z.exactOptional(alertsSchema),
  dashboard: z.exactOptional(dashboardSchema),
} satisfies Shape<WorkerMonitoringArgs>) satisfies z.ZodType<WorkerMonitoringArgs, WorkerMonitoringArgs>;

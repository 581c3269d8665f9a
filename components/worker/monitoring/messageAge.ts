import type { MessageAgeAlertArgs } from "../monitoringArgs.js";
import { type MonitoredPipeline, POOLED, series, windowOf } from "./promql.js";
import type { Rule } from "./rules.js";

/** A rate needs some readings: over fewer seconds than this nobody would see a slow pipeline move. */
const SHORTEST_RATE_SECONDS = 300;

/** The alert on the age of a pipeline's messages. */
export function messageAgeRule(
  of: MonitoredPipeline,
  { thresholdSeconds, percentile = 99, forSeconds = 300, severity = "warning" }: MessageAgeAlertArgs,
): Rule {
  const over = windowOf(SHORTEST_RATE_SECONDS, of.intervalSeconds);
  const rate = `rate(${series(of, "stowage_message_age_seconds_bucket")}[${over}s])`;
  return {
    alert: "StowageMessageAge",
    expr: `histogram_quantile(${percentile / 100}, sum by (${POOLED}, le) (${rate})) > ${thresholdSeconds}`,
    for: `${forSeconds}s`,
    labels: { severity },
    annotations: {
      summary: `Messages of pipeline ${of.pipeline.name} are received late`,
      description:
        `${100 - percentile} percent of them are older than {{ $value | humanizeDuration }} when they are ` +
        `received, above the ${thresholdSeconds} seconds that are allowed: workers are too few, too slow or were stopped.`,
    },
  };
}

import * as pulumi from "@pulumi/pulumi";
import type { MessageAgeAlertArgs, WorkerArgs, WorkerMonitoringArgs } from "./args.js";
import { workerLabels } from "./render.js";

/** Seconds between two readings. */
const INTERVAL_SECONDS = 30;
/** A rate needs some readings: over fewer seconds than this nobody would see a slow pipeline move. */
const SHORTEST_RATE_SECONDS = 300;
/** Readings that a rate is made of, one of which may fail. */
const READINGS = 4;

/** What Prometheus reads of a pipeline's workers. */
export function podMonitorSpec({ pipeline }: WorkerArgs, { intervalSeconds = INTERVAL_SECONDS }: WorkerMonitoringArgs) {
  return {
    selector: { matchLabels: workerLabels(pipeline) },
    podMetricsEndpoints: [{ port: "http", path: "/metrics", interval: `${intervalSeconds}s` }],
  };
}

/**
 * The alert on the age of a pipeline's messages. Two pipelines of one name in two namespaces have an alert each: the
 * operator of Prometheus gives every reading the namespace of its pod.
 */
export function messageAgeSpec(
  { pipeline, namespace }: WorkerArgs,
  { intervalSeconds = INTERVAL_SECONDS }: WorkerMonitoringArgs,
  { thresholdSeconds, percentile = 99, forSeconds = 300, severity = "warning" }: MessageAgeAlertArgs,
) {
  const over = Math.max(SHORTEST_RATE_SECONDS, READINGS * intervalSeconds);
  const of = pulumi.interpolate`stowage_message_age_seconds_bucket{namespace="${namespace}",pipeline="${pipeline.name}"}`;
  const expr = pulumi.interpolate`histogram_quantile(${percentile / 100}, sum by (namespace, pipeline, le) (rate(${of}[${over}s]))) > ${thresholdSeconds}`;
  return {
    groups: [
      {
        name: `stowage-${pipeline.name}`,
        rules: [
          {
            alert: "StowageMessageAge",
            expr,
            for: `${forSeconds}s`,
            labels: { severity },
            annotations: {
              summary: `Messages of pipeline ${pipeline.name} are received late`,
              description:
                `${100 - percentile} percent of them are older than {{ $value | humanizeDuration }} when they are ` +
                `received, above the ${thresholdSeconds} seconds that are allowed: workers are too few, too slow or were stopped.`,
            },
          },
        ],
      },
    ],
  };
}

import type { WorkerArgs } from "../args.js";
import type { WorkerMonitoringArgs } from "../monitoringArgs.js";
import { workerLabels } from "../render.js";
import { INTERVAL_SECONDS } from "./promql.js";

/** What Prometheus reads of a pipeline's workers. */
export function podMonitorSpec({ pipeline }: WorkerArgs, { intervalSeconds = INTERVAL_SECONDS }: WorkerMonitoringArgs) {
  return {
    selector: { matchLabels: workerLabels(pipeline) },
    podMetricsEndpoints: [{ port: "http", path: "/metrics", interval: `${intervalSeconds}s` }],
  };
}

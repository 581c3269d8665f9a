import { type Pipeline, type Problem, problem } from "../../runtime/contract/index.js";
import { type AlertKey, alertNeed, alertProblems } from "../worker/monitoring/index.js";
import type { WorkerAlertsArgs, WorkerMonitoringArgs } from "../worker/monitoringArgs.js";
import type { IntegrationArgs, IntegrationPipelineArgs } from "./args.js";

/** Who reads a pipeline's metrics: as the integration says, with the pipeline's own alerts in place of the common ones. */
export function workerMonitoring(
  { monitoring, developmentEmulator }: Pick<IntegrationArgs, "monitoring" | "developmentEmulator">,
  { alerts: own }: IntegrationPipelineArgs,
  pipeline: Pipeline,
): WorkerMonitoringArgs | undefined {
  if (monitoring === undefined) return undefined;
  const { alerts: common, ...rest } = monitoring;
  if (common === undefined && own === undefined) return rest;
  const about = { pipeline, identity: developmentEmulator !== true };
  // What is said of all pipelines holds for those that have what it is about.
  const fitting = Object.entries(common ?? {}).filter(([key]) => alertNeed(key as AlertKey, about) === undefined);
  const alerts: WorkerAlertsArgs = { ...Object.fromEntries(fitting), ...own };
  return { ...rest, alerts };
}

/** Problems of a pipeline's own alerts; paths are from the pipeline. */
export function ownAlertProblems(
  { monitoring, developmentEmulator }: { [K in "monitoring" | "developmentEmulator"]?: IntegrationArgs[K] | undefined },
  { alerts }: IntegrationPipelineArgs,
  pipeline: Pipeline,
): Problem[] {
  if (alerts === undefined) return [];
  if (monitoring === undefined)
    return [
      problem("alerts", alerts, "goes with monitoring: nobody reads the metrics", "Give monitoring, or remove it"),
    ];
  return alertProblems({ pipeline, identity: developmentEmulator !== true }, alerts);
}

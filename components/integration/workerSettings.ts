import { defined, type Pipeline, type Problem, problem } from "../../runtime/contract/index.js";
import { settingProblems, telemetryProblems } from "../worker/needs.js";
import type { IntegrationArgs, IntegrationPipelineArgs } from "./args.js";

/** Where the worker's settings are in a pipeline's args. */
const PATHS: { [worker: string]: string } = {
  auditClaim: "audit.claim",
  "network.storePorts": "moduleStore.ports",
  "network.storeCidrs": "moduleStore.cidrs",
  "network.storeNamespace": "moduleStore.namespace",
};

/** What a pipeline's worker has to be told and is not, or has no use for; paths are from the pipeline. */
export function workerSettingProblems(args: IntegrationPipelineArgs, pipeline: Pipeline): Problem[] {
  const { audit, modules, moduleStore } = args;
  const network =
    moduleStore === undefined
      ? undefined
      : defined({
          storePorts: moduleStore.ports,
          storeCidrs: moduleStore.cidrs,
          storeNamespace: moduleStore.namespace,
        });
  return settingProblems({ pipeline, ...defined({ auditClaim: audit?.claim, modules, network }) }).map((found) => ({
    ...found,
    path: PATHS[found.path] ?? found.path.replace(/^pipeline\./, ""),
    reason: found.reason.replace("storeNamespace", "namespace"),
  }));
}

/** Counts of a bus that has no administration to ask; paths are from the pipeline. */
export function observeProblems({ observe }: IntegrationPipelineArgs, developmentEmulator: boolean): Problem[] {
  if (observe !== true || !developmentEmulator) return [];
  const reason = "goes without developmentEmulator, which knows neither identities nor where its messages are counted";
  return [problem("observe", observe, reason, "Remove it; the oldest message is found by peeking")];
}

/** What of an integration's own settings goes with a pipeline that there is none of; paths are from the args. */
export function sharedSettingProblems(
  { network = {}, telemetry }: { [K in "network" | "telemetry"]?: IntegrationArgs[K] | undefined },
  pipelines: { [name: string]: unknown },
): Problem[] {
  const found = telemetryProblems(telemetry);
  // A pipeline that is wrong elsewhere counts as well: of it, only this is asked.
  const signed = Object.values(pipelines).some(
    (each) => each !== null && typeof each === "object" && Reflect.get(each, "producers") !== undefined,
  );
  const { issuerCidrs, otlpCidrs, otlpNamespace } = network;
  if (issuerCidrs !== undefined && !signed)
    found.push(
      problem("network.issuerCidrs", issuerCidrs, "goes with a pipeline's producers.requireSignature", "Remove it"),
    );
  for (const [key, value] of Object.entries({ otlpCidrs, otlpNamespace }))
    if (value !== undefined && telemetry === undefined)
      found.push(problem(`network.${key}`, value, "goes with telemetry", "Remove it"));
  if (otlpCidrs !== undefined && otlpNamespace !== undefined)
    found.push(problem("network.otlpCidrs", otlpCidrs, "goes without otlpNamespace", "Say one of the two"));
  return found;
}

import { defined, type Problem, pipelineProblems, problem, within } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { stated } from "../support/schema.js";
import type { ScalingArgs, WorkerArgs, WorkerAutoscalingArgs } from "./args.js";
import { monitoredPipeline } from "./monitor.js";
import { alertProblems } from "./monitoring/index.js";
import { monitoringSchema } from "./monitoringSchema.js";
import { needProblems } from "./needs.js";
import {
  imageSchema,
  modulesSchema,
  networkSchema,
  replicasSchema,
  resourcesSchema,
  scalingSchema,
  telemetrySchema,
  workerSchema,
} from "./schema.js";

/** Problems of a scaling; paths are from it. */
export function scalingProblems(scaling: ScalingArgs): Problem[] {
  const found = problemsOf(scalingSchema, scaling);
  if (found.length > 0 || scaling.minReplicas <= scaling.maxReplicas) return found;
  const reason = `must be at most maxReplicas, ${scaling.maxReplicas}`;
  return [problem("minReplicas", scaling.minReplicas, reason, "Lower it, or raise maxReplicas")];
}

/** The part of autoscaling that is known before the run. */
function knownScaling(args: WorkerAutoscalingArgs): ScalingArgs {
  const { minReplicas, maxReplicas, messagesPerReplica, pollingSeconds, scaleDownSeconds } = args;
  return defined({ minReplicas, maxReplicas, messagesPerReplica, pollingSeconds, scaleDownSeconds });
}

/** All problems of the args. */
export function workerProblems(of: WorkerArgs): Problem[] {
  const args = stated(of);
  const ofPipeline = pipelineProblems(args.pipeline);
  const shape = problemsOf(workerSchema, args);
  const found = [
    ...shape,
    ...within("pipeline", ofPipeline),
    ...within("image", problemsOf(imageSchema, args.image)),
    ...(args.resources === undefined ? [] : within("resources", problemsOf(resourcesSchema, args.resources))),
    ...(args.monitoring === undefined ? [] : within("monitoring", problemsOf(monitoringSchema, args.monitoring))),
    ...(args.network === undefined ? [] : within("network", problemsOf(networkSchema, args.network))),
    ...(args.modules === undefined ? [] : within("modules", problemsOf(modulesSchema, args.modules))),
    ...(args.telemetry === undefined ? [] : within("telemetry", problemsOf(telemetrySchema, args.telemetry))),
    ...(args.replicas === undefined ? [] : within("replicas", problemsOf(replicasSchema, args.replicas))),
    ...(args.autoscaling === undefined || shape.some(({ path }) => path === "autoscaling")
      ? []
      : within("autoscaling", scalingProblems(knownScaling(args.autoscaling)))),
  ];
  if (args.replicas !== undefined && args.autoscaling !== undefined)
    found.push(
      problem(
        "replicas",
        args.replicas,
        "goes without autoscaling, which counts replicas itself",
        "Remove one of the two",
      ),
    );
  // What the pipeline needs follows from what it is, and from a connection.
  const unclear = found.some(({ path }) => path === "connection" || /^(network|modules|telemetry)\b/.test(path));
  if (ofPipeline.length > 0 || unclear) return found;
  const { alerts } = found.some(({ path }) => path.startsWith("monitoring")) ? {} : (args.monitoring ?? {});
  if (alerts !== undefined) found.push(...within("monitoring", alertProblems(monitoredPipeline(args, "any"), alerts)));
  return [...found, ...needProblems(args)];
}

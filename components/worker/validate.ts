import * as pulumi from "@pulumi/pulumi";
import {
  defined,
  type Pipeline,
  type Problem,
  pipelineProblems,
  problem,
  within,
} from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { strict } from "../support/schema.js";
import type { WorkerArgs, WorkerAutoscalingArgs } from "./args.js";
import { imageSchema, monitoringSchema, replicasSchema, resourcesSchema, scalingShape } from "./schema.js";

const scalingSchema = strict(scalingShape);

/** Problems of fewest and most replicas together. */
export function scalingProblems(scaling: { minReplicas: number; maxReplicas: number }): Problem[] {
  if (scaling.minReplicas <= scaling.maxReplicas) return [];
  const reason = `must be at most maxReplicas, ${scaling.maxReplicas}`;
  return [problem("minReplicas", scaling.minReplicas, reason, "Lower it, or raise maxReplicas")];
}

function autoscalingProblems(args: WorkerAutoscalingArgs): Problem[] {
  const { minReplicas, maxReplicas, messagesPerReplica, pollingSeconds, scaleDownSeconds } = args;
  const scaling = defined({ minReplicas, maxReplicas, messagesPerReplica, pollingSeconds, scaleDownSeconds });
  const found = problemsOf(scalingSchema, scaling);
  return found.length > 0 ? found : scalingProblems(args);
}

/**
 * Problems of a pipeline in the words of the worker, which checks the same at its start;
 * paths are from the pipeline.
 */
function connectionNeeds(pipeline: Pipeline, args: WorkerArgs): Problem[] {
  const { connection } = args;
  const needs: { missing: boolean; path: string; reason: string; fix: string }[] = [
    {
      missing: connection.developmentEmulator !== true && connection.clientId === undefined,
      path: "connection.clientId",
      reason: "is missing; without it the worker has no identity",
      fix: "Give the managed identity's client id",
    },
    {
      missing: pipeline.sink.linstor !== undefined && connection.linstorControllers === undefined,
      path: "connection.linstorControllers",
      reason: "is missing; the linstor sink needs it",
      fix: "Give the URLs of the controllers",
    },
    {
      missing: pipeline.sink.cassandra !== undefined && connection.cassandra === undefined,
      path: "connection.cassandra",
      reason: "is missing; the cassandra sink needs it",
      fix: "Give contact points and the local datacenter",
    },
    {
      missing: pipeline.sink.gluster !== undefined && args.volumeClaim === undefined,
      path: "volumeClaim",
      reason: "is missing; the gluster sink needs it",
      fix: "Give the claim of the volume",
    },
  ];
  return needs.filter((need) => need.missing).map(({ path, reason, fix }) => problem(path, undefined, reason, fix));
}

/** All problems of the args. */
export function workerProblems(args: WorkerArgs): Problem[] {
  const ofPipeline = pipelineProblems(args.pipeline);
  const found = [
    ...within("pipeline", ofPipeline),
    ...within("image", problemsOf(imageSchema, args.image)),
    ...(args.resources === undefined ? [] : within("resources", problemsOf(resourcesSchema, args.resources))),
    ...(args.monitoring === undefined ? [] : within("monitoring", problemsOf(monitoringSchema, args.monitoring))),
    ...(args.replicas === undefined ? [] : within("replicas", problemsOf(replicasSchema, args.replicas))),
    ...(args.autoscaling === undefined ? [] : within("autoscaling", autoscalingProblems(args.autoscaling))),
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
  if (ofPipeline.length > 0) return found;
  if (args.pipeline.sink.gluster === undefined && args.volumeClaim !== undefined)
    found.push(
      problem(
        "volumeClaim",
        pulumi.Output.isInstance(args.volumeClaim) ? "an output" : args.volumeClaim,
        "belongs to a gluster sink, which this pipeline does not have",
        "Remove it",
      ),
    );
  return [...found, ...connectionNeeds(args.pipeline, args)];
}

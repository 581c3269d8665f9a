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
import { stated } from "../support/schema.js";
import type { ScalingArgs, WorkerArgs, WorkerAutoscalingArgs } from "./args.js";
import { monitoredPipeline } from "./monitor.js";
import { alertProblems } from "./monitoring/index.js";
import { monitoringSchema } from "./monitoringSchema.js";
import { imageSchema, networkSchema, replicasSchema, resourcesSchema, scalingSchema, workerSchema } from "./schema.js";

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

/** What the pipeline's sink needs to be told and is not. */
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

/** Where the policy lets out to the store, said of a store that the pod does not speak to, or twice. */
function storeReachProblems({ pipeline, network = {} }: WorkerArgs): Problem[] {
  const { storeCidrs, storeNamespace } = network;
  const given = [storeCidrs && "storeCidrs", storeNamespace && "storeNamespace"].flatMap((key) => key ?? []);
  if (pipeline.sink.gluster !== undefined)
    return given.map((key) =>
      problem(`network.${key}`, undefined, "goes without a gluster sink, whose volume the node mounts", "Remove it"),
    );
  if (given.length < 2) return [];
  return [problem("network.storeCidrs", storeCidrs, "goes without storeNamespace", "Say one of the two")];
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
  if (ofPipeline.length > 0 || shape.some(({ path }) => path === "connection")) return found;
  if (args.pipeline.sink.gluster === undefined && args.volumeClaim !== undefined)
    found.push(
      problem(
        "volumeClaim",
        pulumi.Output.isInstance(args.volumeClaim) ? "an output" : args.volumeClaim,
        "belongs to a gluster sink, which this pipeline does not have",
        "Remove it",
      ),
    );
  const { alerts } = found.some(({ path }) => path.startsWith("monitoring")) ? {} : (args.monitoring ?? {});
  if (alerts !== undefined) found.push(...within("monitoring", alertProblems(monitoredPipeline(args, "any"), alerts)));
  return [...found, ...storeReachProblems(args), ...connectionNeeds(args.pipeline, args)];
}

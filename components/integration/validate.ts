import { type Problem, pipelineProblems, problem, within } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { cassandraProblems } from "../cassandra/index.js";
import { glusterProblems } from "../gluster/index.js";
import { linstorProblems } from "../linstor/index.js";
import { serviceBusSchema } from "../servicebus/schema.js";
import { serviceBusProblems } from "../servicebus/validate.js";
import { examine, type z } from "../support/schema.js";
import { scalingProblems } from "../worker/validate.js";
import type { IntegrationPipelineArgs, StorageArgs } from "./args.js";
import { childNames } from "./names.js";
import { planPipeline, type Surroundings } from "./pipelines.js";
import { integrationSchema, partsSchema, pipelineArgsSchema } from "./schema.js";
import { sourceProblems } from "./sources.js";
import { claimProblems, storeProblems } from "./stores.js";

/**
 * All problems of an integration and of every part of it, at once, with paths from the args; `name` is the
 * component's. The args may come from a file: whatever is in them is named, and nothing is assumed.
 */
export function integrationProblems(name: string, args: unknown): Problem[] {
  const found = problemsOf(integrationSchema, args);
  const { data: parts } = partsSchema.safeParse(args);
  if (parts === undefined) return found;
  if (parts.serviceBus !== undefined) found.push(...within("serviceBus", serviceBusProblems(parts.serviceBus)));
  found.push(...storageProblems(name, parts.storage));
  found.push(...allPipelineProblems(parts));
  return [...found, ...claimProblems(parts.storage, parts.namespace?.name)];
}

/** Problems of the stores, in the words of their own components. */
function storageProblems(name: string, { gluster, linstor, cassandra }: StorageArgs): Problem[] {
  return [
    ...(gluster === undefined ? [] : within("storage.gluster", glusterProblems(childNames.gluster(name), gluster))),
    ...(linstor === undefined ? [] : within("storage.linstor", linstorProblems(linstor))),
    ...(cassandra === undefined ? [] : within("storage.cassandra", cassandraProblems(cassandra))),
  ];
}

/** Problems of the pipelines, each with the rest of the integration as far as that is right. */
function allPipelineProblems(parts: z.infer<typeof partsSchema>): Problem[] {
  const { sound: serviceBus } = examine(serviceBusSchema, parts.serviceBus);
  const examined = Object.entries(parts.pipelines).map(([name, pipeline]) => ({
    name,
    ...examine(pipelineArgsSchema, pipeline),
  }));
  const found = examined.flatMap(({ name, problems }) => within(`pipelines.${name}`, problems));
  const sound = examined.flatMap(({ name, sound: pipeline }): [string, IntegrationPipelineArgs][] =>
    pipeline === undefined ? [] : [[name, pipeline]],
  );
  if (serviceBus === undefined) return found;
  const around = { ...parts, serviceBus, pipelines: Object.fromEntries(sound) };
  return [
    ...found,
    ...sound.flatMap(([name, pipeline]) => within(`pipelines.${name}`, pipelineRules(name, pipeline, around))),
  ];
}

/** What joins a pipeline's settings with each other, with the bus and with the stores. */
function pipelineRules(name: string, args: IntegrationPipelineArgs, around: Surroundings): Problem[] {
  const found = [
    ...pipelineProblems(planPipeline(name, args, around)),
    ...sourceProblems(name, args, around),
    ...storeProblems(args.sink, around),
  ];
  if (args.scaling === undefined) return found;
  found.push(...within("scaling", scalingProblems(args.scaling)));
  if (args.replicas !== undefined)
    found.push(
      problem("replicas", args.replicas, "goes without scaling, which counts replicas itself", "Remove one of the two"),
    );
  return found;
}

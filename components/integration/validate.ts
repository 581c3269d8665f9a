import { defined, type Problem, pipelineProblems, problem, within } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import type { CassandraRingArgs } from "../cassandra/index.js";
import { cassandraProblems, ringTableProblems } from "../cassandra/index.js";
import { cassandraSchema } from "../cassandra/schema.js";
import { glusterProblems } from "../gluster/index.js";
import { glusterSchema } from "../gluster/schema.js";
import { linstorProblems } from "../linstor/index.js";
import { linstorSchema } from "../linstor/schema.js";
import { LockLevel, type ServiceBusEntitiesArgs } from "../servicebus/args.js";
import { serviceBusProblems, soundBus } from "../servicebus/validate.js";
import { type Examined, examine, stated, type z } from "../support/schema.js";
import { imageSchema } from "../worker/schema.js";
import { scalingProblems } from "../worker/validate.js";
import type { IntegrationArgs, IntegrationPipelineArgs, PipelineSourceArgs, StorageArgs } from "./args.js";
import { ownAlertProblems } from "./monitoring.js";
import { childNames } from "./names.js";
import { planPipeline, type Surroundings, sourceEntity } from "./pipelines.js";
import { deployersProblems, producersProblems } from "./principalRules.js";
import { ringArgs } from "./ring.js";
import { accessRules } from "./ringRules.js";
import { integrationSchema, partsSchema, pipelineArgsSchema } from "./schema.js";
import { sourceProblems } from "./sources.js";
import { claimProblems, storeProblems } from "./stores.js";
import { observeProblems, sharedSettingProblems, workerSettingProblems } from "./workerSettings.js";

/**
 * All problems of an integration and of every part of it, at once, with paths from the args; `name` is the
 * component's. The args may come from a file: whatever is in them is named, and nothing is assumed.
 */
export function integrationProblems(name: string, args: unknown): Problem[] {
  const given = stated(args);
  const found = problemsOf(integrationSchema, given);
  const { data: parts } = partsSchema.safeParse(given);
  if (parts === undefined) return found;
  if (parts.serviceBus !== undefined)
    found.push(
      ...within("serviceBus", [...serviceBusProblems(parts.serviceBus, parts.location), ...lockProblems(parts)]),
    );
  const stores = examineStores(name, parts);
  // Of endpoints that are wrong nothing is known, so that no store counts as missing.
  if (parts.endpoints === undefined) stores.faulty.push(...keysAt(given, "endpoints"));
  found.push(
    ...stores.problems,
    ...accessRules({ ...parts, storage: stores.sound }),
    ...allPipelineProblems(parts, stores),
    ...allPrincipalProblems(parts),
  );
  return [...found, ...claimProblems(stores.sound, parts.namespace?.name)];
}

/** The keys of an object at a key of what may be anything. */
function keysAt(value: unknown, key: string): string[] {
  const found: unknown = value !== null && typeof value === "object" ? Reflect.get(value, key) : undefined;
  return found !== null && typeof found === "object" ? Object.keys(found) : [];
}

/** A lock that forbids what the integration does next: grants lie under the namespace, and are made after it. */
function lockProblems({ serviceBus }: z.infer<typeof partsSchema>): Problem[] {
  const level: unknown = serviceBus?.namespace?.lock?.level;
  if (level !== LockLevel.ReadOnly) return [];
  return [
    problem(
      "namespace.lock.level",
      level,
      "keeps the pipelines' grants on the entities from being made",
      "Set it to CanNotDelete",
    ),
  ];
}

/** What is wrong with the stores, and which of them are right as far as others must know them. */
interface ExaminedStores {
  problems: Problem[];
  sound: StorageArgs;
  /** Those of which something is given that is so wrong that nothing follows from it. */
  faulty: string[];
}

/** The stores' own rules, in the words of their components, on what has the right shape. */
function examineStores(name: string, { storage, image }: z.infer<typeof partsSchema>): ExaminedStores {
  const { gluster, linstor, cassandra } = storage;
  const examined = {
    gluster: store(glusterSchema, gluster, (args) => glusterProblems(childNames.gluster(name), args)),
    linstor: store(linstorSchema, linstor, linstorProblems),
    cassandra: examineRing(cassandra, image),
  };
  const entries = Object.entries(examined);
  const { gluster: g, linstor: l, cassandra: c } = examined;
  return {
    problems: entries.flatMap(([key, each]) => within(`storage.${key}`, each.problems)),
    sound: defined({ gluster: g.sound, linstor: l.sound, cassandra: c.sound }),
    faulty: entries.flatMap(([key, each]) => (each.sound === undefined && each.problems.length > 0 ? [key] : [])),
  };
}

/** A ring runs a job of its own with the workers' image, which is judged where it stands. */
function examineRing(ring: CassandraRingArgs | undefined, image: unknown): Examined<CassandraRingArgs> {
  if (ring === undefined) return { problems: [] };
  const { data } = imageSchema.safeParse(image);
  const { problems, ...examined } = store(cassandraSchema, ringArgs(ring, data), cassandraProblems);
  const [first] = problems.filter(({ path }) => path === "image");
  // One of its own that is wrong is told once, and not as missing besides.
  const told = ring.image === undefined ? undefined : first;
  return { ...examined, problems: problems.filter((each) => each.path !== "image" || each === told) };
}

function store<T>(schema: z.ZodType<T>, args: T | undefined, rules: (args: T) => Problem[]): Examined<T> {
  if (args === undefined) return { problems: [] };
  const { problems, sound } = examine(schema, args);
  return sound === undefined ? { problems } : { problems: [...problems, ...rules(sound)], sound };
}

/** What of an integration the rules of a pipeline look at. */
type Around = Surroundings & { [K in "monitoring" | "developmentEmulator"]?: IntegrationArgs[K] | undefined };

/** Problems of the pipelines, each with the rest of the integration as far as that is right. */
function allPipelineProblems(parts: z.infer<typeof partsSchema>, stores: ExaminedStores): Problem[] {
  const serviceBus = parts.serviceBus === undefined ? undefined : soundBus(parts.serviceBus);
  const examined = Object.entries(parts.pipelines).map(([name, pipeline]) => ({
    name,
    ...examine(pipelineArgsSchema, pipeline),
  }));
  const found = examined.flatMap(({ name, problems }) => within(`pipelines.${name}`, problems));
  const sound = examined.flatMap(({ name, sound: pipeline }): [string, IntegrationPipelineArgs][] =>
    pipeline === undefined ? [] : [[name, pipeline]],
  );
  if (serviceBus === undefined) return found;
  const around = { ...parts, storage: stores.sound, serviceBus, pipelines: Object.fromEntries(sound) };
  // What follows from a store that is no store yet would only mislead.
  const judged = sound.filter(([, { sink }]) => !stores.faulty.some((key) => key in sink));
  return [
    ...found,
    ...tableRules(judged, around),
    ...judged.flatMap(([name, pipeline]) =>
      within(`pipelines.${name}`, pipelineRules(name, pipeline, around)).map((each) =>
        atEntity(each, `pipelines.${name}.source.`, pipeline.source, serviceBus),
      ),
    ),
    ...sharedSettingProblems(parts, parts.pipelines),
  ];
}

/** What of the ring does not fit the tables that the pipelines write to. */
function tableRules(pipelines: [string, IntegrationPipelineArgs][], around: Around): Problem[] {
  const ring = around.storage?.cassandra;
  if (ring === undefined) return [];
  const planned = pipelines.map(([name, pipeline]) => planPipeline(name, pipeline, around));
  // Of a table that is wrong by itself nothing follows.
  const tables = planned.flatMap((pipeline) =>
    pipeline.sink.cassandra === undefined || pipelineProblems(pipeline).length > 0
      ? []
      : [pipeline.sink.cassandra.table],
  );
  return within("storage.cassandra", ringTableProblems(ring, tables));
}

/** Problems of producers and deployers, each with the entities and the pipelines as far as these are right. */
function allPrincipalProblems(parts: z.infer<typeof partsSchema>): Problem[] {
  const serviceBus = parts.serviceBus === undefined ? undefined : soundBus(parts.serviceBus);
  const pipelines = Object.entries(parts.pipelines).flatMap(([name, pipeline]): [string, IntegrationPipelineArgs][] => {
    const { sound } = examine(pipelineArgsSchema, pipeline);
    return sound === undefined ? [] : [[name, sound]];
  });
  const around = { serviceBus, pipelines: Object.fromEntries(pipelines) };
  return [...producersProblems(parts.producers, around), ...deployersProblems(parts.deployers, around)];
}

/** The entity's own settings that a pipeline's source takes. */
const ENTITY_SETTINGS = ["lockDurationSeconds", "maxDeliveryCount"];

/** A problem of what the entity says is told at the entity, where it can be mended. */
function atEntity(found: Problem, prefix: string, source: PipelineSourceArgs, bus: ServiceBusEntitiesArgs): Problem {
  const setting = ENTITY_SETTINGS.find((each) => found.path === `${prefix}${each}`);
  if (setting === undefined || sourceEntity(bus, source) === undefined) return found;
  const { queue, topic, subscription } = source;
  const entity = queue === undefined ? `topics.${topic}.subscriptions.${subscription}` : `queues.${queue}`;
  return { ...found, path: `serviceBus.${entity}.${setting}` };
}

/** What joins a pipeline's settings with each other, with the bus, with the stores and with its worker's. */
function pipelineRules(name: string, args: IntegrationPipelineArgs, around: Around): Problem[] {
  const pipeline = planPipeline(name, args, around);
  const ofPipeline = pipelineProblems(pipeline);
  const found = [
    ...ofPipeline,
    ...sourceProblems(name, args, around),
    ...storeProblems(args.sink, around),
    // These follow from a pipeline that is right.
    ...(ofPipeline.length > 0
      ? []
      : [
          ...workerSettingProblems(args, pipeline),
          ...observeProblems(args, around.developmentEmulator === true),
          ...ownAlertProblems(around, args, pipeline),
        ]),
  ];
  if (args.scaling === undefined) return found;
  found.push(...within("scaling", scalingProblems(args.scaling)));
  if (args.replicas !== undefined)
    found.push(
      problem("replicas", args.replicas, "goes without scaling, which counts replicas itself", "Remove one of the two"),
    );
  return found;
}

import * as pulumi from "@pulumi/pulumi";
import { type Pipeline, type Problem, within as prefixed, problem } from "../../runtime/contract/index.js";
import type { WorkerArgs, WorkerTelemetryArgs } from "./args.js";
import { endpointProblems } from "./cassandra/schema.js";
import { CONFIG_PATH, MODULES_PATH } from "./mounts.js";

/** A setting that a pipeline needs, or that belongs to another. */
interface Need {
  path: string;
  given: unknown;
  needed: boolean;
  /** What needs it, without an article: `gluster sink`. */
  by: string;
  article: "a" | "an";
  fix: string;
}

/** What the pipeline has to be told and is not, or is told and has no use for; the pipeline must be valid. */
export function needProblems(args: WorkerArgs): Problem[] {
  const { pipeline, volumeClaim } = args;
  const volume: Need = {
    path: "volumeClaim",
    given: volumeClaim,
    needed: pipeline.sink.gluster !== undefined,
    by: "gluster sink",
    article: "a",
    fix: "Give the claim of the volume",
  };
  return [
    ...judged(volume),
    ...settingProblems(args),
    ...connectionNeeds(pipeline, args),
    ...telemetryProblems(args.telemetry),
    ...reachProblems(args),
  ];
}

/** Of these problems, those of settings that a pipeline has by itself. */
export function settingProblems(args: Pick<WorkerArgs, "pipeline" | "auditClaim" | "modules" | "network">): Problem[] {
  const { pipeline, auditClaim } = args;
  const audit: Need = {
    path: "auditClaim",
    given: auditClaim,
    needed: pipeline.audit?.directory !== undefined,
    by: "audit in files",
    article: "an",
    fix: "Give the claim of a volume that outlives the pods",
  };
  return [...judged(audit), ...storeReachProblems(args), ...moduleProblems(args), ...auditPathProblems(pipeline)];
}

/** What is shown of a value that may be known only after deployment. */
const shown = (value: unknown) => (pulumi.Output.isInstance(value) ? "an output" : value);

function judged({ path, given, needed, by, article, fix }: Need): Problem[] {
  if (needed && given === undefined) return [problem(path, undefined, `is missing; the ${by} needs it`, fix)];
  if (needed || given === undefined) return [];
  const reason = `belongs to ${article} ${by}, which this pipeline does not have`;
  return [problem(path, shown(given), reason, "Remove it")];
}

/** What the pipeline's sink needs to know of where things are. */
function connectionNeeds(pipeline: Pipeline, { connection }: WorkerArgs): Problem[] {
  const { administration, developmentEmulator } = connection;
  if (administration !== undefined && !pipeline.observe)
    return [problem("connection.administration", administration, "goes with the pipeline's observe", "Remove it")];
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
      missing: pipeline.observe && developmentEmulator === true && administration === undefined,
      path: "connection.administration",
      reason: "is missing; to observe, the worker must know where a development emulator counts its messages",
      fix: "Give HOST:PORT of its administration, over HTTPS",
    },
  ];
  const found = needs
    .filter((need) => need.missing)
    .map(({ path, reason, fix }) => problem(path, undefined, reason, fix));
  const ring = pipeline.sink.cassandra === undefined ? undefined : connection.cassandra;
  return [...found, ...(ring === undefined ? [] : prefixed("connection.cassandra", endpointProblems(ring)))];
}

/** Where the policy lets out to the store, said of a store that the pod does not speak to, or twice. */
function storeReachProblems({ pipeline, network = {} }: Pick<WorkerArgs, "pipeline" | "network">): Problem[] {
  const { storeCidrs, storeNamespace, storePorts } = network;
  const { gluster, module } = pipeline.sink;
  if (storePorts !== undefined && module === undefined)
    return [
      problem(
        "network.storePorts",
        storePorts,
        "goes with a sink of one's own: those of others are known",
        "Remove it",
      ),
    ];
  const given = [storeCidrs && "storeCidrs", storeNamespace && "storeNamespace"].flatMap((key) => key ?? []);
  if (gluster !== undefined)
    return given.map((key) =>
      problem(`network.${key}`, undefined, "goes without a gluster sink, whose volume the node mounts", "Remove it"),
    );
  if (module !== undefined && storePorts === undefined)
    return given.map((key) =>
      problem(`network.${key}`, undefined, "goes with storePorts, without which nothing is opened", "Give the ports"),
    );
  if (given.length < 2) return [];
  return [problem("network.storeCidrs", storeCidrs, "goes without storeNamespace", "Say one of the two")];
}

/** The modules that are mounted must be those that the pipeline names. */
function moduleProblems({ pipeline, modules }: Pick<WorkerArgs, "pipeline" | "modules">): Problem[] {
  if (modules === undefined) return [];
  const { module, gluster } = pipeline.sink;
  const [at, path] =
    module === undefined ? ["sink.gluster.job.module", gluster?.job.module] : ["sink.module.path", module.path];
  if (path === undefined)
    return [
      problem(
        "modules",
        Object.keys(modules),
        "goes with sink.module or job.module, which the pipeline has not",
        "Remove it",
      ),
    ];
  const kinds = Object.keys(modules);
  if (kinds.length !== 1)
    return [problem("modules", kinds, "must have exactly one of files, configMap, claim", "Keep one")];
  if (!path.startsWith(`${MODULES_PATH}/`))
    return [
      problem(
        `pipeline.${at}`,
        path,
        `must be below ${MODULES_PATH}, where modules are mounted`,
        `Give ${MODULES_PATH}/<file>`,
      ),
    ];
  const file = path.slice(MODULES_PATH.length + 1);
  if (modules.files === undefined || Object.hasOwn(modules.files, file)) return [];
  return [
    problem(`pipeline.${at}`, path, "is none of modules.files", `Use one of ${Object.keys(modules.files).join(", ")}`),
  ];
}

/** What does not go together in where telemetry is sent; paths are from the args. */
export function telemetryProblems(telemetry: WorkerTelemetryArgs | undefined): Problem[] {
  if (telemetry === undefined) return [];
  const { traces, metrics, traceRatio } = telemetry;
  if (traces === false && metrics === false)
    return [
      problem(
        "telemetry.traces",
        traces,
        "goes without metrics: false, with which nothing is sent",
        "Remove telemetry",
      ),
    ];
  if (traces === false && traceRatio !== undefined)
    return [problem("telemetry.traceRatio", traceRatio, "goes with traces, which are off", "Remove it")];
  return [];
}

/** What the policy is told of that this pipeline never reaches, or twice. */
function reachProblems({ pipeline, connection, telemetry, network = {} }: WorkerArgs): Problem[] {
  const { issuerCidrs, kubernetesCidrs, otlpCidrs, otlpNamespace } = network;
  const found: Problem[] = [];
  if (kubernetesCidrs !== undefined && connection.cassandra?.administrator === undefined)
    found.push(
      problem("network.kubernetesCidrs", kubernetesCidrs, "goes with connection.cassandra.administrator", "Remove it"),
    );
  if (issuerCidrs !== undefined && pipeline.producers?.requireSignature === undefined)
    found.push(problem("network.issuerCidrs", issuerCidrs, "goes with producers.requireSignature", "Remove it"));
  for (const [key, value] of Object.entries({ otlpCidrs, otlpNamespace }))
    if (value !== undefined && telemetry === undefined)
      found.push(problem(`network.${key}`, shown(value), "goes with telemetry", "Remove it"));
  if (otlpCidrs !== undefined && otlpNamespace !== undefined)
    found.push(problem("network.otlpCidrs", otlpCidrs, "goes without otlpNamespace", "Say one of the two"));
  return found;
}

const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);

/** A volume cannot be mounted over, or under, what else is mounted. */
function auditPathProblems({ sink, audit }: Pipeline): Problem[] {
  const directory = audit?.directory?.replace(/\/+$/, "");
  if (directory === undefined) return [];
  const others = [CONFIG_PATH, MODULES_PATH, "/tmp", ...(sink.gluster === undefined ? [] : [sink.gluster.mountPath])];
  const other = others.find((each) => within(directory, each) || within(each, directory));
  if (other === undefined) return [];
  const reason = `must be a folder of its own, apart from ${other}: a volume is mounted there`;
  return [problem("pipeline.audit.directory", directory, reason, "Use /var/lib/stowage/audit")];
}

import { InvalidInputError, type Problem, problem } from "../../../runtime/contract/index.js";
import {
  describeObject,
  isRecord,
  type KubernetesObject,
  listAt,
  recordAt,
  textAt,
  valueAt,
} from "../providers/kubernetes/object.js";
import { type RenderedAccess, readAccess, readMounts, readStores } from "./security.js";

/** The two kinds that a ring is started from. */
export const RingKind = {
  K8ssandraCluster: "k8ssandra.io/v1alpha1/K8ssandraCluster",
  CassandraDatacenter: "cassandra.datastax.com/v1beta1/CassandraDatacenter",
} as const;
export type RingKind = (typeof RingKind)[keyof typeof RingKind];

/** What both kinds say about one datacenter, with the paths at which they say it. */
export interface RenderedDatacenter {
  path: string;
  name: unknown;
  size: unknown;
  /** Names of the racks, in order; one rack `default` where none is rendered, as cass-operator names it. */
  racks: unknown[];
  stopped: boolean;
  settings: Record<string, unknown>;
  settingsPath: string;
}

/** A cluster as it was rendered, whichever operator it was rendered for. */
export interface RenderedCluster {
  clusterName: unknown;
  serverVersion: unknown;
  serverType: unknown;
  datacenters: RenderedDatacenter[];
  /** Who may speak to the nodes, and how. */
  access: RenderedAccess;
  /** What of that cannot be done. */
  problems: Problem[];
  /** What is rendered and has no counterpart on one machine: a path, and why. */
  ignored: { path: string; reason: string }[];
}

/** Stores that are read for the whole ring; a datacenter's own are not. */
const STORES = ["clientEncryptionStores", "serverEncryptionStores"];
/** cass-operator's name for the rack of a datacenter without racks. */
const DEFAULT_RACK = "default";

const USERS = "the operator's users are not made locally";
const SCHEDULING = "every node runs on this machine";
const MEMORY = "a node gets a small heap of its own";
const IMAGE = "the nodes run from Maven Central's jars, not from an image";

/** Reasons by the last key of the path; what is not listed has the plain reason. */
const reasons: Record<string, string> = {
  users: USERS,
  managementApiAuth: "there is no management API locally",
  storageConfig: "the nodes keep their data in a folder of the run",
  resources: MEMORY,
  jvmOptions: MEMORY,
  "jvm-server-options": MEMORY,
  "jvm11-server-options": MEMORY,
  "jvm17-server-options": MEMORY,
  softPodAntiAffinity: SCHEDULING,
  allowMultipleNodesPerWorker: SCHEDULING,
  tolerations: SCHEDULING,
  nodeSelector: SCHEDULING,
  nodeAffinityLabels: SCHEDULING,
  affinity: SCHEDULING,
  podPriorityClassName: SCHEDULING,
  serverImage: IMAGE,
  containers: IMAGE,
  initContainers: IMAGE,
  reaper: "repairs are not run locally",
  medusa: "backups are not taken locally",
  stargate: "Stargate is not run locally",
};
const PLAIN = "it has no counterpart on one machine";

/** Reads a cluster from the object; the values are not checked yet. */
export function readCluster(object: KubernetesObject): RenderedCluster {
  switch (`${object.apiVersion}/${object.kind}`) {
    case RingKind.K8ssandraCluster:
      return fromK8ssandra(object);
    case RingKind.CassandraDatacenter:
      return fromDatacenter(object);
    default: {
      const found = problem("kind", object.kind, "is not a ring", `Use one of ${Object.values(RingKind).join(", ")}`);
      throw new InvalidInputError(describeObject(object), [found]);
    }
  }
}

function fromK8ssandra(object: KubernetesObject): RenderedCluster {
  const cluster = recordAt(object, "spec", "cassandra") ?? {};
  const ignored = [
    ...leftOver(object.spec, "spec", ["cassandra", "auth"]),
    ...leftOver(cluster, "spec.cassandra", [
      "clusterName",
      "serverVersion",
      "serverType",
      "datacenters",
      "racks",
      "config",
      "superuserSecretRef",
      ...STORES,
    ]),
    ...leftOver(recordAt(cluster, "config"), "spec.cassandra.config", ["cassandraYaml"]),
  ];
  const datacenters = listAt(cluster, "datacenters").map((dc, i): RenderedDatacenter => {
    const path = `spec.cassandra.datacenters.${i}`;
    ignored.push(
      ...leftOver(dc, path, ["metadata", "datacenterName", "size", "serverVersion", "stopped", "racks", "config"]),
      ...leftOver(recordAt(dc, "config"), `${path}.config`, ["cassandraYaml"]),
    );
    const ownRacks = listAt(dc, "racks");
    const racks = ownRacks.length > 0 ? ownRacks : listAt(cluster, "racks");
    ignored.push(...rackLeftOver(racks, ownRacks.length > 0 ? `${path}.racks` : "spec.cassandra.racks"));
    return {
      path,
      name: valueAt(dc, ["datacenterName"]) ?? valueAt(dc, ["metadata", "name"]),
      size: valueAt(dc, ["size"]),
      racks: rackNames(racks),
      stopped: valueAt(dc, ["stopped"]) === true,
      // The datacenter's own settings win over the cluster's, as the operator merges them.
      settings: { ...recordAt(cluster, "config", "cassandraYaml"), ...recordAt(dc, "config", "cassandraYaml") },
      settingsPath: `${path}.config.cassandraYaml`,
    };
  });
  const clusterName = cluster["clusterName"] ?? object.metadata.name;
  // The operator turns authentication on unless it is told otherwise.
  const auth = valueAt(object.spec, ["auth"]) !== false;
  const stores = readStores(cluster, "spec.cassandra");
  const superuser = textAt(cluster, "superuserSecretRef", "name");
  const read = readAccess(object, clusterName, auth, settingsOf(datacenters), { stores }, superuser);
  return {
    clusterName,
    serverVersion: valueAt(cluster, ["datacenters", 0, "serverVersion"]) ?? cluster["serverVersion"],
    serverType: cluster["serverType"],
    datacenters,
    access: read.access,
    problems: read.problems,
    ignored: [...ignored, ...read.ignored],
  };
}

function fromDatacenter(object: KubernetesObject): RenderedCluster {
  const spec = object.spec ?? {};
  const racks = listAt(spec, "racks");
  const template = readMounts(spec["podTemplateSpec"], "spec.podTemplateSpec", { image: IMAGE, plain: PLAIN });
  const ignored = [
    ...template.ignored,
    ...leftOver(spec, "spec", [
      "clusterName",
      "datacenterName",
      "serverVersion",
      "serverType",
      "size",
      "stopped",
      "racks",
      "config",
      "superuserSecretName",
      "podTemplateSpec",
    ]),
    ...leftOver(recordAt(spec, "config"), "spec.config", ["cassandra-yaml"]),
    ...rackLeftOver(racks, "spec.racks"),
  ];
  const datacenter: RenderedDatacenter = {
    path: "spec",
    name: spec["datacenterName"] ?? object.metadata.name,
    size: spec["size"],
    racks: rackNames(racks),
    stopped: spec["stopped"] === true,
    settings: { ...recordAt(spec, "config", "cassandra-yaml") },
    settingsPath: "spec.config.cassandra-yaml",
  };
  const { mounts } = template;
  const superuser = textAt(spec, "superuserSecretName");
  const read = readAccess(object, spec["clusterName"], undefined, settingsOf([datacenter]), { mounts }, superuser);
  return {
    clusterName: spec["clusterName"],
    serverVersion: spec["serverVersion"],
    serverType: spec["serverType"],
    datacenters: [datacenter],
    access: read.access,
    problems: read.problems,
    ignored: [...ignored, ...read.ignored],
  };
}

/** cassandra.yaml of the first datacenter: who may speak to a ring is the same in all of it. */
function settingsOf([first]: RenderedDatacenter[]): { settings: Record<string, unknown>; path: string } {
  return { settings: first?.settings ?? {}, path: first?.settingsPath ?? "spec" };
}

function rackNames(racks: unknown[]): unknown[] {
  return racks.length === 0 ? [DEFAULT_RACK] : racks.map((rack) => valueAt(rack, ["name"]));
}

function rackLeftOver(racks: unknown[], path: string): RenderedCluster["ignored"] {
  return racks.flatMap((rack, i) => leftOver(rack, `${path}.${i}`, ["name"]));
}

/** The keys of a value that are set beside those that are taken. */
function leftOver(value: unknown, path: string, taken: string[]): RenderedCluster["ignored"] {
  if (!isRecord(value)) return [];
  return Object.entries(value)
    .filter(([key, entry]) => entry !== undefined && !taken.includes(key))
    .map(([key]) => ({ path: `${path}.${key}`, reason: reasons[key] ?? PLAIN }));
}

/** A non-empty text, or a problem at `path`. */
export function textOr(value: unknown, path: string, problems: Problem[]): string {
  if (typeof value === "string" && value !== "") return value;
  problems.push(problem(path, value, "must be a name", "Give one"));
  return "";
}

/** A whole number in a range, or a problem at `path`. */
export function integerOr(value: unknown, path: string, min: number, max: number, problems: Problem[]): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  problems.push(
    problem(path, value, `must be a whole number from ${min} to ${max} locally`, "Give a number in that range"),
  );
  return min;
}

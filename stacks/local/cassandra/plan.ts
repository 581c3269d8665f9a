import { InvalidInputError, type Problem, problem } from "../../../runtime/contract/index.js";
import { describeObject, type KubernetesObject } from "../providers/kubernetes/object.js";
import { integerOr, type RenderedCluster, readCluster, textOr } from "./rendered.js";
import type { RenderedAccess } from "./security.js";
import { evenTokens } from "./tokens.js";
import { CASSANDRA_VERSION } from "./version.js";
import { sortSettings } from "./yaml.js";

/** One node of a ring. Its address follows from the subnet that the ring gets when it starts. */
export interface RingNode {
  /** Place in the plan, from 0. */
  index: number;
  datacenter: string;
  rack: string;
  /** Tokens as decimal text, ascending. */
  tokens: string[];
  /** True for the first node of each rack, three at most: what the others ask first. */
  seed: boolean;
  /** Settings of cassandra.yaml that were rendered for its datacenter and are handed on. */
  settings: Record<string, unknown>;
}

/** Who may speak to the nodes of a ring, and how. */
export interface RingSecurity {
  /** True where passwords are asked for. */
  authentication: boolean;
  /** True where rights are looked at. @default as `authentication` */
  authorization?: boolean;
  /** What the nodes prove themselves with, to clients and to each other. Without it everything goes in plaintext. */
  tls?: RingTls;
}

/** Files of the nodes' certificate, absolute paths. */
export interface RingTls {
  /** Private key (PKCS #8) and certificate chain, PEM in one file. */
  keystorePem: string;
  /** The authorities, PEM. */
  truststorePem: string;
  /** What `client_encryption_options` say beside the files. @default TLS for every client, without certificates of theirs */
  client?: Record<string, unknown>;
  /** What `server_encryption_options` say beside the files. @default TLS between all nodes, both with certificates */
  internode?: Record<string, unknown>;
}

/** A ring as it will be started on this machine. */
export interface RingPlan {
  clusterName: string;
  /** The first datacenter: the one that clients on this machine are local to. */
  datacenter: string;
  /** The version that runs; a rendered version that differs is named in `notHonoured`. */
  serverVersion: string;
  nodes: RingNode[];
  /** True where the object asks for a ring that keeps its data and does not run. */
  stopped: boolean;
  /** Who may speak to the nodes, and how, as the object says it: `secureRing` makes `security` of it. */
  access: RenderedAccess;
  /** Who may speak to the nodes, and how. Without it nobody is asked, and everything goes in plaintext. */
  security?: RingSecurity;
  /** What was rendered and does not come true locally, a line each: a path, and why. To be shown to the user. */
  notHonoured: string[];
}

/** Nodes that one machine is asked to run at most: about 350 MB of memory each. */
export const LOCAL_NODES = { min: 1, max: 9 } as const;
/** Tokens of a node: 16 is Cassandra's own default since 4.0. */
export const TOKENS = { min: 1, max: 256, default: 16 } as const;
const SEEDS = 3;

/**
 * The ring that a K8ssandraCluster or a CassandraDatacenter describes: cluster name, datacenters, racks, sizes,
 * tokens and the known settings of cassandra.yaml come true. Throws InvalidInputError with every problem.
 */
export function planRing(object: KubernetesObject): RingPlan {
  const cluster = readCluster(object);
  const problems: Problem[] = [...cluster.problems];
  const { access } = cluster;
  const clusterName = textOr(cluster.clusterName, "clusterName", problems);
  if (cluster.serverType !== undefined && cluster.serverType !== "cassandra")
    problems.push(problem("serverType", cluster.serverType, "must be cassandra locally", "Use cassandra"));
  if (cluster.datacenters.length === 0)
    problems.push(problem("spec.cassandra.datacenters", undefined, "must have at least one entry", "Add a datacenter"));
  const notHonoured = [...versionNote(cluster), ...cluster.ignored.map(({ path, reason }) => `${path}: ${reason}`)];
  const nodes: RingNode[] = [];
  const names = new Set<string>();
  for (const [i, dc] of cluster.datacenters.entries()) {
    const name = textOr(dc.name, `${dc.path}.metadata.name`, problems);
    if (names.has(name)) problems.push(problem(dc.path, name, "is the name of an earlier datacenter", "Rename one"));
    names.add(name);
    const size = integerOr(dc.size, `${dc.path}.size`, LOCAL_NODES.min, LOCAL_NODES.max, problems);
    const racks = dc.racks.map((rack, r) => textOr(rack, `${dc.path}.racks.${r}.name`, problems));
    if (new Set(racks).size < racks.length)
      problems.push(problem(`${dc.path}.racks`, racks, "must have different names", "Rename one"));
    const tokensPath = `${dc.settingsPath}.num_tokens`;
    const numTokens = dc.settings["num_tokens"] ?? TOKENS.default;
    const tokensEach = integerOr(numTokens, tokensPath, TOKENS.min, TOKENS.max, problems);
    const { settings, left } = sortSettings(dc.settings, access.authentication);
    notHonoured.push(...left.map(({ key, reason }) => `${dc.settingsPath}.${key}: ${reason}`));
    for (const rack of racks.slice(size))
      notHonoured.push(`${dc.path}.racks: ${rack} has no node with a size of ${size}`);
    const first = nodes.length;
    for (const [n, tokens] of evenTokens(size, tokensEach, i).entries()) {
      const seed = n < Math.min(racks.length, SEEDS);
      const rack = racks[n % racks.length] ?? "";
      nodes.push({ index: first + n, datacenter: name, rack, tokens, seed, settings });
    }
  }
  if (nodes.length > LOCAL_NODES.max)
    problems.push(
      problem("size", nodes.length, `must be at most ${LOCAL_NODES.max} nodes in all locally`, "Lower a size"),
    );
  if (problems.length > 0) throw new InvalidInputError(describeObject(object), problems);
  const datacenter = nodes[0]?.datacenter ?? "";
  const stopped = cluster.datacenters.every((dc) => dc.stopped);
  if (!stopped && cluster.datacenters.some((dc) => dc.stopped))
    notHonoured.push("stopped: the local ring stops only when all of its datacenters do");
  return { clusterName, datacenter, serverVersion: CASSANDRA_VERSION, nodes, stopped, access, notHonoured };
}

function versionNote({ serverVersion }: RenderedCluster): string[] {
  if (serverVersion === CASSANDRA_VERSION) return [];
  return [`serverVersion ${String(serverVersion)}: the local ring runs ${CASSANDRA_VERSION}`];
}

/** What of a running ring cannot become the new plan, a sentence each; empty where nothing needs to be done. */
export function planChanges(running: RingPlan, wanted: RingPlan): string[] {
  const changes: string[] = [];
  const compare = (what: string, from: string, to: string) => {
    if (from !== to) changes.push(`${what} cannot change from ${from} to ${to} while the ring runs.`);
  };
  compare("The cluster name", running.clusterName, wanted.clusterName);
  compare("The datacenter", datacenters(running), datacenters(wanted));
  if (changes.length > 0) return changes;
  compare("The racks", racks(running), racks(wanted));
  compare("The number of nodes", String(running.nodes.length), String(wanted.nodes.length));
  compare("num_tokens", tokensEach(running), tokensEach(wanted));
  compare("cassandra.yaml", settings(running), settings(wanted));
  compare("Who may speak to the nodes", JSON.stringify(running.access), JSON.stringify(wanted.access));
  return changes;
}

function datacenters(plan: RingPlan): string {
  return [...new Set(plan.nodes.map((node) => node.datacenter))].join(", ");
}

function racks(plan: RingPlan): string {
  return [...new Set(plan.nodes.map((node) => `${node.datacenter}/${node.rack}`))].join(", ");
}

function tokensEach(plan: RingPlan): string {
  return [...new Set(plan.nodes.map((node) => node.tokens.length))].join(", ");
}

function settings(plan: RingPlan): string {
  return JSON.stringify([...new Set(plan.nodes.map((node) => JSON.stringify(node.settings)))]);
}

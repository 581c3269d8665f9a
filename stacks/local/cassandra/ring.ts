import { readFileSync } from "node:fs";
import { CQL_PORT } from "../../../runtime/contract/index.js";
import { type Access, FIRST_LOGIN, type Login, type Member, missingAt } from "./agreement.js";
import type { Distribution } from "./distribution.js";
import { nodeAddress, nodePaths, writeNodeFiles } from "./nodeFiles.js";
import { NodeProcess } from "./nodeProcess.js";
import type { RingNode, RingPlan } from "./plan.js";
import { claimSubnet, type Subnet } from "./subnet.js";

/** What a ring is started with. */
export interface RingOptions {
  /** Folder that the ring keeps everything in; the caller removes it. */
  dir: string;
  distribution: Distribution;
  /** The java executable, version 17. */
  java: string;
  /**
   * Whether the nodes compile what they do often once more by Java's optimizing compiler, as a ring in production does.
   * That takes minutes of CPU: for a ring that is measured, or stays for hours.
   * @default false
   */
  optimized?: boolean;
  /** Subnet of the nodes, kept by the caller. @default the first that is free, released when the ring stops */
  subnet?: Subnet;
  /** Ends the start. */
  signal: AbortSignal;
  /** Who looks whether the nodes are up, where passwords are asked for. @default the role that Cassandra begins with */
  login?: () => Login;
  /** Added to the environment of every node. */
  baseEnv: Record<string, string>;
  onProgress(line: string): void;
}

/** A node as it is now. */
export interface NodeState {
  address: string;
  datacenter: string;
  rack: string;
  /** Process id; undefined before its first start. */
  pid: number | undefined;
  alive: boolean;
}

/** A ring that runs on this machine. Nodes are named by their place in the plan, from 0. */
export interface LocalRing {
  readonly plan: RingPlan;
  /** Addresses of the first datacenter's nodes, without port. */
  readonly contactPoints: string[];
  readonly port: number;
  readonly datacenter: string;
  nodes(): NodeState[];
  /** Ends a node with SIGKILL, as a lost machine would. */
  kill(index: number): Promise<void>;
  /** Starts a node that is down; resolves when all nodes that run see each other. */
  start(index: number): Promise<void>;
  /** Ends every node. What they have written stays in `dir`. */
  stop(): Promise<void>;
}

/** Longest time from start to agreement, in milliseconds; three nodes on two busy cores take 28 s. */
const START_MS = 240_000;
/** Pause between two looks at a starting ring, in milliseconds. */
const LOOK_MS = 100;
/** Time that a node gets to shut down, in milliseconds. */
const STOP_MS = 5_000;

/** Starts every node of the plan and waits until each sees each other. On any failure nothing is left running. */
export async function startRing(plan: RingPlan, options: RingOptions): Promise<LocalRing> {
  options.signal.throwIfAborted();
  const { access, security } = plan;
  if (security === undefined && (access.authentication || access.pem !== undefined))
    throw new Error(`The ring ${plan.clusterName} asks for passwords or TLS: secureRing finds what they need.`);
  const subnet = options.subnet ?? (await claimSubnet(plan.nodes.length));
  const ring = new Ring(plan, options, subnet);
  try {
    await ring.startAll();
    return ring;
  } catch (error) {
    await ring.stop();
    throw error;
  }
}

class Ring implements LocalRing {
  readonly port = CQL_PORT;
  readonly datacenter: string;
  readonly contactPoints: string[];
  private readonly members: Member[];
  private readonly processes: (NodeProcess | undefined)[];

  constructor(
    readonly plan: RingPlan,
    private readonly options: RingOptions,
    private readonly subnet: Subnet,
  ) {
    this.datacenter = plan.datacenter;
    this.members = plan.nodes.map(({ index, datacenter, rack }) => ({
      address: nodeAddress(subnet.prefix, index),
      datacenter,
      rack,
    }));
    this.contactPoints = this.members.filter((m) => m.datacenter === plan.datacenter).map((m) => m.address);
    this.processes = plan.nodes.map(() => undefined);
  }

  nodes(): NodeState[] {
    return this.members.map((member, i) => {
      const node = this.processes[i];
      return { ...member, pid: node?.pid, alive: node?.alive ?? false };
    });
  }

  /** The seeds first: another node cannot join before one of them answers. */
  async startAll(): Promise<void> {
    const { nodes, clusterName } = this.plan;
    const began = performance.now();
    const say = (text: string) =>
      this.options.onProgress(`Cassandra ring ${clusterName}: ${text} (${seconds(performance.now() - began)})`);
    const deadline = began + START_MS;
    for (const node of nodes) writeNodeFiles(this.plan, node, this.subnet.prefix, this.options.dir);
    say(`starting ${nodes.length === 1 ? "one node" : `${nodes.length} nodes`} on ${this.subnet.prefix}.*`);
    const seeds = nodes.filter((node) => node.seed);
    await this.launch(seeds);
    if (seeds.length < nodes.length) {
      await this.agreed(seeds, deadline, say);
      await this.launch(nodes.filter((node) => !node.seed));
    }
    await this.agreed(nodes, deadline, say);
  }

  async kill(index: number): Promise<void> {
    await this.processes[this.node(index).index]?.kill();
  }

  async start(index: number): Promise<void> {
    const node = this.node(index);
    if (this.processes[index]?.alive === true) return;
    await this.launch([node]);
    const running = this.plan.nodes.filter((n) => this.processes[n.index]?.alive === true);
    await this.agreed(running, performance.now() + START_MS);
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((node) => node?.stop(STOP_MS)));
    if (this.options.subnet === undefined) await this.subnet.release();
  }

  private node(index: number): RingNode {
    const node = this.plan.nodes[index];
    if (node === undefined)
      throw new RangeError(`The ring has no node ${index}; its nodes are 0 to ${this.plan.nodes.length - 1}.`);
    return node;
  }

  private async launch(nodes: RingNode[]): Promise<void> {
    const { dir, distribution, java, baseEnv, optimized = false } = this.options;
    const program = { java, lib: distribution.lib, nodes: this.plan.nodes.length, optimized, baseEnv };
    for (const { index } of nodes) this.processes[index] = await NodeProcess.start(nodePaths(dir, index), program);
  }

  private access(): Access {
    const login = this.plan.security?.authentication === true ? (this.options.login?.() ?? FIRST_LOGIN) : undefined;
    return { login, authorities: authoritiesOf(this.plan) };
  }

  /** Waits until each of the nodes sees each of them. Throws as soon as one of them ends, or at the deadline. */
  private async agreed(nodes: RingNode[], deadline: number, say?: (text: string) => void): Promise<void> {
    const wanted = nodes.flatMap(({ index }) => this.members[index] ?? []);
    const access = this.access();
    const waiting = new Map(wanted.map((member) => [member.address, "does not answer yet"]));
    while (waiting.size > 0) {
      this.options.signal.throwIfAborted();
      for (const { index, rack } of nodes)
        this.processes[index]?.assertAlive(`node ${this.members[index]?.address} (rack ${rack})`);
      if (performance.now() > deadline)
        throw new Error(
          `The Cassandra ring ${this.plan.clusterName} did not agree within ${START_MS / 1000} s: ` +
            `${[...waiting.values()].join("; ")}. The nodes' logs are in ${this.options.dir}.`,
        );
      await Promise.all(
        wanted
          .filter((member) => waiting.has(member.address))
          .map(async (member) => {
            const missing = await missingAt(member, wanted, wanted.length === this.members.length, access);
            if (missing === undefined) {
              waiting.delete(member.address);
              say?.(`${wanted.length - waiting.size} of ${wanted.length} nodes see each other`);
            } else waiting.set(member.address, missing);
          }),
      );
      if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

/** The authorities that a client of the ring trusts, PEM; undefined for a ring whose clients speak without TLS. */
export function authoritiesOf({ security }: RingPlan): string | undefined {
  const tls = security?.tls;
  if (tls === undefined || tls.client?.["enabled"] === false) return undefined;
  return readFileSync(tls.truststorePem, "utf8");
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

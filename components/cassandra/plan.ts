import { Consistency } from "../../runtime/contract/index.js";
import type { CassandraRackArgs, CassandraRingArgs, CassandraSurvival } from "./args.js";

/** Node label of Kubernetes that names the zone. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";

/** What of a datacenter decides where replicas lie. */
export interface RingShape {
  /** Nodes, a multiple of the racks. */
  size: number;
  racks: CassandraRackArgs[];
}

/** A datacenter as far as survival depends on it. */
export interface PlannedDatacenter {
  name: string;
  /** Replicas in it, by keyspace. */
  replication: { [keyspace: string]: number };
  /** Its nodes; absent where it is made elsewhere, so that nothing is known of its racks. */
  shape?: RingShape;
}

/** Replicas by datacenter. */
export type Replicas = { [datacenter: string]: number };

/** The datacenters of a ring: first the one next to the clients, then its others, then those that are made elsewhere. */
export function datacentersOf(args: CassandraRingArgs): PlannedDatacenter[] {
  const own = [
    { name: args.datacenter, size: args.size, racks: args.racks, replication: args.replication },
    ...(args.otherDatacenters ?? []),
  ];
  return [
    ...own.map(({ name, replication, size, racks }) => ({ name, replication, shape: { size, racks } })),
    ...(args.externalDatacenters ?? []),
  ];
}

/** Replicas of a keyspace in every datacenter that has some, as NetworkTopologyStrategy takes them. */
export function keyspaceReplication(args: CassandraRingArgs, keyspace: string): Replicas {
  return Object.fromEntries(
    datacentersOf(args)
      .map(({ name, replication }): [string, number] => [name, replication[keyspace] ?? 0])
      .filter(([, replicas]) => replicas > 0),
  );
}

/** Nodes of each rack: the same for all, since the size is a multiple of the racks. */
export function nodesPerRack({ size, racks }: RingShape): number {
  return size / racks.length;
}

/** Replicas that are more than half of them. */
export function majority(replicas: number): number {
  return Math.floor(replicas / 2) + 1;
}

const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);

/**
 * Whether a consistency level still has its answers where of `replicas`, by datacenter and the client's first, so many
 * are lost.
 */
type Rule = (replicas: number[], lost: number[]) => boolean;

const local =
  (needs: (replicas: number) => number): Rule =>
  ([replicas = 0], [lost = 0]) =>
    replicas - lost >= needs(replicas);

const RULES: Record<Consistency, Rule> = {
  [Consistency.LocalOne]: local(() => 1),
  [Consistency.LocalQuorum]: local(majority),
  [Consistency.Quorum]: (replicas, lost) => sum(replicas) - sum(lost) >= majority(sum(replicas)),
  [Consistency.EachQuorum]: (replicas, lost) =>
    replicas.every((each, i) => each === 0 || each - (lost[i] ?? 0) >= majority(each)),
  [Consistency.All]: (_, lost) => sum(lost) === 0,
};

/** Answers of replicas that a consistency level waits for, over all datacenters; the client's is the first. */
export function needed(consistency: Consistency, ...replicas: number[]): number {
  const [first = 0] = replicas;
  return {
    [Consistency.LocalOne]: 1,
    [Consistency.LocalQuorum]: majority(first),
    [Consistency.Quorum]: majority(sum(replicas)),
    [Consistency.EachQuorum]: sum(replicas.filter((each) => each > 0).map(majority)),
    [Consistency.All]: sum(replicas),
  }[consistency];
}

/**
 * The most replicas of one partition that some racks of a datacenter can hold together. NetworkTopologyStrategy gives
 * each rack one before it gives any a second; beyond that, the order of tokens decides, which may fill the racks asked
 * about first.
 */
export function mostReplicas(shape: RingShape, replicas: number, racks: number): number {
  const spread = Math.min(racks, replicas);
  const repeats = Math.max(0, replicas - shape.racks.length);
  return spread + Math.min(repeats, racks * (nodesPerRack(shape) - 1));
}

/** What one keyspace survives at one consistency level, asked in the first datacenter. The ring must be valid. */
export function survival(ring: PlannedDatacenter[], keyspace: string, consistency: Consistency): CassandraSurvival {
  const replicas = ring.map(({ replication }) => replication[keyspace] ?? 0);
  const held = ring.map((_, i) => i).filter((i) => (replicas[i] ?? 0) > 0);
  const survives = (lost: (i: number) => number) =>
    RULES[consistency](
      replicas,
      replicas.map((_, i) => lost(i)),
    );
  /** The most replicas that racks of a datacenter hold, of which so many are asked about. */
  const inRacks = (i: number, racks: number) => {
    const shape = ring[i]?.shape;
    return shape === undefined || racks === 0 ? 0 : mostReplicas(shape, replicas[i] ?? 0, racks);
  };
  const racks = ring.flatMap(({ name, shape }, i) => (shape?.racks ?? []).map((rack) => ({ ...rack, name, i, rack })));
  const zones = [...new Set(racks.flatMap(({ zone }) => zone ?? []))];
  const racksIn = (zone: string, i: number) => racks.filter((each) => each.i === i && each.zone === zone).length;
  const fatalRacks = racks
    .filter(({ i }) => !survives((other) => (other === i ? inRacks(i, 1) : 0)))
    .map(({ name, rack }) => (ring.length === 1 ? rack.name : `${name}/${rack.name}`));
  const fatalZones = zones.filter((zone) => !survives((i) => inRacks(i, racksIn(zone, i))));
  const others = held.filter((i) => i > 0);
  const fatalDatacenters = others
    .filter((i) => !survives((other) => (other === i ? (replicas[i] ?? 0) : 0)))
    .flatMap((i) => ring[i]?.name ?? []);
  const row = {
    keyspace,
    replicas: sum(replicas),
    consistency,
    needed: needed(consistency, ...replicas),
    nodes: nodesThatMayGo(replicas, consistency),
    anyOtherDatacenter: others.length > 0 && fatalDatacenters.length === 0,
    fatalDatacenters,
    anyRack: fatalRacks.length === 0,
    fatalRacks,
    anyZone: zones.length > 0 && fatalZones.length === 0,
    fatalZones,
  };
  return { ...row, sentence: sentence(row) };
}

/** Nodes, wherever they are, that may be lost at once: as many as the datacenter bears that bears the fewest. */
function nodesThatMayGo(replicas: number[], consistency: Consistency): number {
  let nodes = 0;
  const bears = (more: number) =>
    replicas.every((held, i) =>
      RULES[consistency](
        replicas,
        // The worst: all of them in one datacenter, as far as it has replicas, the rest in the others.
        spill(replicas, i, Math.min(more, held), more),
      ),
    );
  while (nodes < sum(replicas) && bears(nodes + 1)) nodes++;
  return nodes;
}

/** So many lost replicas, first of one datacenter, the rest of the others in turn. */
function spill(replicas: number[], first: number, there: number, all: number): number[] {
  let left = all - there;
  return replicas.map((held, i) => {
    if (i === first) return there;
    const taken = Math.min(left, held);
    left -= taken;
    return taken;
  });
}

/** What every keyspace survives at every consistency level, keyspaces in the order of their names. */
export function survivals(ring: PlannedDatacenter[]): CassandraSurvival[] {
  return Object.keys(ring[0]?.replication ?? {})
    .sort()
    .flatMap((keyspace) => Object.values(Consistency).map((consistency) => survival(ring, keyspace, consistency)));
}

function sentence(row: Omit<CassandraSurvival, "sentence">): string {
  const waits = `it waits for ${row.needed} of ${row.replicas} ${row.replicas === 1 ? "replica" : "replicas"}`;
  const survived = [
    ...(row.anyOtherDatacenter ? ["any one other datacenter"] : []),
    ...(row.anyZone ? ["any one zone"] : []),
    ...(row.anyRack ? ["any one rack"] : []),
    ...(row.nodes > 0 ? [`any ${row.nodes} ${row.nodes === 1 ? "node" : "nodes"}`] : []),
  ];
  if (survived.length === 0) return `${row.keyspace}: ${row.consistency} survives no loss; ${waits}`;
  const not = [
    ...row.fatalDatacenters.map((datacenter) => `datacenter ${datacenter}`),
    ...row.fatalZones.map((zone) => `zone ${zone}`),
    ...row.fatalRacks.map((rack) => `rack ${rack}`),
  ];
  const but = not.length === 0 ? "" : `, but not of ${not.join(", ")}`;
  return `${row.keyspace}: ${row.consistency} survives the loss of ${survived.join(", ")}${but}; ${waits}`;
}

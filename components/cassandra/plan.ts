import { Consistency } from "../../runtime/contract/index.js";
import type { CassandraRackArgs, CassandraSurvival } from "./args.js";

/** Node label of Kubernetes that names the zone. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";
/** Port of the native protocol. */
export const CQL_PORT = 9042;

/** What of a ring decides where replicas lie. */
export interface RingShape {
  /** Nodes, a multiple of the racks. */
  size: number;
  racks: CassandraRackArgs[];
}

/**
 * A name as cass-operator writes it into names of Kubernetes: itself where it is a DNS label, otherwise in lower case,
 * with `-` for `_`, and without what a label cannot hold.
 */
export function cleanName(name: string): string {
  if (/^[a-z](?=.{0,62}$)(?:[a-z0-9-]*[a-z0-9])?$/.test(name)) return name;
  const parts = name
    .toLowerCase()
    .replaceAll("_", "-")
    .match(/[a-z](?:[a-z0-9-]*[a-z0-9])?/g);
  return (parts ?? []).join("");
}

/** Name of the service that leads to every ready node of a datacenter. */
export function serviceName(clusterName: string, datacenter: string): string {
  return `${cleanName(clusterName)}-${cleanName(datacenter)}-service`;
}

/** Name of the stateful set that the operator makes for a rack. */
export function statefulSetName(clusterName: string, datacenter: string, rack: string): string {
  return `${cleanName(clusterName)}-${cleanName(datacenter)}-${rack}-sts`;
}

/** Nodes of each rack: the same for all, since the size is a multiple of the racks. */
export function nodesPerRack({ size, racks }: RingShape): number {
  return size / racks.length;
}

/** Answers of replicas that a consistency level waits for, in a cluster of one datacenter. */
export function needed(consistency: Consistency, replicas: number): number {
  const majority = Math.floor(replicas / 2) + 1;
  return {
    [Consistency.LocalOne]: 1,
    [Consistency.LocalQuorum]: majority,
    [Consistency.Quorum]: majority,
    [Consistency.EachQuorum]: majority,
    [Consistency.All]: replicas,
  }[consistency];
}

/**
 * The most replicas of one partition that some racks can hold together. NetworkTopologyStrategy gives each rack one
 * before it gives any a second; beyond that, the order of tokens decides, which may fill the racks asked about first.
 */
export function mostReplicas(shape: RingShape, replicas: number, racks: number): number {
  const spread = Math.min(racks, replicas);
  const repeats = Math.max(0, replicas - shape.racks.length);
  return spread + Math.min(repeats, racks * (nodesPerRack(shape) - 1));
}

/** What one keyspace survives at one consistency level. The shape must be valid. */
export function survival(
  shape: RingShape,
  keyspace: string,
  replicas: number,
  consistency: Consistency,
): CassandraSurvival {
  const need = needed(consistency, replicas);
  const fatal = (racks: number) => replicas - mostReplicas(shape, replicas, racks) < need;
  const zones = new Map<string, number>();
  for (const { zone } of shape.racks) if (zone !== undefined) zones.set(zone, (zones.get(zone) ?? 0) + 1);
  const fatalRacks = shape.racks.filter(() => fatal(1)).map((rack) => rack.name);
  const fatalZones = [...zones].filter(([, racks]) => fatal(racks)).map(([zone]) => zone);
  const row = {
    keyspace,
    replicas,
    consistency,
    needed: need,
    nodes: replicas - need,
    anyRack: fatalRacks.length === 0,
    fatalRacks,
    anyZone: zones.size > 0 && fatalZones.length === 0,
    fatalZones,
  };
  return { ...row, sentence: sentence(row) };
}

/** What every keyspace survives at every consistency level, keyspaces in the order of their names. */
export function survivals(shape: RingShape, replication: { [keyspace: string]: number }): CassandraSurvival[] {
  return Object.entries(replication)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([keyspace, replicas]) =>
      Object.values(Consistency).map((consistency) => survival(shape, keyspace, replicas, consistency)),
    );
}

function sentence(row: Omit<CassandraSurvival, "sentence">): string {
  const waits = `it waits for ${row.needed} of ${row.replicas} ${row.replicas === 1 ? "replica" : "replicas"}`;
  const survived = [
    ...(row.anyZone ? ["any one zone"] : []),
    ...(row.anyRack ? ["any one rack"] : []),
    ...(row.nodes > 0 ? [`any ${row.nodes} ${row.nodes === 1 ? "node" : "nodes"}`] : []),
  ];
  if (survived.length === 0) return `${row.keyspace}: ${row.consistency} survives no loss; ${waits}`;
  const not = [...row.fatalZones.map((zone) => `zone ${zone}`), ...row.fatalRacks.map((rack) => `rack ${rack}`)];
  const but = not.length === 0 ? "" : `, but not of ${not.join(", ")}`;
  return `${row.keyspace}: ${row.consistency} survives the loss of ${survived.join(", ")}${but}; ${waits}`;
}

/** What a reviewer must know of a ring's replication, a sentence a matter. */
export function replicationWarnings(shape: RingShape, replication: { [keyspace: string]: number }): string[] {
  return Object.entries(replication).flatMap(([keyspace, replicas]) => {
    const path = `replication.${keyspace}`;
    const found: string[] = [];
    const { fatalRacks, fatalZones } = survival(shape, keyspace, replicas, Consistency.LocalQuorum);
    if (replicas === 1) return [`${path}: one replica: a lost node is lost data.`];
    if (replicas % 2 === 0)
      found.push(
        `${path}: ${replicas} replicas need ${replicas / 2 + 1} answers, as ${replicas + 1} do: ` +
          `a quorum survives no more than with ${replicas - 1}.`,
      );
    if (replicas > shape.racks.length)
      found.push(
        `${path}: ${replicas} replicas on ${shape.racks.length} ${shape.racks.length === 1 ? "rack" : "racks"}: ` +
          (fatalRacks.length === 0
            ? "some racks hold several."
            : `the loss of rack ${fatalRacks.join(" or ")} alone breaks quorum.`),
      );
    else if (fatalZones.length > 0)
      found.push(`${path}: racks share zones: the loss of zone ${fatalZones.join(" or ")} alone breaks quorum.`);
    return found;
  });
}

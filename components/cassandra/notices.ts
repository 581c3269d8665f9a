import { Consistency } from "../../runtime/contract/index.js";
import { CassandraOperator, type CassandraRingArgs } from "./args.js";
import { type PlannedDatacenter, type RingShape, survival } from "./plan.js";
import { refusesTimestamps, repairs } from "./tables.js";

/** What a reviewer must know of a ring's replication, a sentence a matter. The ring must be valid. */
export function replicationWarnings(ring: PlannedDatacenter[]): string[] {
  return [
    ...ring.flatMap((datacenter, i) => {
      const { shape } = datacenter;
      if (shape === undefined) return [];
      const path = i === 0 ? "replication" : `otherDatacenters.${i - 1}.replication`;
      return Object.entries(datacenter.replication).flatMap(([keyspace, replicas]) =>
        datacenterWarnings(`${path}.${keyspace}`, { ...datacenter, shape }, keyspace, replicas),
      );
    }),
    ...Object.keys(ring[0]?.replication ?? {}).flatMap((keyspace) => quorumWarning(ring, keyspace)),
  ];
}

function datacenterWarnings(
  path: string,
  datacenter: PlannedDatacenter & { shape: RingShape },
  keyspace: string,
  replicas: number,
): string[] {
  if (replicas === 0) return [];
  if (replicas === 1) return [`${path}: one replica: a lost node is lost data.`];
  const { racks } = datacenter.shape;
  // By itself, as clients next to it ask it.
  const { fatalRacks, fatalZones } = survival([datacenter], keyspace, Consistency.LocalQuorum);
  if (replicas > racks.length)
    return [
      `${path}: ${replicas} replicas on ${racks.length} ${racks.length === 1 ? "rack" : "racks"}: ` +
        (fatalRacks.length === 0
          ? "some racks hold several."
          : `the loss of rack ${fatalRacks.join(" or ")} alone breaks quorum.`),
    ];
  if (fatalZones.length === 0) return [];
  return [`${path}: racks share zones: the loss of zone ${fatalZones.join(" or ")} alone breaks quorum.`];
}

/** A quorum over all datacenters that one of them takes with it, which surprises those who count on the other. */
function quorumWarning(ring: PlannedDatacenter[], keyspace: string): string[] {
  const { fatalDatacenters, replicas, needed } = survival(ring, keyspace, Consistency.Quorum);
  if (fatalDatacenters.length === 0) return [];
  return [
    `replication.${keyspace}: QUORUM waits for ${needed} of ${replicas} replicas over all datacenters: the loss of ` +
      `datacenter ${fatalDatacenters.join(" or ")} alone breaks it. LOCAL_QUORUM goes on.`,
  ];
}

/** What a ring does without, a sentence a matter. */
export function ringWarnings(args: CassandraRingArgs): string[] {
  const found: string[] = [];
  if (args.authentication === false)
    found.push("authentication: off: whoever reaches the nodes reads and writes everything.");
  if (args.tls === false) found.push("tls: off: passwords and rows go over the network in plaintext.");
  if (!repairs(args))
    found.push(
      args.operator === CassandraOperator.CassOperator
        ? "repair: cass-operator alone repairs nothing: run repairs within the tables' gcGrace, or deleted rows come back."
        : "repair.enabled: off: run repairs within the tables' gcGrace, or deleted rows come back.",
    );
  if (!refusesTimestamps(args))
    found.push(
      `serverVersion: Cassandra ${args.serverVersion} takes timestamps from any future: one clock in 2099 hides every ` +
        "later write of its cells.",
    );
  return found;
}

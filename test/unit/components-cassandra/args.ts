import type { CassandraRingArgs } from "../../../components/cassandra/index.js";

/** The image of the ring's own job. */
export const IMAGE = `registry.example/stowage-worker@sha256:${"0".repeat(64)}`;

/** Three nodes, a rack and a zone each, one keyspace of three replicas. */
export function ringArgs(changed: Partial<CassandraRingArgs> = {}): CassandraRingArgs {
  return {
    namespace: "cassandra",
    clusterName: "Stowage_Ring",
    datacenter: "dc1",
    racks: [
      { name: "r1", zone: "westeurope-1" },
      { name: "r2", zone: "westeurope-2" },
      { name: "r3", zone: "westeurope-3" },
    ],
    size: 3,
    serverVersion: "5.0.5",
    storageClass: "managed-csi-premium",
    storageGib: 512,
    heapMib: 8192,
    memoryMib: 16384,
    cpus: 4,
    replication: { telemetry: 3 },
    image: IMAGE,
    ...changed,
  };
}

/** Racks of so many names, each in the zone of the same number where zones are given. */
export function racksOf(count: number, zones?: string[]): CassandraRingArgs["racks"] {
  return Array.from({ length: count }, (_, i) => {
    const zone = zones?.[i];
    return zone === undefined ? { name: `r${i + 1}` } : { name: `r${i + 1}`, zone };
  });
}

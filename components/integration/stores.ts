import { type Problem, problem } from "../../runtime/contract/index.js";
import { keyspaceReplication, type Replicas } from "../cassandra/index.js";
import type { CassandraSinkArgs, GlusterSinkArgs, LinstorSinkArgs, PipelineSinkArgs, StorageArgs } from "./args.js";
import type { Surroundings } from "./pipelines.js";

const canonical = (replication: Replicas) => JSON.stringify(Object.entries(replication).sort());
const named = (names: string[], what: string) =>
  names.length === 0 ? `Add it to ${what}` : `Use one of ${names.join(", ")}, or add it to ${what}`;

/** The volume must be one of the cluster's, and pods must be able to mount it. */
function glusterStore({ volume }: GlusterSinkArgs, { storage }: Surroundings): Problem[] {
  const path = "sink.gluster.volume";
  const volumes = Object.keys(storage?.gluster?.volumes ?? {});
  if (!volumes.includes(volume))
    return [problem(path, volume, "is not a volume of storage.gluster", named(volumes, "storage.gluster.volumes"))];
  if (storage?.gluster?.access !== undefined) return [];
  const reason = "cannot be mounted: storage.gluster.access is missing";
  return [problem(path, volume, reason, "Give access, with nodeMount or csi")];
}

/** The controllers must be known, and the group among those that are planned. */
function linstorStore({ resourceGroup }: LinstorSinkArgs, { storage, endpoints }: Surroundings): Problem[] {
  const { linstor } = storage ?? {};
  if (linstor === undefined)
    return endpoints?.linstor === undefined
      ? [problem("sink.linstor", resourceGroup, "has no LINSTOR to go to", "Give storage.linstor or endpoints.linstor")]
      : [];
  const groups = Object.keys(linstor.resourceGroups);
  if (groups.includes(resourceGroup)) return [];
  const fix = named(groups, "storage.linstor.resourceGroups");
  return [problem("sink.linstor.resourceGroup", resourceGroup, "is not a resource group of storage.linstor", fix)];
}

/** The ring must be known, and the keyspace's replicas be those that it is planned for. */
function cassandraStore({ table, replication }: CassandraSinkArgs, args: Surroundings): Problem[] {
  const ring = args.storage?.cassandra;
  const contact = args.endpoints?.cassandra;
  if (ring === undefined && contact === undefined)
    return [
      problem(
        "sink.cassandra",
        table.keyspace,
        "has no Cassandra to go to",
        "Give storage.cassandra or endpoints.cassandra",
      ),
    ];
  if (ring === undefined)
    return contact?.localDatacenter === undefined
      ? [
          problem(
            "sink.cassandra",
            table.keyspace,
            "does not know its datacenter: endpoints.cassandra.localDatacenter is missing",
            "Name the datacenter next to the workers",
          ),
        ]
      : [];
  if (ring.replication[table.keyspace] === undefined)
    return [
      problem(
        "sink.cassandra.table.keyspace",
        table.keyspace,
        "is not a keyspace of storage.cassandra",
        named(Object.keys(ring.replication), "storage.cassandra.replication"),
      ),
    ];
  if (replication === undefined || canonical(replication) === canonical(keyspaceReplication(ring, table.keyspace)))
    return [];
  const replicas = Object.entries(keyspaceReplication(ring, table.keyspace)).map(
    ([name, each]) => `${each} in ${name}`,
  );
  return [
    problem(
      "sink.cassandra.replication",
      replication,
      `must be ${replicas.join(", ")}, as storage.cassandra plans ${table.keyspace}`,
      "Leave it out, or change storage.cassandra",
    ),
  ];
}

/** Problems of a pipeline with the store that it writes to; paths are from the pipeline. */
export function storeProblems(sink: PipelineSinkArgs, args: Surroundings): Problem[] {
  return [
    ...(sink.gluster === undefined ? [] : glusterStore(sink.gluster, args)),
    ...(sink.linstor === undefined ? [] : linstorStore(sink.linstor, args)),
    ...(sink.cassandra === undefined ? [] : cassandraStore(sink.cassandra, args)),
  ];
}

/** Claims must be where the workers are: a pod mounts only those of its own namespace. */
export function claimProblems(storage: StorageArgs | undefined, namespace: string | undefined): Problem[] {
  const claimNamespace = storage?.gluster?.access?.claimNamespace;
  if (typeof claimNamespace !== "string" || namespace === undefined || claimNamespace === namespace) return [];
  return [
    problem(
      "storage.gluster.access.claimNamespace",
      claimNamespace,
      `must be the workers' namespace, ${namespace}: a pod mounts only claims of its own`,
      "Give the same name as in namespace.name",
    ),
  ];
}

import { defined } from "../../runtime/contract/index.js";
import { CassandraOperator, type CassandraRackArgs, type CassandraRingArgs } from "./args.js";
import { cleanName } from "./names.js";
import { ZONE_LABEL } from "./plan.js";

const LABELS = { "app.kubernetes.io/part-of": "stowage" };

/** An object of an operator, as Pulumi's CustomResource takes it. */
export interface OperatorObject {
  apiVersion: string;
  kind: string;
  metadata: object;
  spec: object;
}

/** Renders the object of the ring's operator. The args must be valid. */
export function renderRing(args: CassandraRingArgs): OperatorObject {
  return args.operator === CassandraOperator.CassOperator ? datacenterObject(args) : clusterObject(args);
}

function clusterObject(args: CassandraRingArgs): OperatorObject {
  const heap = `${args.heapMib}Mi`;
  return {
    apiVersion: "k8ssandra.io/v1alpha1",
    kind: "K8ssandraCluster",
    // Ready once, it stays initialized: an update does not wait for a node that is down for another reason.
    metadata: metadata(args, cleanName(args.clusterName), "condition=CassandraInitialized"),
    spec: {
      // The operator's default asks for a password, which no part of the stack has yet.
      auth: false,
      cassandra: {
        clusterName: args.clusterName,
        serverType: "cassandra",
        serverVersion: args.serverVersion,
        datacenters: [
          {
            metadata: { name: args.datacenter },
            size: args.size,
            stopped: args.stopped ?? false,
            racks: racks(args),
            softPodAntiAffinity: args.allowSharedHosts ?? false,
            storageConfig: storageConfig(args),
            resources: resources(args),
            config: {
              cassandraYaml: { num_tokens: args.numTokens ?? 16 },
              jvmOptions: { heap_initial_size: heap, heap_max_size: heap },
            },
          },
        ],
      },
    },
  };
}

function datacenterObject(args: CassandraRingArgs): OperatorObject {
  const heap = `${args.heapMib}M`;
  return {
    apiVersion: "cassandra.datastax.com/v1beta1",
    kind: "CassandraDatacenter",
    metadata: metadata(args, args.datacenter, "condition=Ready"),
    spec: {
      clusterName: args.clusterName,
      serverType: "cassandra",
      serverVersion: args.serverVersion,
      size: args.size,
      stopped: args.stopped ?? false,
      racks: racks(args),
      allowMultipleNodesPerWorker: args.allowSharedHosts ?? false,
      storageConfig: storageConfig(args),
      resources: resources(args),
      config: {
        "cassandra-yaml": {
          num_tokens: args.numTokens ?? 16,
          authenticator: "AllowAllAuthenticator",
          authorizer: "AllowAllAuthorizer",
        },
        "jvm-server-options": { initial_heap_size: heap, max_heap_size: heap },
      },
    },
  };
}

function metadata({ namespace, stopped }: CassandraRingArgs, name: string, ready: string): object {
  // A ring that is stopped never gets ready: there is nothing to wait for.
  const annotations = stopped === true ? undefined : { "pulumi.com/waitFor": ready };
  return defined({ name, namespace, labels: LABELS, annotations });
}

function racks(args: CassandraRingArgs): object[] {
  return args.racks.map(({ name, zone }: CassandraRackArgs) =>
    defined({ name, nodeAffinityLabels: zone === undefined ? undefined : { [ZONE_LABEL]: zone } }),
  );
}

function storageConfig({ storageClass, storageGib }: CassandraRingArgs): object {
  return {
    cassandraDataVolumeClaimSpec: {
      storageClassName: storageClass,
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: `${storageGib}Gi` } },
    },
  };
}

/** Shared hosts need both requests and limits of both, by the operator's rule; otherwise CPU has no limit. */
function resources({ cpus, memoryMib, allowSharedHosts }: CassandraRingArgs): object {
  const cpu = `${Math.round(cpus * 1000)}m`;
  const memory = `${memoryMib}Mi`;
  return { requests: { cpu, memory }, limits: allowSharedHosts === true ? { cpu, memory } : { memory } };
}

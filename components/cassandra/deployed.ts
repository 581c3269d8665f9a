import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { formatProblems } from "../../runtime/contract/index.js";
import { plainError } from "../support/lookup.js";
import { CassandraOperator, type CassandraRackArgs, type CassandraRingArgs } from "./args.js";
import { cassandraViolations, type RingPlan } from "./changes.js";
import { ZONE_LABEL } from "./plan.js";
import { REPLICATION } from "./render.js";

/** The engine's own function that gives what the last deployment left of a stack. */
const READ = "pulumi:pulumi:readStackResourceOutputs";
/** Types of the ring's object in a state. */
const TYPES = {
  [CassandraOperator.K8ssandra]: "kubernetes:k8ssandra.io/v1alpha1:K8ssandraCluster",
  [CassandraOperator.CassOperator]: "kubernetes:cassandra.datastax.com/v1beta1:CassandraDatacenter",
} as const;
const BYTES = { Gi: 1, Ti: 1_024 } as const;

const rack = z
  .object({ name: z.string(), nodeAffinityLabels: z.record(z.string(), z.string()).optional() })
  .transform(({ name, nodeAffinityLabels }): CassandraRackArgs => {
    const zone = nodeAffinityLabels?.[ZONE_LABEL];
    return zone === undefined ? { name } : { name, zone };
  });
const storage = z
  .object({
    cassandraDataVolumeClaimSpec: z.object({
      storageClassName: z.string(),
      resources: z.object({ requests: z.object({ storage: z.string() }) }),
    }),
  })
  .transform(({ cassandraDataVolumeClaimSpec: { storageClassName, resources } }) => ({
    storageClass: storageClassName,
    storageGib: gibibytes(resources.requests.storage),
  }));
const settings = z.object({
  num_tokens: z.number().optional(),
  server_encryption_options: z.object({ internode_encryption: z.string().optional() }).optional(),
});
const metadata = z.object({
  namespace: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
});

const cluster = z.object({
  metadata,
  spec: z.object({
    cassandra: z.object({
      clusterName: z.string(),
      serverVersion: z.string(),
      datacenters: z.array(
        z.object({
          metadata: z.object({ name: z.string() }),
          size: z.number(),
          stopped: z.boolean().optional(),
          racks: z.array(rack),
          softPodAntiAffinity: z.boolean().optional(),
          storageConfig: storage,
          config: z.object({ cassandraYaml: settings }),
        }),
      ),
    }),
  }),
});
const datacenter = z.object({
  metadata: metadata.extend({ name: z.string() }),
  spec: z.object({
    clusterName: z.string(),
    serverVersion: z.string(),
    size: z.number(),
    stopped: z.boolean().optional(),
    racks: z.array(rack),
    allowMultipleNodesPerWorker: z.boolean().optional(),
    storageConfig: storage,
    config: z.object({ "cassandra-yaml": settings }),
  }),
});
const resources = z.record(z.string(), z.object({ outputs: z.unknown() }));

/** The size of a disk in GiB; not a number where Kubernetes writes it in other units. */
function gibibytes(quantity: string): number {
  const [, count, unit] = /^(\d+)(Gi|Ti)$/.exec(quantity) ?? [];
  return unit === "Gi" || unit === "Ti" ? Number(count) * BYTES[unit] : Number.NaN;
}

function tlsOf({ server_encryption_options: options }: z.output<typeof settings>): boolean {
  return options?.internode_encryption !== undefined && options.internode_encryption !== "none";
}

/** The plan that a K8ssandraCluster or CassandraDatacenter was rendered from; undefined where it is no such object. */
export function deployedPlan(object: unknown): RingPlan | undefined {
  return fromCluster(object) ?? fromDatacenter(object);
}

function fromCluster(object: unknown): RingPlan | undefined {
  const parsed = cluster.safeParse(object).data;
  const [first, ...others] = parsed?.spec.cassandra.datacenters ?? [];
  if (parsed === undefined || first === undefined) return undefined;
  const { clusterName, serverVersion } = parsed.spec.cassandra;
  const replication = replicationOf(parsed.metadata.annotations[REPLICATION]);
  const { cassandraYaml } = first.config;
  return {
    ...optional({ numTokens: cassandraYaml.num_tokens, allowSharedHosts: first.softPodAntiAffinity }),
    ...first.storageConfig,
    operator: CassandraOperator.K8ssandra,
    namespace: parsed.metadata.namespace,
    clusterName,
    serverVersion,
    datacenter: first.metadata.name,
    racks: first.racks,
    size: first.size,
    tls: tlsOf(cassandraYaml),
    stopped: first.stopped ?? false,
    otherDatacenters: others.map(({ metadata: { name }, racks, size }) => ({
      name,
      racks,
      size,
      replication: replication[name] ?? {},
    })),
  };
}

function fromDatacenter(object: unknown): RingPlan | undefined {
  const parsed = datacenter.safeParse(object).data;
  if (parsed === undefined) return undefined;
  const { spec } = parsed;
  const yaml = spec.config["cassandra-yaml"];
  return {
    ...optional({ numTokens: yaml.num_tokens, allowSharedHosts: spec.allowMultipleNodesPerWorker }),
    ...spec.storageConfig,
    operator: CassandraOperator.CassOperator,
    namespace: parsed.metadata.namespace,
    clusterName: spec.clusterName,
    serverVersion: spec.serverVersion,
    datacenter: parsed.metadata.name,
    racks: spec.racks,
    size: spec.size,
    tls: tlsOf(yaml),
    stopped: spec.stopped ?? false,
  };
}

function optional({
  numTokens,
  allowSharedHosts,
}: {
  numTokens: number | undefined;
  allowSharedHosts: boolean | undefined;
}) {
  return {
    ...(numTokens === undefined ? {} : { numTokens }),
    ...(allowSharedHosts === undefined ? {} : { allowSharedHosts }),
  };
}

function replicationOf(text: string | undefined): { [datacenter: string]: { [keyspace: string]: number } } {
  try {
    return z.record(z.string(), z.record(z.string(), z.number())).parse(JSON.parse(text ?? "{}"));
  } catch {
    return {};
  }
}

/**
 * Compares the args with what the last deployment left of the ring, by what it would lose. It waits before the ring's
 * object is registered, in previews as in deployments, and fails with every violation at once.
 */
export async function refuseLoss(component: pulumi.Resource, name: string, args: CassandraRingArgs): Promise<void> {
  const before = await deployedRing(component);
  if (before === undefined) return;
  const violations = cassandraViolations(before, args);
  if (violations.length > 0) throw plainError(formatProblems(`Invalid change of CassandraRing "${name}"`, violations));
}

/** The ring of the last deployment, if there was one. */
async function deployedRing(component: pulumi.Resource): Promise<RingPlan | undefined> {
  const urn = await new Promise<string>((resolve) => void component.urn.apply(resolve));
  const read: unknown = await pulumi.runtime
    .invoke(READ, { stackName: pulumi.getStack() }, { parent: component })
    .then((answer) => answer?.outputs)
    .catch((error: Error) => {
      void pulumi.log.warn(
        `What was deployed before could not be read (${error.message.split("\n")[0]}): changes that would lose data are ` +
          "refused by the operator alone, once they are applied.",
        component,
      );
      return undefined;
    });
  const state = resources.safeParse(read).data ?? {};
  const [parents] = urn.split("::").slice(-2);
  const found = Object.values(TYPES).flatMap(
    (type) => state[urn.replace(`::${parents}::`, `::${parents}$${type}::`)]?.outputs ?? [],
  );
  return deployedPlan(found[0]);
}

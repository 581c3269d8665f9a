import { defined, durationSeconds } from "../../runtime/contract/index.js";
import {
  type CassandraDatacenterArgs,
  CassandraOperator,
  type CassandraRackArgs,
  type CassandraRingArgs,
  CommitLogSync,
} from "./args.js";
import { medusaSpec } from "./backup.js";
import { cleanName, LABELS, ringNames } from "./names.js";
import { datacentersOf, ZONE_LABEL } from "./plan.js";
import { DEFAULT_REPAIR, DEFAULT_TIMESTAMP_SKEW, refusesTimestamps, repairs } from "./tables.js";
import { jksStores, pemMount, pemSettings, tlsSettings } from "./tls.js";

/** Annotation with the replicas that survival is planned from, by datacenter and keyspace: the object has no place for them. */
export const REPLICATION = "stowage.dev/replication";
/** Tokens of a node, Cassandra's own default. */
export const DEFAULT_TOKENS = 16;
/**
 * Writes that come within it share one fsync of the commit log, in milliseconds; a write waits for it, and a batch of
 * several partitions for one after another. Cassandra's own default of a second would be the latency of every write. A disk
 * whose fsync takes longer makes larger groups by itself; a faster one is asked for a thousand small writes a second at most.
 */
const GROUP_WINDOW = "1ms";
/** What a pipeline's batches of several partitions stay below; the nodes refuse them above 50 KiB. */
const BATCH_WARNING = "40KiB";
const SECONDS_A_DAY = 86_400;

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
  const { superuserSecret } = args;
  const first = { ...args, name: args.datacenter };
  return {
    apiVersion: "k8ssandra.io/v1alpha1",
    kind: "K8ssandraCluster",
    // Ready once, it stays initialized: an update does not wait for a node that is down for another reason.
    metadata: metadata(args, cleanName(args.clusterName), "condition=CassandraInitialized"),
    spec: defined({
      auth: args.authentication ?? true,
      cassandra: defined({
        clusterName: args.clusterName,
        serverType: "cassandra",
        serverVersion: args.serverVersion,
        superuserSecretRef: superuserSecret === undefined ? undefined : { name: superuserSecret },
        additionalSeeds: args.seeds,
        // The collector of old is replaced by the nodes' own endpoint, which is always there.
        telemetry: { mcac: { enabled: false } },
        ...((args.tls ?? true) ? jksStores(ringNames(args.clusterName)) : {}),
        datacenters: [first, ...(args.otherDatacenters ?? [])].map((each) => datacenterOf(args, each)),
      }),
      externalDatacenters: args.externalDatacenters?.map(({ name }) => name),
      reaper: reaper(args),
      medusa: args.backup === undefined ? undefined : medusaSpec(args, args.backup),
    }),
  };
}

/** A datacenter of a K8ssandraCluster. */
function datacenterOf(args: CassandraRingArgs, datacenter: CassandraDatacenterArgs): object {
  const heap = `${args.heapMib}Mi`;
  return defined({
    metadata: { name: datacenter.name },
    k8sContext: datacenter.k8sContext,
    size: datacenter.size,
    stopped: datacenter.stopped ?? false,
    racks: racks(datacenter.racks),
    softPodAntiAffinity: args.allowSharedHosts ?? false,
    storageConfig: storageConfig(args, datacenter.storageClass ?? args.storageClass),
    resources: resources(args),
    config: {
      // Who may speak is the operator's to write, by `auth`.
      cassandraYaml: { ...settings(args), ...((args.tls ?? true) ? tlsSettings() : {}) },
      jvmOptions: { heap_initial_size: heap, heap_max_size: heap },
    },
  });
}

function datacenterObject(args: CassandraRingArgs): OperatorObject {
  const heap = `${args.heapMib}M`;
  const tls = args.tls ?? true;
  return {
    apiVersion: "cassandra.datastax.com/v1beta1",
    kind: "CassandraDatacenter",
    metadata: metadata(args, args.datacenter, "condition=Ready"),
    spec: defined({
      clusterName: args.clusterName,
      serverType: "cassandra",
      serverVersion: args.serverVersion,
      superuserSecretName: args.superuserSecret,
      size: args.size,
      stopped: args.stopped ?? false,
      racks: racks(args.racks),
      allowMultipleNodesPerWorker: args.allowSharedHosts ?? false,
      additionalSeeds: args.seeds,
      storageConfig: storageConfig(args, args.storageClass),
      resources: resources(args),
      podTemplateSpec: tls ? pemMount(ringNames(args.clusterName)) : undefined,
      config: {
        "cassandra-yaml": { ...settings(args), ...access(args), ...(tls ? pemSettings() : {}) },
        "jvm-server-options": { initial_heap_size: heap, max_heap_size: heap },
      },
    }),
  };
}

/** Settings of cassandra.yaml that do not depend on the operator. */
function settings(args: CassandraRingArgs): object {
  const group = (args.commitLogSync ?? CommitLogSync.Group) === CommitLogSync.Group;
  return {
    num_tokens: args.numTokens ?? DEFAULT_TOKENS,
    ...(group
      ? { commitlog_sync: "group", commitlog_sync_group_window: GROUP_WINDOW }
      : { commitlog_sync: "periodic", commitlog_sync_period: "10000ms" }),
    // Batches of several partitions, as pipelines send them by default, would be a warning each in the nodes' logs from 5 KiB on.
    batch_size_warn_threshold: BATCH_WARNING,
    // Without it one clock in 2099 would hide every later write of its cells.
    ...(refusesTimestamps(args)
      ? { maximum_timestamp_fail_threshold: args.maxTimestampSkew ?? DEFAULT_TIMESTAMP_SKEW }
      : {}),
  };
}

/** Who may speak to the nodes, as cass-operator alone is told it. */
function access({ authentication }: CassandraRingArgs): object {
  return (authentication ?? true)
    ? {
        authenticator: "PasswordAuthenticator",
        authorizer: "CassandraAuthorizer",
        role_manager: "CassandraRoleManager",
      }
    : { authenticator: "AllowAllAuthenticator", authorizer: "AllowAllAuthorizer" };
}

/** Reaper beside every datacenter, with a schedule for every keyspace that it finds. */
function reaper(args: CassandraRingArgs): object | undefined {
  if (!repairs(args)) return undefined;
  const { interval = DEFAULT_REPAIR.interval, incremental = false } = args.repair ?? {};
  return {
    autoScheduling: {
      enabled: true,
      repairType: incremental ? "INCREMENTAL" : "REGULAR",
      // At once: the first run must end within the tombstones' time as any other must.
      initialDelayPeriod: "PT15S",
      timeBeforeFirstSchedule: "PT5M",
      periodBetweenPolls: "PT10M",
    },
    // The operator has no field for it.
    additionalEnvVars: [{ name: "REAPER_SCHEDULE_DAYS_BETWEEN", value: `${wholeDays(interval)}` }],
  };
}

function wholeDays(interval: string): number {
  return Math.floor(durationSeconds(interval) / SECONDS_A_DAY);
}

function metadata(args: CassandraRingArgs, name: string, ready: string): object {
  const replication = Object.fromEntries(datacentersOf(args).map((each) => [each.name, each.replication]));
  return {
    name,
    namespace: args.namespace,
    labels: LABELS,
    annotations: {
      // A ring that is stopped never gets ready: there is nothing to wait for.
      ...(args.stopped === true ? {} : { "pulumi.com/waitFor": ready }),
      [REPLICATION]: JSON.stringify(replication),
    },
  };
}

function racks(rendered: CassandraRackArgs[]): object[] {
  return rendered.map(({ name, zone }) =>
    defined({ name, nodeAffinityLabels: zone === undefined ? undefined : { [ZONE_LABEL]: zone } }),
  );
}

function storageConfig({ storageGib }: CassandraRingArgs, storageClassName: CassandraRingArgs["storageClass"]): object {
  return {
    cassandraDataVolumeClaimSpec: {
      storageClassName,
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

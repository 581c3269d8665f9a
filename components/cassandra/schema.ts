import { because, duration, integer, oneOf, text } from "../../runtime/contract/zod.js";
import { given } from "../support/given.js";
import { flag, type Shape, strict, words, z } from "../support/schema.js";
import { imageSchema } from "../worker/schema.js";
import {
  type CassandraBackupArgs,
  type CassandraDatacenterArgs,
  type CassandraExternalDatacenterArgs,
  type CassandraIssuerArgs,
  CassandraIssuerKind,
  CassandraMonitorGroup,
  type CassandraMonitoringArgs,
  CassandraOperator,
  type CassandraRackArgs,
  type CassandraRepairArgs,
  type CassandraRingArgs,
  type CassandraSnapshotArgs,
  CommitLogSync,
} from "./args.js";

const label = (most: number) =>
  text(
    new RegExp(`^[a-z](?=.{1,${most - 1}}$)[a-z0-9-]*[a-z0-9]$`),
    `2 to ${most} lower-case letters, digits or -, the first a letter, the last a letter or digit`,
    "Use a DNS label",
  );
const number = (min: number, max: number, unit: string) => {
  const why = because(`must be a number from ${min} to ${max} ${unit}`, "Give a number in that range");
  return z.number(why).min(min, why).max(max, why);
};
const keyspace = text(
  /^[A-Za-z]\w{0,47}$/,
  "1 to 48 letters, digits or _, the first a letter",
  "Use a keyspace's name",
);

const rackSchema = strict({
  name: label(20),
  zone: z.exactOptional(
    text(
      /^(?=.{1,63}$)[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?$/,
      "the value of a node label",
      "Give westeurope-1, for example",
    ),
  ),
} satisfies Shape<CassandraRackArgs>) satisfies z.ZodType<CassandraRackArgs, CassandraRackArgs>;

const racks = z
  .array(rackSchema, because("must be a list of racks", 'Give [{ name: "r1" }]'))
  .min(1, because("must have at least one entry", 'Give [{ name: "r1" }]'));
const size = integer(1, 1000, "nodes");
const replication = (least: number) =>
  z.record(
    keyspace,
    integer(least, 1000, "replicas"),
    because("must be a map from keyspaces to replicas", "Give { telemetry: 3 }"),
  );
const storageClass = given(words("the name of a storage class"));
const context = z.exactOptional(words("a context of the operator's ClientConfigs"));
/** The name of a secret in the ring's namespace. */
const secretName = text(
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/,
  "the name of a secret: 1 to 253 lower-case letters, digits, - or .",
  "Use a name by the rule of Kubernetes",
);

const datacenterSchema = strict({
  name: label(20),
  k8sContext: context,
  racks,
  size,
  replication: replication(0),
  storageClass: z.exactOptional(storageClass),
  stopped: z.exactOptional(flag()),
} satisfies Shape<CassandraDatacenterArgs>) satisfies z.ZodType<CassandraDatacenterArgs, CassandraDatacenterArgs>;

const externalSchema = strict({
  name: words("the name of a datacenter"),
  replication: replication(0),
} satisfies Shape<CassandraExternalDatacenterArgs>) satisfies z.ZodType<
  CassandraExternalDatacenterArgs,
  CassandraExternalDatacenterArgs
>;

const issuerSchema = strict({
  name: words("the name of an issuer"),
  kind: z.exactOptional(oneOf(CassandraIssuerKind)),
} satisfies Shape<CassandraIssuerArgs>) satisfies z.ZodType<CassandraIssuerArgs, CassandraIssuerArgs>;

const repairSchema = strict({
  enabled: z.exactOptional(flag()),
  interval: z.exactOptional(duration("1d", "90d")),
  longestRun: z.exactOptional(duration("1h", "30d")),
  incremental: z.exactOptional(flag()),
  gcGrace: z.exactOptional(
    z.record(
      keyspace,
      duration("1h", "1000d"),
      because("must be a map from keyspaces to durations", 'Give { telemetry: "10d" }'),
    ),
  ),
} satisfies Shape<CassandraRepairArgs>) satisfies z.ZodType<CassandraRepairArgs, CassandraRepairArgs>;

const backupSchema = strict({
  container: text(
    /^(?!.*--)[a-z0-9](?=.{2,62}$)[a-z0-9-]*[a-z0-9]$/,
    "3 to 63 lower-case letters, digits or single -",
    "Use the name of a blob container",
  ),
  prefix: z.exactOptional(
    text(
      /^(?=.{1,200}$)[\w.-]+$/,
      "1 to 200 letters, digits, _ - or .",
      "Use a prefix that no other ring in the container has",
    ),
  ),
  credentialsSecret: z.exactOptional(secretName),
  certificatesSecret: z.exactOptional(secretName),
  schedule: z.exactOptional(
    text(
      /^(?:[\d*/,-]+ ){4}[\d*/,-]+$/,
      "five fields of digits, * / , and -, as of cron",
      "Give 0 1 * * * for every night at one",
    ),
  ),
  keep: z.exactOptional(integer(1, 1000, "backups")),
} satisfies Shape<CassandraBackupArgs>) satisfies z.ZodType<CassandraBackupArgs, CassandraBackupArgs>;

const snapshotSchema = strict({
  driver: z.exactOptional(words("the name of a CSI driver")),
  parameters: z.exactOptional(
    z.record(z.string(), z.string(), because("must be a map of texts", 'Give { incremental: "true" }')),
  ),
  names: z.exactOptional(
    z.array(
      text(
        /^[a-z0-9](?=.{0,39}$)(?:[a-z0-9-]*[a-z0-9])?$/,
        "1 to 40 lower-case letters, digits or -",
        "Use a name such as before-upgrade",
      ),
      because("must be a list of names", 'Give ["before-upgrade"]'),
    ),
  ),
} satisfies Shape<CassandraSnapshotArgs>) satisfies z.ZodType<CassandraSnapshotArgs, CassandraSnapshotArgs>;

const monitoringSchema = strict({
  intervalSeconds: z.exactOptional(integer(5, 300, "seconds")),
  labels: z.exactOptional(
    z.record(z.string(), z.string(), because("must be a map of labels", 'Give { release: "prometheus" }')),
  ),
  apiGroup: z.exactOptional(oneOf(CassandraMonitorGroup)),
} satisfies Shape<CassandraMonitoringArgs>) satisfies z.ZodType<CassandraMonitoringArgs, CassandraMonitoringArgs>;

/** The rules of each setting by itself. */
export const cassandraSchema = strict({
  namespace: given(
    text(
      /^[a-z0-9](?=.{0,62}$)(?:[a-z0-9-]*[a-z0-9])?$/,
      "a DNS label of at most 63 characters",
      "Use a namespace's name",
    ),
  ),
  operator: z.exactOptional(oneOf(CassandraOperator)),
  clusterName: text(
    /^[A-Za-z](?=.{1,39}$)[A-Za-z0-9_-]*[A-Za-z0-9]$/,
    "2 to 40 letters, digits, _ or -, the first a letter, the last a letter or digit",
    "Choose another name",
  ),
  datacenter: label(20),
  racks,
  size,
  serverVersion: text(
    // Earlier ones name settings without their units, and refuse to start with those that are rendered.
    /^(?:4\.[1-9]\d*|(?:[5-9]|[1-9]\d)\.\d+)\.\d+$/,
    "an exact version of Apache Cassandra from 4.1.0",
    "Name a version such as 5.0.5",
  ),
  storageClass,
  storageGib: integer(1, 32767, "GiB"),
  heapMib: integer(256, 65536, "MiB"),
  memoryMib: integer(512, 1048576, "MiB"),
  cpus: number(0.1, 128, "CPUs"),
  numTokens: z.exactOptional(integer(1, 256, "tokens")),
  replication: replication(1),
  allowSharedHosts: z.exactOptional(flag()),
  stopped: z.exactOptional(flag()),
  protectData: z.exactOptional(flag()),
  authentication: z.exactOptional(flag()),
  superuserSecret: z.exactOptional(secretName),
  rotation: z.exactOptional(duration("1d", "365d")),
  reader: z.exactOptional(flag()),
  tls: z.exactOptional(flag()),
  issuer: z.exactOptional(issuerSchema),
  image: z.exactOptional(imageSchema),
  commitLogSync: z.exactOptional(oneOf(CommitLogSync)),
  maxTimestampSkew: z.exactOptional(duration("1m", "365d")),
  repair: z.exactOptional(repairSchema),
  backup: z.exactOptional(backupSchema),
  snapshots: z.exactOptional(snapshotSchema),
  monitoring: z.exactOptional(monitoringSchema),
  k8sContext: context,
  otherDatacenters: z.exactOptional(
    z.array(datacenterSchema, because("must be a list of datacenters", "Give [{ name, racks, size, replication }]")),
  ),
  externalDatacenters: z.exactOptional(
    z.array(externalSchema, because("must be a list of datacenters", "Give [{ name, replication }]")),
  ),
  seeds: z.exactOptional(
    given(z.array(given(words("a host")), because("must be a list of hosts", 'Give ["10.1.0.4"]'))),
  ),
} satisfies Shape<CassandraRingArgs>) satisfies z.ZodType<CassandraRingArgs, CassandraRingArgs>;

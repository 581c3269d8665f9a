import { because, integer, oneOf, text } from "../../runtime/contract/zod.js";
import { given } from "../support/given.js";
import { flag, type Shape, strict, words, z } from "../support/schema.js";
import { CassandraOperator, type CassandraRackArgs, type CassandraRingArgs } from "./args.js";

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
  racks: z
    .array(rackSchema, because("must be a list of racks", 'Give [{ name: "r1" }]'))
    .min(1, because("must have at least one entry", 'Give [{ name: "r1" }]')),
  size: integer(1, 1000, "nodes"),
  serverVersion: text(
    /^(?:[4-9]|[1-9]\d)\.\d+\.\d+$/,
    "an exact version of Apache Cassandra from 4.0.0",
    "Name a version such as 5.0.5",
  ),
  storageClass: given(words("the name of a storage class")),
  storageGib: integer(1, 32767, "GiB"),
  heapMib: integer(256, 65536, "MiB"),
  memoryMib: integer(512, 1048576, "MiB"),
  cpus: number(0.1, 128, "CPUs"),
  numTokens: z.exactOptional(integer(1, 256, "tokens")),
  replication: z.record(
    keyspace,
    integer(1, 1000, "replicas"),
    because("must be a map from keyspaces to replicas", "Give { telemetry: 3 }"),
  ),
  allowSharedHosts: z.exactOptional(flag()),
  stopped: z.exactOptional(flag()),
  protectData: z.exactOptional(flag()),
} satisfies Shape<CassandraRingArgs>) satisfies z.ZodType<CassandraRingArgs, CassandraRingArgs>;

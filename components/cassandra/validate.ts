import { durationSeconds, type Problem, problem } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { stated } from "../support/schema.js";
import { rotationProblems } from "../worker/cassandra/schedule.js";
import { CassandraOperator, type CassandraRingArgs } from "./args.js";
import { backupProblems } from "./backup.js";
import { statefulSetName } from "./names.js";
import type { RingShape } from "./plan.js";
import { cassandraSchema } from "./schema.js";
import { snapshotProblems } from "./snapshots.js";
import { repairProblems } from "./tables.js";

/** Kubernetes labels pods with their stateful set's name and a hash of 10 characters, 63 in all. */
const LONGEST_STATEFUL_SET = 52;
const SECONDS_A_DAY = 86_400;
/** Memory that a node needs beside its heap at least, in MiB: off-heap tables, threads, the management API. */
const BESIDE_HEAP_MIB = 256;

/** A datacenter of the ring's own, where its settings stand in the args: `at` is the beginning of their paths. */
interface OwnDatacenter extends RingShape {
  at: string;
  /** Path of its name. */
  path: string;
  name: string;
  replication: { [keyspace: string]: number };
}

/** All problems of a ring's args; an empty list where it can be planned. */
export function cassandraProblems(args: CassandraRingArgs): Problem[] {
  const given = stated(args);
  const found = problemsOf(cassandraSchema, given);
  if (found.length > 0) return found;
  const datacenters = ownDatacenters(given);
  return [
    ...datacenters.flatMap((each) => rackProblems(each)),
    ...datacenterNameProblems(given, datacenters),
    ...datacenters.flatMap((each) => nameProblems(given.clusterName, each)),
    ...memoryProblems(given),
    ...datacenters.flatMap((each) => replicationProblems(each, given.replication)),
    ...operatorProblems(given),
    ...accessProblems(given),
    ...Object.entries(given.repair?.gcGrace ?? {}).flatMap(([keyspace, gcGrace]) =>
      repairProblems(given, gcGrace, `repair.gcGrace.${keyspace}`, `tables of ${keyspace}`),
    ),
    ...intervalProblems(given),
    ...backupProblems(given),
    ...snapshotProblems(given),
  ];
}

function ownDatacenters(args: CassandraRingArgs): OwnDatacenter[] {
  const { datacenter: name, racks, size, replication, otherDatacenters = [] } = args;
  return [
    { at: "", path: "datacenter", name, racks, size, replication },
    ...otherDatacenters.map((each, i) => ({
      ...each,
      at: `otherDatacenters.${i}.`,
      path: `otherDatacenters.${i}.name`,
    })),
  ];
}

function datacenterNameProblems(args: CassandraRingArgs, own: OwnDatacenter[]): Problem[] {
  const all = [
    ...own.map(({ path, name }) => ({ path, name })),
    ...(args.externalDatacenters ?? []).map(({ name }, i) => ({ path: `externalDatacenters.${i}.name`, name })),
  ];
  return all.flatMap(({ path, name }, i) => {
    const first = all.findIndex((each) => each.name === name);
    if (first === i) return [];
    return [problem(path, name, `is the name of ${all[first]?.path} as well`, "Give each datacenter its own name")];
  });
}

function rackProblems({ at, racks, size }: OwnDatacenter): Problem[] {
  const found: Problem[] = [];
  const names = racks.map((rack) => rack.name);
  for (const [i, { name, zone }] of racks.entries()) {
    if (names.indexOf(name) < i)
      found.push(
        problem(
          `${at}racks.${i}.name`,
          name,
          `is the name of rack ${names.indexOf(name)} as well`,
          "Give each rack its own name",
        ),
      );
    if ((zone === undefined) !== (racks[0]?.zone === undefined))
      found.push(
        problem(
          `${at}racks.${i}.zone`,
          zone,
          "must be given for every rack or for none: otherwise nobody can say what the loss of a zone takes",
          "Give a zone to each, or to none",
        ),
      );
  }
  if (size % racks.length !== 0) {
    const below = Math.floor(size / racks.length) * racks.length;
    const allowed = below === 0 ? `${racks.length}` : `${below} or ${below + racks.length}`;
    found.push(
      problem(
        `${at}size`,
        size,
        `must be a multiple of the racks, ${racks.length}, so that each has as many nodes: ${racks.length}, ${2 * racks.length}, …`,
        `Set it to ${allowed}`,
      ),
    );
  }
  return found;
}

function nameProblems(clusterName: string, { at, name: datacenter, racks }: OwnDatacenter): Problem[] {
  return racks.flatMap(({ name }, i) => {
    const full = statefulSetName(clusterName, datacenter, name);
    if (full.length <= LONGEST_STATEFUL_SET) return [];
    return [
      problem(
        `${at}racks.${i}.name`,
        full,
        `leads to a stateful set's name of ${full.length} characters, of which Kubernetes allows ${LONGEST_STATEFUL_SET}`,
        "Shorten the name of cluster, datacenter or rack",
      ),
    ];
  });
}

function replicationProblems(
  { at, replication, ...datacenter }: OwnDatacenter,
  first: { [keyspace: string]: number },
): Problem[] {
  return Object.entries(replication).flatMap(([keyspace, replicas]) => {
    const path = `${at}replication.${keyspace}`;
    if (first[keyspace] === undefined)
      return [
        problem(
          path,
          replicas,
          `is no keyspace of the first datacenter, whose clients could neither read nor write ${keyspace}`,
          `Add it to replication, or name one of ${Object.keys(first).join(", ") || "its keyspaces"}`,
        ),
      ];
    return replicaProblems(path, replicas, datacenter);
  });
}

/** Settings of one operator that the other has no place for. */
function operatorProblems(args: CassandraRingArgs): Problem[] {
  if (args.operator !== CassandraOperator.CassOperator) return [];
  const alone = ["k8sContext", "otherDatacenters", "externalDatacenters"] as const;
  const found = alone
    .filter((key) => args[key] !== undefined)
    .map((key) =>
      problem(
        key,
        key === "k8sContext" ? args[key] : args[key]?.map(({ name }) => name).join(", "),
        "needs k8ssandra-operator: cass-operator alone knows one datacenter",
        "Leave it out, or leave operator out",
      ),
    );
  if (args.repair !== undefined && (args.repair.enabled ?? true))
    found.push(
      problem(
        "repair.enabled",
        args.repair.enabled,
        "needs Reaper, which k8ssandra-operator alone has",
        "Set it to false and see to repairs, or leave operator out",
      ),
    );
  return found;
}

function accessProblems(args: CassandraRingArgs): Problem[] {
  const { authentication = true, tls = true, operator, image, issuer, seeds, externalDatacenters } = args;
  const found: Problem[] = [];
  const pointless = (key: "superuserSecret" | "rotation" | "reader", value: unknown) =>
    problem(key, value, "has no effect: nobody is asked for a password", "Leave it out, or leave authentication out");
  if (!authentication) {
    if (args.superuserSecret !== undefined) found.push(pointless("superuserSecret", args.superuserSecret));
    if (args.rotation !== undefined) found.push(pointless("rotation", args.rotation));
    if (args.reader === true) found.push(pointless("reader", true));
  } else if (args.rotation !== undefined) found.push(...rotationProblems("rotation", args.rotation));
  if (!tls && issuer !== undefined)
    found.push(
      problem("issuer", issuer.name, "has no effect: the nodes have no certificate", "Leave it out, or leave tls out"),
    );
  if (tls && image === undefined && operator !== CassandraOperator.CassOperator)
    found.push(
      problem(
        "image",
        undefined,
        "is missing: a job generates the password of the nodes' key stores with it",
        "Give the worker's image by digest",
      ),
    );
  if ((externalDatacenters?.length ?? 0) > 0 && seeds === undefined)
    found.push(
      problem(
        "seeds",
        undefined,
        "is missing: without a node of externalDatacenters the new ones would begin a ring of their own",
        "Give addresses of two or three of their nodes",
      ),
    );
  return found;
}

/** Reaper counts in days. */
function intervalProblems({ repair }: CassandraRingArgs): Problem[] {
  const { interval } = repair ?? {};
  if (interval === undefined || durationSeconds(interval) % SECONDS_A_DAY === 0) return [];
  return [problem("repair.interval", interval, "must be whole days, as Reaper counts them", "Give 7d, for example")];
}

function memoryProblems({ heapMib, memoryMib }: CassandraRingArgs): Problem[] {
  if (heapMib + BESIDE_HEAP_MIB <= memoryMib) return [];
  return [
    problem(
      "heapMib",
      heapMib,
      `must leave ${BESIDE_HEAP_MIB} MiB of memoryMib, ${memoryMib}, so be at most ${memoryMib - BESIDE_HEAP_MIB}`,
      "Lower it to about half of memoryMib, or raise that",
    ),
  ];
}

/**
 * The rules of one replica count: a node holds one replica of a partition at most, and an even count is a trap: a quorum
 * of it survives no more than one of a replica less.
 */
export function replicaProblems(path: string, replicas: number, { size }: Pick<RingShape, "size">): Problem[] {
  if (replicas > 0 && replicas % 2 === 0 && replicas <= size) {
    const borne = replicas / 2 - 1;
    return [
      problem(
        path,
        replicas,
        `must be odd: a quorum of ${replicas} waits for ${replicas / 2 + 1}, so that the loss of ${borne + 1} ` +
          `${borne === 0 ? "node stops" : "nodes stops"} it, as with ${replicas - 1}`,
        replicas + 1 <= size ? `Set it to ${replicas - 1} or ${replicas + 1}` : `Set it to ${replicas - 1}`,
      ),
    ];
  }
  if (replicas <= size) return [];
  return [
    problem(
      path,
      replicas,
      `must be from 1 to ${size}, the nodes of the datacenter: a node holds one replica, and writes at ALL could never succeed`,
      "Lower it, or raise size",
    ),
  ];
}

import { type Problem, problem } from "../../runtime/contract/index.js";
import { type CassandraDatacenterArgs, CassandraOperator, type CassandraRingArgs } from "./args.js";
import { nodesPerRack, type RingShape } from "./plan.js";

/** What of a ring is fixed by its data. */
export type RingPlan = Pick<
  CassandraRingArgs,
  | "operator"
  | "namespace"
  | "clusterName"
  | "datacenter"
  | "racks"
  | "size"
  | "serverVersion"
  | "storageClass"
  | "storageGib"
  | "numTokens"
  | "allowSharedHosts"
  | "tls"
  | "stopped"
  | "otherDatacenters"
>;

/** A setting that cannot change, and what would become of the ring. */
const FIXED: { key: keyof RingPlan; otherwise: unknown; lost: (before: RingPlan) => string }[] = [
  {
    key: "operator",
    otherwise: CassandraOperator.K8ssandra,
    lost: (ring) => `the object would be replaced: the disks of all ${nodesOf(ring)} nodes go with it`,
  },
  {
    key: "namespace",
    otherwise: undefined,
    lost: (ring) =>
      `a new ring would begin empty there, and the disks of all ${nodesOf(ring)} nodes go with the old one`,
  },
  {
    key: "clusterName",
    otherwise: undefined,
    lost: (ring) => `a new ring would begin empty, and the disks of all ${nodesOf(ring)} nodes go with the old one`,
  },
  {
    key: "datacenter",
    otherwise: undefined,
    lost: (ring) => `a new datacenter would begin empty, and the disks of all ${ring.size} nodes go with the old one`,
  },
  { key: "numTokens", otherwise: 16, lost: () => "nodes that have joined keep their tokens, and refuse to start" },
  {
    key: "allowSharedHosts",
    otherwise: false,
    lost: () => "the operator refuses it once applied: pods would have to move away from their disks",
  },
  {
    key: "storageClass",
    otherwise: undefined,
    lost: () => "the operator refuses it once applied: the disks that there are stay in their class",
  },
];

function nodesOf({ size, otherDatacenters = [] }: RingPlan): number {
  return otherDatacenters.reduce((total, each) => total + each.size, size);
}

/**
 * What of a change would lose data, stop the ring, or is refused by the operator only once it is applied; an empty list
 * where the change is safe. Adding nodes, a rack at the end together with its nodes, or a datacenter is safe, and so is
 * decommissioning. What is known only later, an output, is not compared.
 */
export function cassandraViolations(before: RingPlan, after: RingPlan): Problem[] {
  const fixed = FIXED.flatMap(({ key, otherwise, lost }) => {
    const [old, now] = [before[key] ?? otherwise, after[key] ?? otherwise];
    if (old === now || !isPlain(old) || !isPlain(now)) return [];
    return [problem(key, now, `was ${old}: ${lost(before)}`, "Keep it")];
  });
  return [
    ...fixed,
    ...storageViolations(before, after),
    ...rackViolations("", before, after),
    ...datacenterViolations(before.otherDatacenters ?? [], after.otherDatacenters ?? []),
    ...versionViolations(before, after),
    ...tlsViolations(before, after),
  ];
}

function isPlain(value: unknown): value is string | number | boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function storageViolations(before: RingPlan, after: RingPlan): Problem[] {
  const [old, now] = [before.storageGib, after.storageGib];
  // In other units than ours it is not known.
  if (now === old || Number.isNaN(old)) return [];
  const why =
    now < old
      ? "a disk cannot shrink, smaller ones would begin empty"
      : "the operator refuses another size of disk once it is applied";
  return [problem("storageGib", now, `was ${old}: ${why}`, now < old ? "Keep it" : "Keep it, and add nodes")];
}

/** Paths begin with `at`, empty for the first datacenter. */
function rackViolations(at: string, before: RingShape, after: RingShape): Problem[] {
  const each = nodesPerRack(before);
  const nodes = each === 1 ? "its node" : `its ${each} nodes`;
  const names = after.racks.map((rack) => rack.name);
  const found = before.racks.flatMap((old, i): Problem[] => {
    const now = after.racks[i];
    const path = `${at}racks.${i}`;
    if (!names.includes(old.name)) {
      const renamed = now !== undefined && !before.racks.some((rack) => rack.name === now.name);
      const what = renamed ? `was ${old.name}: a rack cannot be renamed` : `${old.name} is taken away`;
      return [
        problem(
          renamed ? `${path}.name` : path,
          renamed ? now.name : "removed",
          `${what}; the disks of ${nodes} would be lost`,
          "Keep it: nodes leave by a lower size, evenly from all racks",
        ),
      ];
    }
    if (now?.name !== old.name)
      return [
        problem(
          path,
          now?.name ?? "removed",
          `was ${old.name}: racks keep their order, by which the operator knows them; ${nodes} would be another rack's`,
          "Keep the order and add racks at the end",
        ),
      ];
    if (now.zone === old.zone) return [];
    return [
      problem(
        `${path}.zone`,
        now.zone ?? "none",
        `was ${old.zone ?? "none"}: disks stay in their zone, so that ${nodes} could not start again`,
        "Add a rack in the other zone",
      ),
    ];
  });
  const added = after.racks.length - before.racks.length;
  if (found.length > 0 || added <= 0 || nodesPerRack(after) >= each) return found;
  return [
    problem(
      `${at}size`,
      after.size,
      `was ${before.size}: with ${added} more ${added === 1 ? "rack" : "racks"} the old ones would lose nodes to balance them`,
      `Raise it to ${each * after.racks.length} or more`,
    ),
  ];
}

function datacenterViolations(before: CassandraDatacenterArgs[], after: CassandraDatacenterArgs[]): Problem[] {
  return before.flatMap((old) => {
    const i = after.findIndex(({ name }) => name === old.name);
    const now = after[i];
    if (now !== undefined) return rackViolations(`otherDatacenters.${i}.`, old, now);
    const held = Object.keys(old.replication).filter((keyspace) => (old.replication[keyspace] ?? 0) > 0);
    if (held.length === 0) return [];
    return [
      problem(
        `otherDatacenters.${before.indexOf(old)}`,
        "removed",
        `${old.name} is taken away; its copies of ${held.join(", ")} on ${old.size} nodes would be lost`,
        `Set its replication to {} first, have the keyspaces leave ${old.name}, and take it away in the next deployment`,
      ),
    ];
  });
}

/** Major and minor version as one number. */
function release(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1_000 + minor;
}

function versionViolations({ serverVersion: old }: RingPlan, { serverVersion: now }: RingPlan): Problem[] {
  if (release(now) >= release(old)) return [];
  return [
    problem(
      "serverVersion",
      now,
      `was ${old}: an older release does not read the files that the newer one wrote, and its nodes refuse to start`,
      "Keep it, or restore a backup into a new ring",
    ),
  ];
}

function tlsViolations(before: RingPlan, after: RingPlan): Problem[] {
  const [old, now] = [before.tls ?? true, after.tls ?? true];
  if (old === now || before.stopped === true) return [];
  return [
    problem(
      "tls",
      now,
      `was ${old}: nodes restart one after another, and those with TLS and those without do not reach each other, so that ` +
        "quorums break until the last one has",
      "Stop the ring first: set stopped, deploy, change tls and start it again",
    ),
  ];
}

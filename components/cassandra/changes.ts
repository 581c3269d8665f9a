import { type Problem, problem } from "../../runtime/contract/index.js";
import { CassandraOperator, type CassandraRingArgs } from "./args.js";
import { nodesPerRack } from "./plan.js";

/** What of a ring is fixed by its data. */
export type RingPlan = Pick<
  CassandraRingArgs,
  "operator" | "clusterName" | "datacenter" | "racks" | "size" | "storageGib" | "numTokens" | "allowSharedHosts"
>;

/** A setting that cannot change, and what would become of the ring. */
const FIXED: { key: keyof RingPlan; otherwise: unknown; lost: (before: RingPlan) => string }[] = [
  {
    key: "operator",
    otherwise: CassandraOperator.K8ssandra,
    lost: (ring) => `the object would be replaced: the disks of all ${ring.size} nodes go with it`,
  },
  {
    key: "clusterName",
    otherwise: undefined,
    lost: (ring) => `a new ring would begin empty, and the disks of all ${ring.size} nodes go with the old one`,
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
];

/**
 * What of a change would lose data, or is refused by the operator only once it is applied; an empty list where
 * the change is safe. Adding nodes, adding a rack at the end together with its nodes, and decommissioning are safe.
 */
export function cassandraViolations(before: RingPlan, after: RingPlan): Problem[] {
  const fixed = FIXED.flatMap(({ key, otherwise, lost }) => {
    const [old, now] = [before[key] ?? otherwise, after[key] ?? otherwise];
    return old === now ? [] : [problem(key, now, `was ${old}: ${lost(before)}`, "Keep it")];
  });
  return [...fixed, ...storageViolations(before, after), ...rackViolations(before, after)];
}

function storageViolations(before: RingPlan, after: RingPlan): Problem[] {
  const [old, now] = [before.storageGib, after.storageGib];
  if (now === old) return [];
  const why =
    now < old
      ? "a disk cannot shrink, smaller ones would begin empty"
      : "the operator refuses another size of disk once it is applied";
  return [problem("storageGib", now, `was ${old}: ${why}`, now < old ? "Keep it" : "Keep it, and add nodes")];
}

function rackViolations(before: RingPlan, after: RingPlan): Problem[] {
  const each = nodesPerRack(before);
  const nodes = each === 1 ? "its node" : `its ${each} nodes`;
  const names = after.racks.map((rack) => rack.name);
  const found = before.racks.flatMap((old, i): Problem[] => {
    const now = after.racks[i];
    const path = `racks.${i}`;
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
      "size",
      after.size,
      `was ${before.size}: with ${added} more ${added === 1 ? "rack" : "racks"} the old ones would lose nodes to balance them`,
      `Raise it to ${each * after.racks.length} or more`,
    ),
  ];
}

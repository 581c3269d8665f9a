import { type Problem, problem } from "../../runtime/contract/index.js";
import type { LinstorClusterArgs, LinstorStoragePoolArgs } from "./args.js";

/** What of a cluster is fixed by its data. */
export type LinstorPlan = Pick<LinstorClusterArgs, "clusterName" | "satellites" | "resourceGroups">;

/**
 * What of a change would lose replicas, or is refused by the operator only once it is applied; an empty list where
 * the change is safe. Adding sets, pools, groups and classes is safe, and so is a property.
 */
export function linstorViolations(before: LinstorPlan, after: LinstorPlan): Problem[] {
  return [...nameViolations(before, after), ...setViolations(before, after), ...groupViolations(before, after)];
}

function nameViolations(before: LinstorPlan, after: LinstorPlan): Problem[] {
  if (before.clusterName === after.clusterName) return [];
  return [
    problem(
      "clusterName",
      after.clusterName,
      `was ${before.clusterName ?? "the default"}: the operator would take every satellite away and begin anew`,
      "Keep it",
    ),
  ];
}

function setViolations(before: LinstorPlan, after: LinstorPlan): Problem[] {
  return Object.entries(before.satellites).flatMap(([set, old]) => {
    const path = `satellites.${set}`;
    const now = after.satellites[set];
    const pools = Object.keys(old.storagePools).join(", ");
    if (now === undefined)
      return [
        problem(
          path,
          "removed",
          `loses the replicas in pool ${pools} of ${old.nodes} nodes`,
          "Evacuate its nodes first",
        ),
      ];
    const fewer =
      now.nodes < old.nodes
        ? [
            problem(
              `${path}.nodes`,
              now.nodes,
              `was ${old.nodes}: the replicas of the nodes that go are lost unless they were evacuated`,
              "Evacuate one node after another first",
            ),
          ]
        : [];
    return [...fewer, ...poolViolations(path, old.storagePools, now.storagePools, old.nodes)];
  });
}

type Pools = { [pool: string]: LinstorStoragePoolArgs };

/** The settings that say what a pool is and lies on, which Piraeus refuses to change. */
const FIXED = ["kind", "volumeGroup", "thinPool", "zPool", "directory"] as const;

function poolViolations(path: string, before: Pools, after: Pools, nodes: number): Problem[] {
  return Object.entries(before).flatMap(([pool, old]) => {
    const at = `${path}.storagePools.${pool}`;
    const now = after[pool];
    if (now === undefined)
      return [
        problem(at, "removed", `loses the replicas in it on ${nodes} nodes`, "Move its volumes to another pool first"),
      ];
    return FIXED.filter((key) => now[key] !== old[key]).map((key) =>
      problem(
        `${at}.${key}`,
        now[key] ?? "the default",
        `was ${old[key] ?? "the default"}: the operator refuses it, since the replicas lie in the old pool`,
        "Make a new pool and move the volumes",
      ),
    );
  });
}

function groupViolations(before: LinstorPlan, after: LinstorPlan): Problem[] {
  return Object.entries(before.resourceGroups).flatMap(([group, old]) => {
    const path = `resourceGroups.${group}`;
    const now = after.resourceGroups[group];
    if (now === undefined)
      return [
        problem(
          path,
          "removed",
          "leaves its volumes in a group that nothing describes any more",
          "Move or delete them first",
        ),
      ];
    const found: Problem[] = [];
    if (now.placeCount < old.placeCount)
      found.push(
        problem(
          `${path}.placeCount`,
          now.placeCount,
          `was ${old.placeCount}: replicas of every volume of the group would be taken away`,
          "Keep it, or make another group",
        ),
      );
    if (now.storagePool !== old.storagePool)
      found.push(
        problem(
          `${path}.storagePool`,
          now.storagePool,
          `was ${old.storagePool}: volumes that are there stay in the old pool, and new ones go elsewhere`,
          "Make another group",
        ),
      );
    return found;
  });
}

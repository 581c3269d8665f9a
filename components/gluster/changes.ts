import { type Problem, problem } from "../../runtime/contract/index.js";
import { type GlusterBrickPlan, GlusterDiskSku, type GlusterVolumePlan } from "./args.js";
import type { GlusterPlan } from "./plan.js";

/**
 * What of a change from one plan to another would lose data or is impossible in Gluster; an empty list where the
 * change is safe. Each says what would be lost. Growing disks, adding whole replica sets at the end, adding
 * volumes and hosts are safe.
 */
export function glusterViolations(before: GlusterPlan, after: GlusterPlan): Problem[] {
  const volumes = Object.values(before.volumes).flatMap((old) => {
    const path = `volumes.${old.name}`;
    const now = after.volumes[old.name];
    if (now === undefined)
      return [
        problem(
          path,
          "removed",
          `loses the volume: ${old.capacityGb} GiB on ${old.bricks.length} bricks`,
          "Keep it, or move its files first",
        ),
      ];
    return [...copyViolations(path, old, now), ...brickViolations(path, old, now)];
  });
  const hosts = Object.entries(before.zones).flatMap(([host, zone]) => {
    const held = Object.values(before.volumes).flatMap((v) => v.bricks.filter((brick) => brick.host === host));
    const copies = held.length === 1 ? "the copy of 1 brick" : `the copies of ${held.length} bricks`;
    if (held.length === 0) return [];
    const now = after.zones[host];
    if (now === undefined)
      return [
        problem(`hosts.${host}`, "removed", `loses ${copies} on it`, "Replace its bricks and let them heal first"),
      ];
    if (now !== zone)
      return [
        problem(
          `hosts.${host}.zone`,
          now,
          `was ${zone}: a disk cannot leave its zone, so that ${copies} would be lost`,
          "Add a host in the other zone",
        ),
      ];
    return [];
  });
  return [...volumes, ...hosts];
}

function copyViolations(path: string, old: GlusterVolumePlan, now: GlusterVolumePlan): Problem[] {
  return (["replicas", "arbiter"] as const)
    .filter((key) => old[key] !== now[key])
    .map((key) =>
      problem(
        `${path}.${key}`,
        now[key],
        `was ${old[key]}: every replica set would be cut differently, and bricks would take another's place`,
        "Make a new volume and copy the files",
      ),
    );
}

function brickViolations(path: string, old: GlusterVolumePlan, now: GlusterVolumePlan): Problem[] {
  if (now.bricks.length < old.bricks.length)
    return [
      problem(
        `${path}.bricks`,
        now.bricks.map((brick) => brick.host),
        `were ${old.bricks.length}: the files on the bricks taken away would be lost`,
        "Move them with remove-brick first",
      ),
    ];
  return old.bricks.flatMap((brick, position) => {
    const other = now.bricks[position];
    return other === undefined ? [] : brickChanges(`${path}.bricks.${position}`, brick, other);
  });
}

function brickChanges(path: string, old: GlusterBrickPlan, now: GlusterBrickPlan): Problem[] {
  if (now.key !== old.key)
    return [
      problem(
        path,
        now.host,
        `was on ${old.host}: the order of bricks is their placement, so that brick ${old.key} would leave replica set ${old.replicaSet}`,
        "Keep the order and add bricks at the end",
      ),
    ];
  const found: Problem[] = [];
  if (now.sizeGb < old.sizeGb)
    found.push(
      problem(
        `${path}.sizeGb`,
        now.sizeGb,
        `was ${old.sizeGb} GiB: a disk cannot shrink, a smaller one would be empty`,
        "Keep or raise it",
      ),
    );
  if (now.lun !== old.lun)
    found.push(
      problem(
        `${path}.lun`,
        now.lun,
        `was ${old.lun}: an attached disk keeps its LUN, and the host finds it by that`,
        "Keep firstLun",
      ),
    );
  const v2 = GlusterDiskSku.PremiumV2;
  if ((now.diskSku === v2) !== (old.diskSku === v2))
    found.push(
      problem(
        `${path}.diskSku`,
        now.diskSku,
        `was ${old.diskSku}: Azure changes no disk that exists to or from this kind, and a new one would be empty`,
        "Replace brick by brick, with a heal between them",
      ),
    );
  return found;
}

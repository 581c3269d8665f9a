import {
  type GlusterBrickPlan,
  GlusterDiskSku,
  type GlusterHostArgs,
  type GlusterVolumeArgs,
  type GlusterVolumePlan,
} from "./args.js";

/** The hosts of a cluster, by name. */
export interface Hosts {
  [host: string]: GlusterHostArgs;
}

/** What of a cluster is fixed by its data: the zone of each host, and the plan of each volume. */
export interface GlusterPlan {
  zones: { [host: string]: string };
  volumes: { [volume: string]: GlusterVolumePlan };
}

/** Bricks of one replica set: its copies and its arbiter. */
export function setSize(volume: GlusterVolumeArgs): number {
  return (volume.replicas ?? 3) + (volume.arbiter ?? 0);
}

/** Bricks of a set that must be there for writes, under quorum-type auto: more than half. */
export function quorum(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** Folder on a node below which every volume is mounted. */
export const MOUNT_ROOT = "/var/lib/stowage/volumes";

/** Plans one volume: bricks in order, each with its replica set, LUN, size and path. The args must be valid. */
export function planVolume(name: string, volume: GlusterVolumeArgs, hosts: Hosts): GlusterVolumePlan {
  const size = setSize(volume);
  const arbiter = volume.arbiter ?? 0;
  const arbiterGb = volume.arbiterSizeGb ?? Math.max(4, Math.ceil(volume.brickSizeGb / 16));
  const seen = new Map<string, number>();
  const bricks = volume.bricks.map((host, position): GlusterBrickPlan => {
    const ordinal = seen.get(host) ?? 0;
    seen.set(host, ordinal + 1);
    const isArbiter = arbiter === 1 && position % size === size - 1;
    return {
      key: `${host}_${name}_${ordinal}`,
      host,
      zone: hosts[host]?.zone ?? "",
      replicaSet: Math.floor(position / size),
      arbiter: isArbiter,
      lun: (volume.firstLun ?? 0) + ordinal,
      sizeGb: isArbiter ? arbiterGb : volume.brickSizeGb,
      diskSku: volume.diskSku ?? GlusterDiskSku.Premium,
      path: `/bricks/${name}/${ordinal}/brick`,
    };
  });
  const capacityGb = Math.floor(bricks.length / size) * volume.brickSizeGb;
  return { name, replicas: volume.replicas ?? 3, arbiter, capacityGb, bricks };
}

/** Plans a cluster. The args must be valid. */
export function planCluster(hosts: Hosts, volumes: { [volume: string]: GlusterVolumeArgs }): GlusterPlan {
  const zones = Object.fromEntries(Object.entries(hosts).map(([host, { zone }]) => [host, zone]));
  const plans = Object.entries(volumes).map(([name, volume]) => [name, planVolume(name, volume, hosts)]);
  return { zones, volumes: Object.fromEntries(plans) };
}

/** The bricks of each replica set, in order. */
export function replicaSets(plan: GlusterVolumePlan): GlusterBrickPlan[][] {
  const sets: GlusterBrickPlan[][] = [];
  for (const brick of plan.bricks) {
    const set = sets[brick.replicaSet] ?? [];
    set.push(brick);
    sets[brick.replicaSet] = set;
  }
  return sets;
}

/** Bricks of one host, in the order of their LUNs. */
export function bricksOf(host: string, plan: GlusterPlan): GlusterBrickPlan[] {
  return Object.values(plan.volumes)
    .flatMap((volume) => volume.bricks)
    .filter((brick) => brick.host === host)
    .sort((a, b) => a.lun - b.lun);
}

/** The hosts that have a brick of the volume, each once, in order of its bricks. */
export function hostsOf(plan: GlusterVolumePlan): string[] {
  return [...new Set(plan.bricks.map((brick) => brick.host))];
}

/**
 * Proposes the `bricks` of a volume: `sets` replica sets of `size` bricks each, what is there already kept as its
 * beginning. A set takes hosts of as many zones as there are, and of those the hosts with the fewest bricks.
 * Undefined where there are fewer hosts than a set has bricks.
 */
export function proposeBricks(hosts: Hosts, size: number, sets: number, present: string[] = []): string[] | undefined {
  const names = Object.keys(hosts);
  if (names.length < size) return undefined;
  const bricks = present.slice(0, Math.floor(present.length / size) * size);
  const load = new Map(names.map((host) => [host, bricks.filter((brick) => brick === host).length]));
  while (bricks.length < sets * size) {
    const chosen: string[] = [];
    while (chosen.length < size) {
      const inZone = (host: string) => chosen.filter((other) => hosts[other]?.zone === hosts[host]?.zone).length;
      const [next] = names
        .filter((host) => !chosen.includes(host))
        .sort((a, b) => inZone(a) - inZone(b) || (load.get(a) ?? 0) - (load.get(b) ?? 0));
      if (next === undefined) return undefined;
      chosen.push(next);
      load.set(next, (load.get(next) ?? 0) + 1);
    }
    bricks.push(...chosen);
  }
  return bricks;
}

/** A zone whose loss takes the quorum from a replica set. */
export interface FragileZone {
  volume: string;
  replicaSet: number;
  zone: string;
  /** Bricks of the set in that zone. */
  lost: number;
  /** Bricks of the set. */
  of: number;
}

/** Every zone whose loss stops writes to a replica set of more than one brick. */
export function fragileZones(plan: GlusterPlan): FragileZone[] {
  return Object.values(plan.volumes).flatMap((volume) =>
    replicaSets(volume).flatMap((set, replicaSet) => {
      const zones = [...new Set(set.map((brick) => brick.zone))];
      return zones
        .map((zone) => ({ zone, lost: set.filter((brick) => brick.zone === zone).length }))
        .filter(({ lost }) => set.length > 1 && set.length - lost < quorum(set.length))
        .map(({ zone, lost }) => ({ volume: volume.name, replicaSet, zone, lost, of: set.length }));
    }),
  );
}

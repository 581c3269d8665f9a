import { type Problem, problem } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import { address, range } from "../support/cidr.js";
import type { GlusterAccessArgs, GlusterClusterArgs, GlusterImageArgs, GlusterVolumeArgs } from "./args.js";
import { type Hosts, planVolume, proposeBricks, setSize } from "./plan.js";
import { glusterNames, glusterSchema } from "./schema.js";

/** Addresses of a subnet that Azure keeps: the first four and the last. */
const RESERVED = { first: 4, last: 1 };
const MOST_LUN = 63;

/** All problems of a cluster's args; an empty list where they can be planned. */
export function glusterProblems(name: string, args: GlusterClusterArgs): Problem[] {
  const found = [
    ...named("name", glusterNames.cluster, [name]),
    ...problemsOf(glusterSchema, args),
    ...named("hosts", glusterNames.host, Object.keys(args.hosts ?? {})),
    ...named("volumes", glusterNames.volume, Object.keys(args.volumes ?? {})),
  ];
  if (found.length > 0) return found;
  const volumes = Object.entries(args.volumes);
  return [
    ...addressProblems(args.hosts, args.storageCidr),
    ...imageProblems(args.image),
    ...volumes.flatMap(([volume, settings]) => volumeProblems(`volumes.${volume}`, settings, args.hosts)),
    ...lunProblems(args),
    ...accessProblems(args.access, Object.keys(args.volumes)),
  ];
}

/** Keys that break the rule of names; each is its own path. */
function named(path: string, rule: Parameters<typeof problemsOf>[0], names: string[]): Problem[] {
  return names.flatMap((name) =>
    problemsOf(rule, name).map((found) => ({ ...found, path: path === "name" ? path : `${path}.${name}` })),
  );
}

function addressProblems(hosts: Hosts, storageCidr: string): Problem[] {
  const subnet = range(storageCidr);
  const taken = new Map<number, string>();
  return Object.entries(hosts).flatMap(([host, { privateAddress }]) => {
    const number = privateAddress === undefined ? undefined : address(privateAddress);
    if (number === undefined || subnet === undefined) return [];
    const path = `hosts.${host}.privateAddress`;
    const other = taken.get(number);
    taken.set(number, host);
    if (other !== undefined)
      return [problem(path, privateAddress, `is the address of host ${other} as well`, "Give each host its own")];
    if (number >= subnet.first + RESERVED.first && number <= subnet.last - RESERVED.last) return [];
    return [
      problem(
        path,
        privateAddress,
        `must lie in ${storageCidr}, without its first four addresses and its last, which Azure keeps`,
        "Choose another, or leave it out",
      ),
    ];
  });
}

function imageProblems(image: GlusterImageArgs): Problem[] {
  const parts = [image.publisher, image.offer, image.sku, image.version];
  const given = parts.filter((part) => part !== undefined).length;
  if (image.id === undefined ? given === parts.length : given === 0) return [];
  return [
    problem(
      "image",
      Object.keys(image),
      "must have either id, or all of publisher, offer, sku and version",
      "Name one image by one of the two ways",
    ),
  ];
}

/** The rules of one volume: copies, whole replica sets, and hosts and zones that differ within a set. */
function volumeProblems(path: string, volume: GlusterVolumeArgs, hosts: Hosts): Problem[] {
  const copies = copyProblems(path, volume);
  if (copies.length > 0) return copies;
  const size = setSize(volume);
  const unknown = volume.bricks.flatMap((host, i) =>
    host in hosts
      ? []
      : [
          problem(
            `${path}.bricks.${i}`,
            host,
            `must be one of the hosts, ${Object.keys(hosts).join(", ")}`,
            "Name one of them",
          ),
        ],
  );
  if (unknown.length > 0) return unknown;
  if (volume.bricks.length % size !== 0) return [indivisible(path, volume, size, hosts)];
  return [...spreadProblems(path, volume, size, hosts), ...sizeProblems(path, volume)];
}

function copyProblems(path: string, volume: GlusterVolumeArgs): Problem[] {
  const { replicas = 3, arbiter = 0 } = volume;
  if (replicas === 2 && arbiter === 0)
    return [
      problem(
        `${path}.replicas`,
        replicas,
        "must be 3, or 2 with arbiter 1: two copies alone split their brain when they lose sight of each other",
        "Set arbiter to 1, or replicas to 3",
      ),
    ];
  if (arbiter === 1 && replicas !== 2)
    return [
      problem(
        `${path}.arbiter`,
        arbiter,
        "goes with replicas 2, and only with it",
        "Set replicas to 2, or arbiter to 0",
      ),
    ];
  return [];
}

function indivisible(path: string, volume: GlusterVolumeArgs, size: number, hosts: Hosts): Problem {
  const { replicas = 3, arbiter = 0 } = volume;
  const count = volume.bricks.length;
  const set = arbiter === 0 ? `replicas, ${replicas}` : `replicas and arbiter together, ${replicas} + ${arbiter}`;
  const proposal = proposeBricks(hosts, size, Math.ceil(count / size), volume.bricks);
  const example = proposal === undefined ? "" : `, such as ${JSON.stringify(proposal)}`;
  return problem(
    `${path}.bricks`,
    volume.bricks,
    `must be a multiple of ${set}, in number: there are ${count}, allowed are ${size}, ${2 * size}, ${3 * size}, …`,
    `Add or remove ${count % size === 1 ? "1 brick" : "bricks"} to make whole replica sets${example}`,
  );
}

function spreadProblems(path: string, volume: GlusterVolumeArgs, size: number, hosts: Hosts): Problem[] {
  const zonesThere = new Set(Object.values(hosts).map((host) => host.zone)).size;
  const found: Problem[] = [];
  for (let start = 0; start < volume.bricks.length; start += size) {
    const set = volume.bricks.slice(start, start + size);
    const zones = set.map((host) => hosts[host]?.zone);
    const possible = Math.min(size, zonesThere);
    const where = `${path}.bricks.${start}`;
    const proposal = proposeBricks(hosts, size, 1);
    const fix =
      proposal === undefined ? `Provide at least ${size} hosts` : `Give ${JSON.stringify(proposal)}, for example`;
    if (new Set(set).size < size)
      found.push(
        problem(
          where,
          set,
          `replica set ${start / size} must have its ${size} bricks on ${size} hosts: one host must not hold two copies`,
          fix,
        ),
      );
    else if (new Set(zones).size < possible)
      found.push(
        problem(
          where,
          set,
          `replica set ${start / size} must reach over ${possible} zones, as the hosts do; it is in ${[...new Set(zones)].join(", ")}`,
          fix,
        ),
      );
  }
  return found;
}

function sizeProblems(path: string, volume: GlusterVolumeArgs): Problem[] {
  const found: Problem[] = [];
  if (volume.arbiterSizeGb !== undefined && (volume.arbiter ?? 0) === 0)
    found.push(
      problem(`${path}.arbiterSizeGb`, volume.arbiterSizeGb, "goes with arbiter 1", "Remove it, or set arbiter to 1"),
    );
  if (volume.arbiterSizeGb !== undefined && volume.arbiterSizeGb > volume.brickSizeGb)
    found.push(
      problem(
        `${path}.arbiterSizeGb`,
        volume.arbiterSizeGb,
        `must be at most brickSizeGb, ${volume.brickSizeGb}`,
        "Lower it",
      ),
    );
  return found;
}

/** LUNs of a host: each at most 63, and used once. */
function lunProblems(args: GlusterClusterArgs): Problem[] {
  const found: Problem[] = [];
  const taken = new Map<string, string>();
  const next = new Map<string, number>();
  for (const [name, volume] of Object.entries(args.volumes)) {
    const path = `volumes.${name}.firstLun`;
    const { bricks } = planVolume(name, volume, args.hosts);
    const high = Math.max(...bricks.map((brick) => brick.lun));
    if (high > MOST_LUN) {
      found.push(
        problem(
          path,
          volume.firstLun,
          `leads to LUN ${high}; Azure has 0 to ${MOST_LUN} on a host`,
          "Lower it, or use more hosts",
        ),
      );
      continue;
    }
    const clash = bricks.find((brick) => taken.has(`${brick.host}/${brick.lun}`));
    if (clash !== undefined) {
      const other = taken.get(`${clash.host}/${clash.lun}`);
      const free = Math.max(...bricks.map((brick) => next.get(brick.host) ?? 0));
      found.push(
        problem(
          path,
          volume.firstLun ?? 0,
          `leads to LUN ${clash.lun} of host ${clash.host}, which volume ${other} takes; 0 to ${MOST_LUN} are allowed`,
          `Set it to ${free} or more, with room for bricks to come`,
        ),
      );
    }
    for (const { host, lun } of bricks) {
      taken.set(`${host}/${lun}`, name);
      next.set(host, Math.max(next.get(host) ?? 0, lun + 1));
    }
  }
  return found;
}

function accessProblems(access: GlusterAccessArgs | undefined, volumes: string[]): Problem[] {
  if (access === undefined) return [];
  const { csi, nodeMount } = access;
  if ((csi === undefined) === (nodeMount === undefined))
    return [problem("access", Object.keys(access), "must have exactly one of nodeMount and csi", "Keep one of them")];
  if (csi === undefined) return [];
  const missing = volumes.filter((volume) => !(volume in csi.volumes));
  const unknown = Object.keys(csi.volumes).filter((volume) => !volumes.includes(volume));
  return [
    ...missing.map((volume) =>
      problem(
        `access.csi.volumes.${volume}`,
        undefined,
        "is missing: the driver must be told of every volume",
        "Give its volumeHandle",
      ),
    ),
    ...unknown.map((volume) =>
      problem(`access.csi.volumes.${volume}`, volume, `must be one of the volumes, ${volumes.join(", ")}`, "Remove it"),
    ),
  ];
}

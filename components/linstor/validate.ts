import { type Problem, problem } from "../../runtime/contract/index.js";
import { problemsOf } from "../../runtime/contract/zod.js";
import type { LinstorClusterArgs, LinstorResourceGroupArgs, LinstorStoragePoolArgs, LinstorTlsArgs } from "./args.js";
import { POOL_KINDS, poolNames, reachOf } from "./plan.js";
import { linstorNames, linstorSchema } from "./schema.js";

/** All problems of a cluster's args; an empty list where they can be planned. */
export function linstorProblems(args: LinstorClusterArgs): Problem[] {
  const sets = Object.entries(args.satellites ?? {});
  const found = [
    ...problemsOf(linstorSchema, args),
    ...named("satellites", linstorNames.satellites, args.satellites),
    ...sets.flatMap(([set, settings]) =>
      named(`satellites.${set}.storagePools`, linstorNames.storagePools, settings?.storagePools),
    ),
    ...named("resourceGroups", linstorNames.resourceGroups, args.resourceGroups),
    ...named("storageClasses", linstorNames.storageClasses, args.storageClasses),
  ];
  if (found.length > 0) return found;
  const groups = Object.keys(args.resourceGroups);
  return [
    ...sets.flatMap(([set, { storagePools }]) =>
      Object.entries(storagePools).flatMap(([pool, settings]) =>
        poolProblems(`satellites.${set}.storagePools.${pool}`, settings),
      ),
    ),
    ...mixedPools(args),
    ...sameNames("resourceGroups", groups),
    ...Object.entries(args.resourceGroups).flatMap(([group, settings]) =>
      groupProblems(`resourceGroups.${group}`, settings, args),
    ),
    ...Object.entries(args.storageClasses ?? {}).flatMap(([name, { resourceGroup }]) =>
      groups.includes(resourceGroup)
        ? []
        : [
            problem(
              `storageClasses.${name}.resourceGroup`,
              resourceGroup,
              `must be one of resourceGroups, ${groups.join(", ") || "which has none"}`,
              "Name one of them, or add it",
            ),
          ],
    ),
    ...tlsProblems(args.internalTls),
  ];
}

/** Keys of a map that break the rule of names. */
function named(path: string, rule: Parameters<typeof problemsOf>[0], map: object | null = {}): Problem[] {
  return Object.keys(map ?? {}).flatMap((name) =>
    problemsOf(rule, name).map((found) => ({ ...found, path: `${path}.${name}` })),
  );
}

/** LINSTOR compares names without regard to case: two that differ in nothing else are one. */
function sameNames(path: string, names: string[]): Problem[] {
  return names.flatMap((name, i) => {
    const other = names.slice(0, i).find((each) => each.toLowerCase() === name.toLowerCase());
    if (other === undefined) return [];
    return [
      problem(`${path}.${name}`, name, `is the same name as ${other} for LINSTOR, which ignores case`, "Rename one"),
    ];
  });
}

function poolProblems(path: string, pool: LinstorStoragePoolArgs): Problem[] {
  const { takes } = POOL_KINDS[pool.kind];
  return (["volumeGroup", "thinPool", "zPool", "directory", "hostDevices"] as const)
    .filter((key) => pool[key] !== undefined && !takes.includes(key))
    .map((key) =>
      problem(
        `${path}.${key}`,
        pool[key],
        `does not go with a pool of kind ${pool.kind}, which takes ${takes.join(", ")}`,
        "Remove it, or change the kind",
      ),
    );
}

/** A pool of one name is of one kind everywhere: LINSTOR refuses to replicate between kinds. */
function mixedPools(args: LinstorClusterArgs): Problem[] {
  const sets = Object.entries(args.satellites);
  const names = poolNames(args.satellites);
  const mixed = names.flatMap((pool) => {
    const uses = sets.flatMap(([set, { storagePools }]) => {
      const kind = storagePools[pool]?.kind;
      return kind === undefined ? [] : [{ set, kind }];
    });
    const [first, ...others] = uses;
    return others
      .filter((use) => use.kind !== first?.kind)
      .map((use) =>
        problem(
          `satellites.${use.set}.storagePools.${pool}.kind`,
          use.kind,
          `must be ${first?.kind}, as in set ${first?.set}: LINSTOR does not replicate between kinds of pools`,
          "Use one kind, or another name",
        ),
      );
  });
  const [set] = sets.map(([name]) => name);
  return [...mixed, ...sameNames(`satellites.${set}.storagePools`, names)];
}

function groupProblems(path: string, group: LinstorResourceGroupArgs, args: LinstorClusterArgs): Problem[] {
  const pools = poolNames(args.satellites);
  if (!pools.includes(group.storagePool))
    return [
      problem(
        `${path}.storagePool`,
        group.storagePool,
        `must be one of the satellites' pools, ${pools.join(", ") || "which have none"}`,
        "Name one of them, or add it to a set of satellites",
      ),
    ];
  const { nodes, zones } = reachOf(group.storagePool, args.satellites);
  if (group.placeCount > nodes)
    return [
      problem(
        `${path}.placeCount`,
        group.placeCount,
        `must be at most ${nodes}, the nodes that have pool ${group.storagePool}: a node holds one replica of a volume`,
        "Lower it, or add nodes with that pool",
      ),
    ];
  if (group.spreadZones !== true) return [];
  if (zones === undefined)
    return [
      problem(
        `${path}.spreadZones`,
        true,
        `needs the zones of every set that has pool ${group.storagePool}`,
        "Give satellites.<set>.zones, or leave spreadZones out",
      ),
    ];
  if (group.placeCount > zones.length)
    return [
      problem(
        `${path}.placeCount`,
        group.placeCount,
        `must be at most ${zones.length} with spreadZones: pool ${group.storagePool} is in ${zones.join(", ")}`,
        "Lower it, or leave spreadZones out",
      ),
    ];
  return [];
}

function tlsProblems(tls: LinstorTlsArgs | undefined): Problem[] {
  if (tls === undefined) return [];
  const secrets = [tls.controllerSecretName, tls.satelliteSecretName].filter((name) => name !== undefined).length;
  if (tls.issuerName === undefined ? secrets === 2 && tls.issuerKind === undefined : secrets === 0) return [];
  return [
    problem(
      "internalTls",
      Object.keys(tls),
      "must have either issuerName, or both controllerSecretName and satelliteSecretName",
      "Choose one of the two ways",
    ),
  ];
}

import type { Answer } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import { type GroupState, hasDrbd, type Layer, type Properties, type SelectFilter } from "../model.js";
import { type Place, place } from "../placement.js";
import { needPropertyKeys } from "../properties.js";
import {
  addTieBreaker,
  adjustQuorum,
  bringUp,
  initialise,
  layersOf,
  newDefinition,
  newResource,
  newVolumeDefinition,
} from "./create.js";
import { type FilterRequest, mergeFilters } from "./groups.js";

/** LINSTOR's bounds of a volume's size, in KiB. */
export const SIZE_KIB = { min: 4, max: 1099511627776 };

export interface SpawnRequest {
  resource_definition_name: string;
  volume_sizes?: number[] | undefined;
  select_filter?: FilterRequest | undefined;
  partial?: boolean | undefined;
  definitions_only?: boolean | undefined;
  resource_definition_props?: Properties | undefined;
}

/** Makes a definition with its volumes from a group and places its replicas: all of it, or nothing. */
export function spawn(cluster: Cluster, groupName: string, request: SpawnRequest): Answer {
  const name = request.resource_definition_name;
  const answer = cluster.answer(Operation.Create, Subject.ResourceGroup, { RscDfn: name, RscGrp: groupName });
  const details = `Resource group: ${groupName}`;
  const group = cluster.needGroup(answer, groupName, details);
  const sizes = checked(cluster, answer, group, request, details);
  const filter = mergeFilters(group.filter, request.select_filter);
  const layers = layersOf(filter.layer_stack);
  if (layers === undefined)
    return answer.fail(Code.InvalidLayerStack, `The stand-in has only the layers DRBD and STORAGE.`, { details });
  const count = filter.place_count ?? 1;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const places =
    request.definitions_only === true ? [] : place(cluster.state, { ...filter, layer_stack: layers }, total, count);
  if (places === undefined) return notEnough(answer, name, filter, layers, total, count, details);
  const props = request.resource_definition_props ?? {};
  const definition = newDefinition(cluster, name, group.name, layers, props);
  answer.propertiesSet(Subject.ResourceDefinition, Object.keys(props));
  sizes.forEach((size, number) => {
    newVolumeDefinition(cluster, definition, number, size);
    answer.about(
      Subject.VolumeDefinition,
      Code.Created,
      `Volume definition with number '${number}' successfully  created in resource definition '${name}'.`,
      { refs: { VlmNr: String(number) } },
    );
  });
  answer.about(Subject.ResourceDefinition, Code.Created, `New resource definition '${name}' created.`, {
    details: `Resource definition '${name}' UUID is: ${definition.uuid}`,
    refs: { UUID: definition.uuid },
  });
  if (request.definitions_only === true)
    return answer.info(
      Code.NoResourceSpawned,
      `Resource definition ${name} and ${sizes.length} created but no resources deployed`,
      { cause: "--definitions-only was set" },
    );
  for (const { node, pool } of places) {
    newResource(cluster, definition, node, pool);
    answer.propertiesSet(Subject.Resource, ["StorPoolName"]);
  }
  placed(answer, name, places);
  if (hasDrbd(definition)) {
    definition.props["DrbdOptions/auto-verify-alg"] = "sha512";
    answer.info(Code.None, `Updated ${name} DRBD auto verify algorithm to 'sha512'`);
    addTieBreaker(cluster, answer, definition, filter);
    adjustQuorum(answer, definition);
  }
  initialise(definition);
  bringUp(cluster, answer, definition, details);
  return answer;
}

/** The sizes of a request that may be spawned; what is wrong ends the answer. */
function checked(
  cluster: Cluster,
  answer: Answer,
  group: GroupState,
  request: SpawnRequest,
  details: string,
): number[] {
  const name = request.resource_definition_name;
  cluster.needName(answer, Code.InvalidResourceName, "resource", name, `Resource definition: ${name}`);
  if (cluster.definition(name) !== undefined)
    answer.fail(Code.ExistsResourceDefinition, `A resource definition with the name '${name}' already exists`, {
      cause: "The ResourceDefinition already exists",
      details,
    });
  needPropertyKeys(answer, Object.keys(request.resource_definition_props ?? {}), details);
  const sizes = request.volume_sizes ?? [];
  if (request.partial !== true && sizes.length !== group.volumeGroups.length)
    answer.fail(Code.InvalidVolumeSizes, `Invalid count of volume sizes to spawn resource group '${group.name}'`, {
      details: `The group has ${group.volumeGroups.length} volume groups; ${sizes.length} sizes were given.\n${details}`,
      correction: "Give one size for each volume group, or set 'partial'",
    });
  const wrong = sizes.findIndex((s) => !Number.isInteger(s) || s < SIZE_KIB.min || s > SIZE_KIB.max);
  if (wrong >= 0) needSize(answer, name, wrong, sizes[wrong] ?? 0, details);
  return sizes;
}

/** Ends the answer unless a size is within LINSTOR's bounds. */
export function needSize(answer: Answer, definition: string, number: number, sizeKib: number, details: string): void {
  if (Number.isInteger(sizeKib) && sizeKib >= SIZE_KIB.min && sizeKib <= SIZE_KIB.max) return;
  answer.fail(
    Code.InvalidVolumeSize,
    `The volume definition with number '${number}' of resource definition '${definition}' has an invalid size of ` +
      `'${sizeKib}'. Valid sizes range from ${SIZE_KIB.min} to ${SIZE_KIB.max}.`,
    { details, refs: { VlmNr: String(number) } },
  );
}

function placed(answer: Answer, name: string, places: Place[]): void {
  const refs: Record<string, string> = {};
  places.forEach(({ node, pool, kind }, i) => {
    refs[`Node/${i}`] = node;
    refs[`StoragePool/${i}/0`] = `${pool},${kind}`;
  });
  answer.say(Code.Created, `Resource '${name}' successfully autoplaced on ${places.length} nodes`, {
    details: `Used nodes (storage pool name): ${places.map((p) => `'${p.node} (${p.pool})'`).join(", ")}`,
    refs,
  });
}

function notEnough(
  answer: Answer,
  name: string,
  filter: SelectFilter,
  layers: Layer[],
  sizeKib: number,
  count: number,
  details: string,
): never {
  const pools = filter.storage_pool_list ?? [];
  const rules = [
    ...(pools.length > 0 ? [`has a storage pool named [${pools.join(", ")}]`] : []),
    `has room for '${sizeKib}' KiB there`,
    ...(filter.replicas_on_same ?? []).map((rule) => `has the same value of ${rule}`),
    ...(filter.replicas_on_different ?? []).map((rule) => `has a value of its own of ${rule}`),
    "is online, and a target of the autoplacer",
  ];
  answer.fail(Code.NotEnoughNodes, "Not enough available nodes", {
    details:
      `Not enough nodes fulfil: ${rules.map((r) => `\n * ${r}`).join("")}\n` +
      `Replica count: ${count}\nDo not place with resource: ${name}\nLayer stack: ${layers.join(", ")}\n\n${details}`,
  });
}

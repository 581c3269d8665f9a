import type { Answer } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import { firstFree, keyOf, OVERSUBSCRIPTION, type Properties, type SelectFilter } from "../model.js";
import { candidates, largest } from "../placement.js";

/** A filter as a request gives it: `storage_pool` is one more way to write a list of one. */
export type FilterRequest = SelectFilter & { storage_pool?: string | undefined };

/** A request's filter over that of its group; what the request leaves out stays. */
export function mergeFilters(group: SelectFilter, request: FilterRequest | undefined): SelectFilter {
  if (request === undefined) return group;
  const { storage_pool, ...rest } = request;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const pools = storage_pool === undefined ? {} : { storage_pool_list: [storage_pool] };
  return { ...group, ...given, ...pools };
}

export interface GroupRequest {
  name: string;
  description?: string | undefined;
  props?: Properties | undefined;
  select_filter?: FilterRequest | undefined;
}

export function createGroup(cluster: Cluster, request: GroupRequest): Answer {
  const { name, description } = request;
  const answer = cluster.answer(Operation.Create, Subject.ResourceGroup, { RscGrp: name });
  const details = `Resource group: ${name}`;
  cluster.needName(answer, Code.InvalidResourceGroupName, "resource group", name, details);
  if (cluster.group(name) !== undefined)
    answer.fail(Code.ExistsResourceGroup, `A Resource group: ${name} already exists.`, {
      cause: "The ResourceGroup already exists",
      details,
    });
  const uuid = cluster.uuid();
  cluster.state.groups[keyOf(name)] = {
    name,
    uuid,
    ...(description === undefined ? {} : { description }),
    props: { ...request.props },
    filter: mergeFilters({}, request.select_filter),
    volumeGroups: [],
  };
  return answer
    .propertiesSet(Subject.ResourceGroup, Object.keys(request.props ?? {}))
    .say(Code.Created, `New resource group '${name}' created.`, {
      details: `Resource group '${name}' UUID is: ${uuid}`,
      refs: { UUID: uuid },
    });
}

export function deleteGroup(cluster: Cluster, name: string): Answer {
  const answer = cluster.answer(Operation.Delete, Subject.ResourceGroup, { RscGrp: name });
  const details = `Resource group: ${name}`;
  const group = cluster.group(name);
  if (group === undefined) return answer.warn(Code.NotFound, `Resource group: ${name} not found.`, { details });
  if (Object.values(cluster.state.definitions).some((d) => keyOf(d.group) === keyOf(name)))
    answer.fail(
      Code.ExistsResourceDefinition,
      `Cannot delete resource group '${name}' because it has existing resource definitions.`,
      { details },
    );
  delete cluster.state.groups[keyOf(name)];
  return answer.say(Code.Deleted, `Resource group '${name}' deleted.`, {
    details: `Resource group '${name}' UUID was: ${group.uuid}`,
  });
}

export interface VolumeGroupRequest {
  volume_number?: number | undefined;
  props?: Properties | undefined;
}

export function createVolumeGroup(cluster: Cluster, groupName: string, request: VolumeGroupRequest): Answer {
  const group = cluster.group(groupName);
  const taken = group?.volumeGroups.map((v) => v.number) ?? [];
  const number = request.volume_number ?? firstFree(0, taken);
  const refs = { RscGrp: groupName, VlmGrp: groupName, VlmNr: String(number) };
  const answer = cluster.answer(Operation.Create, Subject.VolumeGroup, refs);
  const needed = cluster.needGroup(answer, groupName, `Resource group: ${groupName}`);
  if (taken.includes(number))
    answer.fail(Code.ExistsVolumeGroup, `A volume group with number '${number}' already exists.`, {
      details: `Resource group: ${groupName}`,
    });
  needed.volumeGroups.push({ number, uuid: cluster.uuid(), props: { ...request.props } });
  needed.volumeGroups.sort((a, b) => a.number - b.number);
  return answer.say(
    Code.Created,
    `New volume group with number '${number}' of resource group '${needed.name}' created.`,
  );
}

/** What a group could hold now; undefined where the nodes for its replicas are not there. */
export interface SizeInfo {
  maxVolumeKib: number;
  availableKib: number;
  capacityKib: number;
  ratio: number;
  places: { node: string; pool: string }[];
}

export function sizeInfo(
  cluster: Cluster,
  groupName: string,
  request: FilterRequest | undefined,
): SizeInfo | undefined {
  const answer = cluster.answer(Operation.None, Subject.None);
  const filter = mergeFilters(cluster.needGroup(answer, groupName).filter, request);
  const found = largest(cluster.state, filter, filter.place_count ?? 1);
  if (found === undefined) return undefined;
  // LINSTOR divides the sum over all pools that the rules allow by the number of replicas.
  const pools = candidates(cluster.state, filter, 0);
  const share = (sum: number) => Math.floor(sum / found.places.length);
  return {
    maxVolumeKib: found.sizeKib,
    availableKib: share(pools.reduce((sum, p) => sum + p.freeKib, 0)),
    capacityKib: share(pools.reduce((sum, p) => sum + p.capacityKib, 0)),
    ratio: OVERSUBSCRIPTION,
    places: found.places,
  };
}

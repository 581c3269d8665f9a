import type { z } from "zod";
import { type Answer, type ApiCallRc, Refused } from "./answers.js";
import type { Cluster } from "./cluster.js";
import { Code, Operation, Subject } from "./codes.js";
import { inOrder, isOnline, poolSpaces, resourcesOf } from "./model.js";
import { layersOf } from "./operations/create.js";
import * as definitions from "./operations/definitions.js";
import * as groups from "./operations/groups.js";
import * as nodes from "./operations/nodes.js";
import * as resources from "./operations/resources.js";
import * as snapshots from "./operations/snapshots.js";
import { spawn } from "./operations/spawn.js";
import * as stores from "./operations/stores.js";
import { toggleDisk } from "./operations/toggle.js";
import { requests } from "./requests.js";
import * as views from "./views.js";

/** What a handler gives: an answer of entries, or a body of its own. */
export type Handled = Answer | { body: views.Json };

/** A request once it is taken apart. */
export interface Call {
  cluster: Cluster;
  /** What the path's `{names}` stand for. */
  at: (name: string) => string;
  /** Values of a repeated query parameter. */
  query: (name: string) => string[];
  /** The body by its schema; what does not fit ends the request with 400 or 501. */
  body: <T extends z.ZodType>(schema: T) => z.output<T>;
  /** Capacity of a pool that is made on a node, in KiB. */
  capacityOf: (node: string) => number;
}

/** Thrown for what LINSTOR does and this stand-in does not. */
export class NotModelled extends Error {}

/** An entry as JSON. */
export function entryJson(entry: ApiCallRc): views.Json {
  return { ...entry } as { [key: string]: views.Json };
}

interface Route {
  method: string;
  /** `/v1/nodes/{node}` */
  path: string;
  /** HTTP status where nothing fails. */
  success: number;
  handle: (call: Call) => Handled;
}

const body = (json: views.Json): Handled => ({ body: json });
const get = (path: string, handle: (call: Call) => views.Json): Route => ({
  method: "GET",
  path,
  success: 200,
  handle: (call) => body(handle(call)),
});
const route = (method: string, path: string, success: number, handle: (call: Call) => Handled): Route => ({
  method,
  path,
  success,
  handle,
});
const modelled = (answer: Answer | undefined, what: string): Answer => {
  if (answer === undefined) throw new NotModelled(what);
  return answer;
};
const quiet = (cluster: Cluster) => cluster.answer(Operation.None, Subject.None);
const need = ({ cluster, at }: Call) =>
  cluster.needDefinition(quiet(cluster), at("resource"), `Resource definition: ${at("resource")}`);

/** Resources as the view lists them: by definition, then by node. */
function viewResources({ cluster, query }: Call): views.Json {
  const { state } = cluster;
  return inOrder(state.definitions)
    .filter((d) => views.wanted(query("resources"), d.name))
    .flatMap((d) =>
      resourcesOf(d)
        .filter((r) => views.wanted(query("nodes"), r.node) && views.wanted(query("storage_pools"), r.pool))
        .map((r) => views.resourceView(state, d, r, true)),
    );
}

function viewPools({ cluster, query }: Call): views.Json {
  const spaces = poolSpaces(cluster.state);
  return inOrder(cluster.state.nodes)
    .filter((n) => views.wanted(query("nodes"), n.name))
    .flatMap((n) => views.poolViews(n, spaces))
    .filter((p) => views.wanted(query("storage_pools"), p.name))
    .map((p) => p.view);
}

function querySizeInfo({ cluster, at, body: read }: Call): views.Json {
  const { select_filter } = read(requests.sizeInfo);
  try {
    const info = groups.sizeInfo(cluster, at("group"), select_filter);
    if (info !== undefined) return { space_info: views.sizeInfoView(info) };
    const answer = quiet(cluster).warn(Code.NotEnoughNodes, "Not enough nodes");
    return { reports: answer.entries.map(entryJson) };
  } catch (error) {
    // LINSTOR answers 200 here, with the error as a report.
    if (error instanceof Refused) return { reports: error.answer.entries.map(entryJson) };
    throw error;
  }
}

const D = "/v1/resource-definitions";
const R = `${D}/{resource}/resources`;
const S = `${D}/{resource}/snapshots`;
const V = `${D}/{resource}/volume-definitions`;
const G = "/v1/resource-groups";
const N = "/v1/nodes";
const K = "/v1/key-value-store";

/** Every operation that the stand-in has. */
export const ROUTES: readonly Route[] = [
  get("/health", () => ""),
  get("/v1/controller/version", () => ({
    version: "1.33.3",
    git_hash: "stand-in",
    build_time: "1970-01-01T00:00:00+00:00",
    rest_api_version: "1.27.0",
  })),
  get("/v1/controller/properties", ({ cluster }) => ({
    "Cluster/LocalID": cluster.state.localId,
    ...cluster.state.props,
  })),
  route("POST", "/v1/controller/properties", 201, ({ cluster, body: read }) =>
    stores.modifyController(cluster, read(requests.propertyChange)),
  ),

  get(N, ({ cluster, query }) =>
    inOrder(cluster.state.nodes)
      .filter((n) => views.wanted(query("nodes"), n.name))
      .map(views.nodeView),
  ),
  route("POST", N, 201, ({ cluster, body: read }) => nodes.createNode(cluster, read(requests.node))),
  route("PUT", `${N}/{node}`, 200, ({ cluster, at, body: read }) =>
    nodes.modifyNode(cluster, at("node"), read(requests.nodeChange)),
  ),
  route("DELETE", `${N}/{node}`, 200, ({ cluster, at }) =>
    modelled(nodes.deleteNode(cluster, at("node")), "deleting a node that has resources"),
  ),
  route("PUT", `${N}/{node}/reconnect`, 200, ({ cluster, at }) => nodes.reconnectNode(cluster, at("node"))),
  get(`${N}/{node}/storage-pools`, ({ cluster, at }) =>
    views.poolViews(cluster.needNode(quiet(cluster), at("node")), poolSpaces(cluster.state)).map((p) => p.view),
  ),
  route("POST", `${N}/{node}/storage-pools`, 201, ({ cluster, at, body: read, capacityOf }) =>
    nodes.createPool(cluster, at("node"), read(requests.pool), capacityOf(at("node"))),
  ),
  route("DELETE", `${N}/{node}/storage-pools/{pool}`, 200, ({ cluster, at }) =>
    modelled(nodes.deletePool(cluster, at("node"), at("pool")), "deleting a storage pool that has resources"),
  ),
  get("/v1/view/storage-pools", viewPools),

  get(G, ({ cluster, query }) =>
    inOrder(cluster.state.groups)
      .filter((g) => views.wanted(query("resource_groups"), g.name))
      .map(views.groupView),
  ),
  route("POST", G, 201, ({ cluster, body: read }) => groups.createGroup(cluster, read(requests.group))),
  route("DELETE", `${G}/{group}`, 200, ({ cluster, at }) => groups.deleteGroup(cluster, at("group"))),
  get(`${G}/{group}/volume-groups`, ({ cluster, at }) =>
    views.volumeGroupViews(cluster.needGroup(quiet(cluster), at("group"))),
  ),
  route("POST", `${G}/{group}/volume-groups`, 201, ({ cluster, at, body: read }) =>
    groups.createVolumeGroup(cluster, at("group"), read(requests.volumeGroup)),
  ),
  route("POST", `${G}/{group}/spawn`, 201, ({ cluster, at, body: read }) =>
    spawn(cluster, at("group"), read(requests.spawn)),
  ),
  route("POST", `${G}/{group}/query-size-info`, 200, (call) => body(querySizeInfo(call))),

  get(D, ({ cluster, query }) =>
    inOrder(cluster.state.definitions)
      .filter((d) => views.wanted(query("resource_definitions"), d.name))
      .map(views.definitionView),
  ),
  route("POST", D, 201, ({ cluster, body: read }) => {
    const { resource_definition: wanted } = read(requests.definition);
    const layers = layersOf(wanted.layer_data?.map((l) => l.type));
    if (layers === undefined) throw new NotModelled("layers other than DRBD and STORAGE");
    return definitions.createDefinition(cluster, wanted, layers);
  }),
  route("PUT", `${D}/{resource}`, 200, ({ cluster, at, body: read }) =>
    definitions.modifyDefinition(cluster, at("resource"), read(requests.definitionChange)),
  ),
  route("DELETE", `${D}/{resource}`, 200, ({ cluster, at }) => definitions.deleteDefinition(cluster, at("resource"))),
  get(`${D}/{resource}/sync-status`, (call) => {
    const disks = resourcesOf(need(call)).filter((r) => !r.diskless);
    return { synced_on_all: disks.every((r) => r.disk === "UpToDate" && isOnline(call.cluster.state, r.node)) };
  }),

  get(V, (call) => {
    const definition = need(call);
    return definition.volumes.map((v) => views.volumeDefinitionView(definition, v));
  }),
  route("POST", V, 200, ({ cluster, at, body: read }) =>
    definitions.createVolumeDefinition(cluster, at("resource"), read(requests.volumeDefinition).volume_definition),
  ),
  route("PUT", `${V}/{number}`, 200, ({ cluster, at, body: read }) =>
    definitions.resizeVolume(cluster, at("resource"), Number(at("number")), read(requests.volumeChange).size_kib),
  ),

  get("/v1/view/resources", viewResources),
  get(R, (call) => {
    const definition = need(call);
    return resourcesOf(definition).map((r) => views.resourceView(call.cluster.state, definition, r, false));
  }),
  route("POST", `${R}/{node}`, 201, ({ cluster, at, body: read }) =>
    resources.createResource(cluster, at("resource"), at("node"), read(requests.resource).resource),
  ),
  route("DELETE", `${R}/{node}`, 200, ({ cluster, at }) =>
    resources.deleteResource(cluster, at("resource"), at("node")),
  ),
  route("POST", `${R}/{node}/make-available`, 200, ({ cluster, at, body: read }) =>
    resources.makeAvailable(cluster, at("resource"), at("node"), read(requests.makeAvailable).diskful === true),
  ),
  route("POST", `${R}/{node}/deactivate`, 200, (call) => {
    const answer = call.cluster.answer(Operation.Modify, Subject.Resource, {
      RscDfn: call.at("resource"),
      Node: call.at("node"),
    });
    call.cluster.needResource(answer, need(call), call.at("node"));
    throw new NotModelled("deactivating a resource");
  }),
  route("PUT", `${R}/{node}/toggle-disk/diskless`, 200, ({ cluster, at }) =>
    toggleDisk(cluster, at("resource"), at("node"), { diskful: false }),
  ),
  route("PUT", `${R}/{node}/toggle-disk/diskful`, 200, ({ cluster, at }) =>
    toggleDisk(cluster, at("resource"), at("node"), { diskful: true }),
  ),
  route("PUT", `${R}/{node}/toggle-disk/diskful/{pool}`, 200, ({ cluster, at }) =>
    toggleDisk(cluster, at("resource"), at("node"), { diskful: true, pool: at("pool") }),
  ),
  route("PUT", `${R}/{node}/migrate-disk/{from}/{pool}`, 200, ({ cluster, at }) =>
    toggleDisk(cluster, at("resource"), at("node"), { diskful: true, pool: at("pool"), from: at("from") }),
  ),

  get("/v1/view/snapshots", ({ cluster, query }) =>
    inOrder(cluster.state.definitions)
      .filter((d) => views.wanted(query("resources"), d.name))
      .flatMap((d) => snapshots.snapshotsOf(d).map((s) => views.snapshotView(d, s))),
  ),
  get(S, (call) => {
    const definition = need(call);
    return snapshots.snapshotsOf(definition).map((s) => views.snapshotView(definition, s));
  }),
  get(`${S}/{snapshot}`, ({ cluster, at }) =>
    views.snapshotView(...snapshots.needSnapshot(cluster, at("resource"), at("snapshot"))),
  ),
  route("POST", S, 201, ({ cluster, at, body: read }) =>
    snapshots.createSnapshot(cluster, at("resource"), read(requests.snapshot)),
  ),
  route("DELETE", `${S}/{snapshot}`, 200, ({ cluster, at }) =>
    snapshots.deleteSnapshot(cluster, at("resource"), at("snapshot")),
  ),

  get(K, ({ cluster }) => inOrder(cluster.state.stores).map(({ name, props }) => ({ name, props: { ...props } }))),
  get(`${K}/{instance}`, ({ cluster, at }) => {
    const { name, props } = stores.needStore(cluster, at("instance"));
    return [{ name, props: { ...props } }];
  }),
  route("PUT", `${K}/{instance}`, 200, ({ cluster, at, body: read }) =>
    stores.modifyStore(cluster, at("instance"), read(requests.propertyChange)),
  ),
  route("DELETE", `${K}/{instance}`, 200, ({ cluster, at }) => stores.deleteStore(cluster, at("instance"))),
];

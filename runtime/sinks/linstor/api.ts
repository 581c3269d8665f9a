import { z } from "zod";
import type { LinstorAnswer, LinstorRequest, LinstorSender } from "./client.js";
import { LinstorFailure, LinstorUnavailable } from "./errors.js";
import { Code } from "./returnCodes.js";

/** Properties of a LINSTOR object. */
export interface Properties {
  [key: string]: string;
}

/** A volume as the controller has it. */
export interface Definition {
  name: string;
  uuid: string;
  group: string;
  props: Properties;
  /** True where DRBD replicates it: without, each replica is a volume of its own. */
  drbd: boolean;
  /** True while it is being deleted. */
  deleting: boolean;
}

/** One replica, or a node that sees the volume over the network. */
export interface Replica {
  node: string;
  diskless: boolean;
  tieBreaker: boolean;
  /** True once it can be used: its disk is up to date, or it sees those that are. */
  ready: boolean;
  /** What it is, in DRBD's words: `UpToDate`, `SyncTarget(47.72%)`; "unknown" where its node does not say. */
  state: string;
}

export interface Snapshot {
  name: string;
  props: Properties;
  /** What became of it: "taking" while it is neither there nor given up. */
  state: "successful" | "failed" | "taking";
}

export interface Group {
  name: string;
  placeCount?: number;
}

const props = z.record(z.string(), z.string()).default({});
const flags = z.array(z.string()).default([]);

const definitions = z.array(
  z.object({
    name: z.string(),
    uuid: z.string(),
    resource_group_name: z.string().default(""),
    props,
    flags,
    layer_data: z.array(z.object({ type: z.string() })).default([]),
  }),
);
const volumeDefinitions = z.array(z.object({ size_kib: z.number() }));
const resources = z.array(
  z.object({
    node_name: z.string(),
    flags,
    layer_object: z.object({ type: z.string() }),
    volumes: z.array(z.object({ state: z.object({ disk_state: z.string().default("") }).optional() })).default([]),
  }),
);
const snapshots = z.array(z.object({ name: z.string(), flags, snapshot_definition_props: props }));
const nodes = z.array(z.object({ name: z.string(), connection_status: z.string().default("UNKNOWN") }));
const groups = z.array(
  z.object({ name: z.string(), select_filter: z.object({ place_count: z.number().optional() }).default({}) }),
);
const stores = z.array(z.object({ name: z.string(), props }));
const sizeInfo = z.object({
  space_info: z.object({ max_vlm_size_in_kib: z.union([z.number(), z.bigint()]) }).optional(),
});

/** What the sink asks of LINSTOR, one method an operation; each with the errors of LinstorClient.send. */
export class LinstorApi {
  constructor(readonly client: LinstorSender) {}

  private async read<T extends z.ZodType>(schema: T, path: string, signal: AbortSignal): Promise<z.output<T>> {
    const { body } = await this.client.send({ method: "GET", path }, signal);
    return expected(schema, `GET ${path}`, body);
  }

  private send(
    method: LinstorRequest["method"],
    path: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<LinstorAnswer> {
    return this.client.send(body === undefined ? { method, path } : { method, path, body }, signal);
  }

  /** One round trip: throws where no controller answers. */
  async version(signal: AbortSignal): Promise<string> {
    return (await this.read(z.object({ version: z.string() }), "/v1/controller/version", signal)).version;
  }

  async group(name: string, signal: AbortSignal): Promise<Group | undefined> {
    const path = `/v1/resource-groups?resource_groups=${encodeURIComponent(name)}`;
    const [found] = await this.read(groups, path, signal);
    if (found === undefined) return undefined;
    const { place_count: placeCount } = found.select_filter;
    return placeCount === undefined ? { name: found.name } : { name: found.name, placeCount };
  }

  createGroup(body: object, signal: AbortSignal): Promise<LinstorAnswer> {
    return this.send("POST", "/v1/resource-groups", body, signal);
  }

  async volumeGroups(name: string, signal: AbortSignal): Promise<number> {
    const path = `/v1/resource-groups/${encodeURIComponent(name)}/volume-groups`;
    return (await this.read(z.array(z.unknown()), path, signal)).length;
  }

  createVolumeGroup(name: string, signal: AbortSignal): Promise<LinstorAnswer> {
    const path = `/v1/resource-groups/${encodeURIComponent(name)}/volume-groups`;
    return this.send("POST", path, { volume_number: 0 }, signal);
  }

  /** The largest volume that a group could hold now, in KiB; undefined where it cannot say. */
  async largestKib(name: string, replicas: number | undefined, signal: AbortSignal): Promise<bigint | undefined> {
    const path = `/v1/resource-groups/${encodeURIComponent(name)}/query-size-info`;
    const body = replicas === undefined ? {} : { select_filter: { place_count: replicas } };
    const answer = await this.send("POST", path, body, signal);
    const size = expected(sizeInfo, `POST ${path}`, answer.body).space_info?.max_vlm_size_in_kib;
    return size === undefined ? undefined : BigInt(size);
  }

  async definition(name: string, signal: AbortSignal): Promise<Definition | undefined> {
    const path = `/v1/resource-definitions?resource_definitions=${encodeURIComponent(name)}`;
    const [found] = await this.read(definitions, path, signal);
    if (found === undefined) return undefined;
    return {
      name: found.name,
      uuid: found.uuid,
      group: found.resource_group_name,
      props: found.props,
      drbd: found.layer_data.some((l) => l.type === "DRBD"),
      deleting: found.flags.includes("DELETE"),
    };
  }

  /** Size of a volume's only or first device, in KiB. */
  async sizeKib(name: string, signal: AbortSignal): Promise<number | undefined> {
    const path = `/v1/resource-definitions/${encodeURIComponent(name)}/volume-definitions`;
    return orMissing(
      Code.NotFoundResourceDefinition,
      async () => (await this.read(volumeDefinitions, path, signal))[0]?.size_kib,
    );
  }

  setProperties(name: string, override: Properties, signal: AbortSignal): Promise<LinstorAnswer> {
    const path = `/v1/resource-definitions/${encodeURIComponent(name)}`;
    return this.send("PUT", path, { override_props: override }, signal);
  }

  deleteDefinition(name: string, signal: AbortSignal): Promise<LinstorAnswer> {
    return this.send("DELETE", `/v1/resource-definitions/${encodeURIComponent(name)}`, undefined, signal);
  }

  spawn(groupName: string, body: object, signal: AbortSignal): Promise<LinstorAnswer> {
    return this.send("POST", `/v1/resource-groups/${encodeURIComponent(groupName)}/spawn`, body, signal);
  }

  /** The replicas of a volume by node name. */
  async replicas(name: string, signal: AbortSignal): Promise<Replica[]> {
    const found = await this.read(resources, `/v1/view/resources?resources=${encodeURIComponent(name)}`, signal);
    return found
      .map((resource) => {
        const drbd = resource.layer_object.type === "DRBD";
        const diskless = resource.flags.includes("DISKLESS");
        const states = resource.volumes.map((v) => v.state?.disk_state ?? (drbd ? "unknown" : "UpToDate"));
        const unusable = ["DELETE", "INACTIVE"].some((flag) => resource.flags.includes(flag));
        const good = diskless ? "Diskless" : "UpToDate";
        return {
          node: resource.node_name,
          diskless,
          tieBreaker: resource.flags.includes("TIE_BREAKER"),
          ready: !unusable && states.length > 0 && states.every((state) => state === good),
          state: states.find((state) => state !== good) ?? states[0] ?? "without a volume",
        };
      })
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  makeAvailable(name: string, node: string, signal: AbortSignal): Promise<LinstorAnswer> {
    const path = `/v1/resource-definitions/${encodeURIComponent(name)}/resources/${encodeURIComponent(node)}`;
    return this.send("POST", `${path}/make-available`, { diskful: false }, signal);
  }

  async snapshots(name: string, signal: AbortSignal): Promise<Snapshot[]> {
    const path = `/v1/resource-definitions/${encodeURIComponent(name)}/snapshots`;
    return (await this.read(snapshots, path, signal)).map((s) => ({
      name: s.name,
      props: s.snapshot_definition_props,
      state: snapshotState(s.flags),
    }));
  }

  createSnapshot(name: string, snapshot: string, own: Properties, signal: AbortSignal): Promise<LinstorAnswer> {
    const path = `/v1/resource-definitions/${encodeURIComponent(name)}/snapshots`;
    return this.send("POST", path, { name: snapshot, snapshot_definition_props: own }, signal);
  }

  deleteSnapshot(name: string, snapshot: string, signal: AbortSignal): Promise<LinstorAnswer> {
    const path = `/v1/resource-definitions/${encodeURIComponent(name)}/snapshots/${encodeURIComponent(snapshot)}`;
    return this.send("DELETE", path, undefined, signal);
  }

  /** Every node, or the one that is named, with whether its satellite is connected. */
  async nodes(signal: AbortSignal, name?: string): Promise<{ name: string; online: boolean }[]> {
    const path = name === undefined ? "/v1/nodes" : `/v1/nodes?nodes=${encodeURIComponent(name)}`;
    const found = await this.read(nodes, path, signal);
    return found.map((n) => ({ name: n.name, online: n.connection_status === "ONLINE" }));
  }

  /** The keys of a key-value store; undefined where there is none of that name. */
  store(instance: string, signal: AbortSignal): Promise<Properties | undefined> {
    return orMissing(
      Code.NotFoundKeyValueStore,
      async () => (await this.read(stores, `/v1/key-value-store/${encodeURIComponent(instance)}`, signal))[0]?.props,
    );
  }

  /** Sets and deletes keys in one request; the other keys stay. */
  async changeStore(
    instance: string,
    change: { set?: Properties; remove?: string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const body = { override_props: change.set ?? {}, delete_props: change.remove ?? [] };
    await this.send("PUT", `/v1/key-value-store/${encodeURIComponent(instance)}`, body, signal);
  }

  async deleteStore(instance: string, signal: AbortSignal): Promise<void> {
    await orMissing(Code.NotFoundKeyValueStore, () =>
      this.send("DELETE", `/v1/key-value-store/${encodeURIComponent(instance)}`, undefined, signal),
    );
  }
}

function snapshotState(flags: string[]): Snapshot["state"] {
  if (flags.includes("SUCCESSFUL")) return "successful";
  return flags.some((flag) => flag.startsWith("FAILED")) ? "failed" : "taking";
}

function expected<T extends z.ZodType>(schema: T, what: string, body: unknown): z.output<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined ? "" : `${issue.path.join(".")}: ${issue.message}`;
  throw new LinstorUnavailable(`${what} was answered with a body that is not LINSTOR's: ${where}`);
}

/** What `ask` gives, or undefined where LINSTOR says that it is missing. */
async function orMissing<T>(code: number, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof LinstorFailure && error.has(code)) return undefined;
    throw error;
  }
}

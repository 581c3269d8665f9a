import { Client, types } from "cassandra-driver";
import { type Pipeline, SinkKind, sinkKind } from "../../../runtime/contract/index.js";
import { type Access, accessOptions, type LocalRing } from "../cassandra/index.js";
import { readResults } from "../gluster/index.js";

/** Where each store of this environment is read back from. */
export interface Stores {
  /** Folder of a Gluster volume. */
  volumeFolder(volume: string): string;
  /** URL of the LINSTOR controller. */
  linstorUrl: string;
  /** The ring; undefined where none runs. */
  cassandra: RingStore | undefined;
}

/** A ring that is read back, and how its superuser speaks to it. */
export type RingStore = Pick<LocalRing, "contactPoints" | "port" | "datacenter"> & { access: Access | undefined };

const CALL_LIMIT_MS = 30_000;

/** How many of a run's messages lie in a pipeline's store, read from the store itself and by no code of the worker. */
export async function countStored(stores: Stores, pipeline: Pipeline, run: string): Promise<number> {
  switch (sinkKind(pipeline)) {
    case SinkKind.Gluster:
      return countResults(stores, pipeline, run);
    case SinkKind.Linstor:
      return countVolumes(stores, run);
    case SinkKind.Module:
      // Only the sink's own team knows where its effects are.
      throw new Error(`Pipeline ${pipeline.name} has a sink of its own, whose store cannot be read from here.`);
    case SinkKind.Cassandra:
      return countRows(stores, pipeline);
  }
}

/** Results whose manifest, name, size and SHA-256 agree. */
async function countResults(stores: Stores, pipeline: Pipeline, run: string): Promise<number> {
  const sink = pipeline.sink.gluster;
  if (sink === undefined) return 0;
  const { verified, broken } = await readResults(stores.volumeFolder(sink.volume), sink.directory);
  const [first] = broken;
  if (first !== undefined) throw new Error(`A stored result is broken: ${first.manifest} ${first.reason}`);
  return verified.filter(({ manifest }) => manifest.messageId.startsWith(`${run}-`)).length;
}

/** Volumes every replica of which is up to date. */
async function countVolumes(stores: Stores, run: string): Promise<number> {
  const answer = await fetch(`${stores.linstorUrl}/v1/view/resources`, {
    redirect: "error",
    signal: AbortSignal.timeout(CALL_LIMIT_MS),
  });
  if (!answer.ok) throw new Error(`LINSTOR at ${stores.linstorUrl} answers ${answer.status} when asked for resources`);
  const resources = (await answer.json()) as ResourceView[];
  const ready = new Map<string, boolean>();
  for (const resource of resources.filter((r) => r.name.startsWith(`${run}-`)))
    ready.set(resource.name, (ready.get(resource.name) ?? true) && isReady(resource));
  return [...ready.values()].filter(Boolean).length;
}

/** What is read of LINSTOR's view of a resource. */
interface ResourceView {
  name: string;
  flags?: string[];
  volumes?: { state?: { disk_state?: string } }[];
}

function isReady(resource: ResourceView): boolean {
  const diskless = resource.flags?.some((flag) => flag.includes("DISKLESS") || flag.includes("TIE_BREAKER")) === true;
  const states = (resource.volumes ?? []).map((volume) => volume.state?.disk_state);
  return states.length > 0 && states.every((state) => state === "UpToDate" || (diskless && state === "Diskless"));
}

/** A client that reads a ring back; the caller shuts it down. */
export function ringClient({ contactPoints, port, datacenter, access }: RingStore): Client {
  return new Client({
    contactPoints,
    localDataCenter: datacenter,
    protocolOptions: { port },
    socketOptions: { readTimeout: CALL_LIMIT_MS },
    ...(access === undefined ? {} : accessOptions(access)),
  });
}

/** Rows of the pipeline's table, counted at ALL: every replica must answer. The ring is this run's own. */
async function countRows(stores: Stores, pipeline: Pipeline): Promise<number> {
  const [sink, ring] = [pipeline.sink.cassandra, stores.cassandra];
  if (sink === undefined || ring === undefined) return 0;
  const client = ringClient(ring);
  try {
    const query = `SELECT COUNT(*) AS rows FROM ${sink.table.keyspace}.${sink.table.name}`;
    const result = await client.execute(query, [], { consistency: types.consistencies.all });
    return Number(result.first()["rows"]);
  } finally {
    await client.shutdown();
  }
}

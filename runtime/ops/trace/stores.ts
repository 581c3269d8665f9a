import { type Connection, entityPath, type Pipeline, SinkKind, sinkKind } from "../../contract/index.js";
import type { FoundCommand } from "../../sinks/linstor/lookup.js";
import { Source, type TraceEntry } from "./entry.js";
import type { Recorded } from "./records.js";
import { hashesOf, type Wanted } from "./wanted.js";

/** What the store is asked with. */
export interface StoreQuestion {
  pipeline: Pipeline;
  /** Needed for LINSTOR and Cassandra. */
  connection: Connection | undefined;
  wanted: Wanted;
  recorded: Pick<Recorded, "found" | "objects" | "sessions">;
  signal: AbortSignal;
}

/** What each store keeps of a message. Rejects where it cannot be asked. */
export const STORES: Readonly<
  Partial<Record<SinkKind, { source: Source; ask(question: StoreQuestion): Promise<TraceEntry[]> }>>
> = {
  [SinkKind.Gluster]: { source: Source.Volume, ask: askVolume },
  [SinkKind.Linstor]: { source: Source.Linstor, ask: askLinstor },
  [SinkKind.Cassandra]: { source: Source.Cassandra, ask: askCassandra },
};

/** The store of a pipeline; undefined for a sink of one's own, of which nothing is known. */
export function storeOf(pipeline: Pipeline): (typeof STORES)[SinkKind] {
  return STORES[sinkKind(pipeline)];
}

async function askVolume({ pipeline, wanted }: StoreQuestion): Promise<TraceEntry[]> {
  const { gluster } = pipeline.sink;
  if (gluster === undefined) return [];
  const { findResult } = await import("../../sinks/gluster/lookup.js");
  const entries: TraceEntry[] = [];
  for (const hash of hashesOf(wanted, entityPath(pipeline.source))) {
    const found = await findResult(gluster, hash);
    if (found === undefined) continue;
    const { storedAt, worker, attempt, size, bodySha256, traceId } = found.manifest;
    const sound = found.problem === undefined ? "as its manifest says" : `BROKEN: ${found.problem}`;
    entries.push({
      ...{ time: storedAt, source: Source.Volume, bodySha256, traceId },
      where: `${gluster.volume}:${found.object}`,
      what: `stored by ${worker} in run ${attempt}, ${size} bytes, ${sound}`,
    });
  }
  return entries;
}

async function askLinstor({ pipeline, connection, wanted, recorded, signal }: StoreQuestion): Promise<TraceEntry[]> {
  const { lookUpCommand } = await import("../../sinks/linstor/index.js");
  const entries: TraceEntry[] = [];
  for (const hash of hashesOf(wanted, entityPath(pipeline.source)))
    entries.push(
      ...commandEntries(
        await lookUpCommand({ pipeline, connection: needed(connection) }, hash, recorded.sessions, signal),
      ),
    );
  return entries;
}

function commandEntries({ claim, record, volume }: FoundCommand): TraceEntry[] {
  const source = Source.Linstor;
  const entries: TraceEntry[] = [];
  if (claim !== undefined) {
    const { at, bodySha256, volume: name, result } = claim;
    const end = result === undefined ? "" : `; it ended ${result}`;
    const what = `the message id was claimed for volume ${name}${end}`;
    entries.push({ time: at.toISOString(), source, where: "claims", what, bodySha256 });
  }
  if (record !== undefined) {
    const { at, body: bodySha256, action, progress, nodes, message, volume: name } = record;
    const on = nodes.length === 0 ? "" : ` on ${nodes.join(", ")}`;
    const what = `${action} ${progress}${on}${message === "" ? "" : `: ${message}`}`;
    entries.push({ time: at, source, where: `history of volume ${name}`, what, bodySha256 });
  }
  if (volume !== undefined) {
    const { name, uuid, created, last, worker } = volume;
    const facts = [created ? "made by this message" : "", last ? `last changed by it, through ${worker}` : ""];
    entries.push({ source, where: `volume ${name} ${uuid}`, what: facts.filter((fact) => fact !== "").join("; ") });
  }
  return entries;
}

async function askCassandra({ pipeline, connection, wanted, recorded }: StoreQuestion): Promise<TraceEntry[]> {
  const { RowLookup } = await import("../../sinks/cassandra/index.js");
  const lookup = await RowLookup.open(pipeline, needed(connection));
  try {
    const entity = entityPath(pipeline.source);
    const table = `${lookup.table.keyspace}.${lookup.table.name}`;
    const ids = new Set(recorded.found.filter((each) => each.entity === entity).map(({ messageId }) => messageId));
    if (wanted.messageId !== undefined) ids.add(wanted.messageId);
    const entries: TraceEntry[] = [];
    for (const id of ids) {
      const found = await lookup.entry(entity, id);
      if (found === undefined) continue;
      const { claimedAt, worker, sequenceNumber, bodySha256, traceId } = found;
      entries.push({
        ...{ time: claimedAt.toISOString(), source: Source.Cassandra, bodySha256, traceId },
        where: `ledger of ${table}`,
        what: `taken by ${worker}, number ${sequenceNumber}`,
      });
    }
    for (const key of new Set(recorded.objects)) {
      const entry = await rowEntry(lookup, table, key);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  } finally {
    await lookup.close();
  }
}

/** The row that an outcome names; undefined where it names another table's, or its name was too long to be kept. */
async function rowEntry(
  lookup: { row(key: string[]): Promise<{ writtenAs?: Date } | undefined> },
  table: string,
  object: string,
): Promise<TraceEntry | undefined> {
  const key = object.startsWith(`${table} [`) ? keyIn(object.slice(table.length + 1)) : undefined;
  if (key === undefined) return undefined;
  const row = await lookup.row(key);
  const where = object;
  if (row === undefined)
    return { source: Source.Cassandra, where, what: "the row is not there: expired, or deleted since" };
  const { writtenAs } = row;
  const what = writtenAs === undefined ? "the row is there" : `the row is there, as of ${writtenAs.toISOString()}`;
  return { source: Source.Cassandra, where, what };
}

function keyIn(text: string): string[] | undefined {
  try {
    const key: unknown = JSON.parse(text);
    return Array.isArray(key) && key.every((part) => typeof part === "string") ? key : undefined;
  } catch {
    return undefined;
  }
}

function needed(connection: Connection | undefined): Connection {
  if (connection === undefined) throw new Error("--connection is missing: it says where the store is");
  return connection;
}

import { type Connection, entityPath, type Pipeline } from "../../contract/index.js";
import type { Namespace } from "../connect.js";
import { targetOf } from "../target.js";
import { inTime, Source, type TraceEntry, type TraceFailure } from "./entry.js";
import { type Recorded, recordsOf } from "./records.js";
import { storeOf } from "./stores.js";
import { wantedOf } from "./wanted.js";

export type { TraceEntry, TraceFailure };

export interface TraceOptions {
  /** Message id, idempotency key (entity, line feed, id), or the SHA-256 of one. */
  message: string;
  /** Audit files, and collected output of workers. */
  files: string[];
  /** Its store is asked too. */
  pipeline?: Pipeline;
  /** Where LINSTOR or Cassandra is. */
  connection?: Connection;
  /** Opened where entity and dead-letter queue are to be looked through; with `pipeline` only. */
  namespace?: Namespace;
  signal: AbortSignal;
}

/** A message's way. */
export interface Trace {
  entries: TraceEntry[];
  /** Sources that could not be asked. */
  failures: TraceFailure[];
}

/** All that is known of a message, from all sources that were given, in the order of time. */
export async function traceMessage(options: TraceOptions): Promise<Trace> {
  const { message, files, pipeline, connection, namespace, signal } = options;
  const wanted = wantedOf(message, pipeline === undefined ? undefined : entityPath(pipeline.source));
  const recorded = await recordsOf(files, wanted);
  const entries: TraceEntry[] = [...recorded.entries];
  const failures: TraceFailure[] = [];
  const ask = async (source: Source, question: () => Promise<TraceEntry[]>): Promise<void> => {
    try {
      entries.push(...(await question()));
    } catch (error) {
      failures.push({ source, reason: error instanceof Error ? error.message : String(error) });
    }
  };
  if (pipeline !== undefined) {
    const store = storeOf(pipeline);
    if (store !== undefined)
      await ask(store.source, () => store.ask({ pipeline, connection, wanted, recorded, signal }));
    const { askBus } = await import("./bus.js");
    if (namespace !== undefined)
      await ask(Source.Bus, () => askBus(namespace, targetOf(pipeline.source), identified(wanted, recorded), signal));
  }
  return { entries: inTime(entries), failures };
}

/** Of a hash the records may tell the id. */
function identified(wanted: ReturnType<typeof wantedOf>, { found }: Recorded): typeof wanted {
  const [only] = found;
  return wanted.hash !== undefined && only !== undefined ? { ...wanted, ...only } : wanted;
}

import type { Connection, Pipeline, Sink } from "../../contract/index.js";
import { LinstorApi } from "./api.js";
import { LinstorClient } from "./client.js";
import { LinstorCommandSink } from "./sink.js";

/** Time limit of a request that only reads, in milliseconds. */
const READ_LIMIT_MS = 10_000;

/** The sink of a LINSTOR pipeline. `worker` is the pod's name, which goes into the volumes' properties. */
export function createSink(options: { pipeline: Pipeline; connection: Connection; worker: string }): Sink {
  const { name, sink } = options.pipeline;
  const settings = sink.linstor;
  if (settings === undefined) throw new Error(`The pipeline ${name} has no linstor sink.`);
  const { linstor } = options.connection;
  if (linstor === undefined) throw new Error(`The connection of pipeline ${name} has no linstor controllers.`);
  const client = new LinstorClient({
    controllers: linstor.controllers,
    readLimitMs: READ_LIMIT_MS,
    // LINSTOR answers a change when all satellites are done with it.
    writeLimitMs: Math.max(READ_LIMIT_MS, settings.readyTimeoutSeconds * 1000),
  });
  return new LinstorCommandSink({
    api: new LinstorApi(client),
    settings,
    writer: { pipeline: name, worker: options.worker },
    now: () => new Date(),
  });
}

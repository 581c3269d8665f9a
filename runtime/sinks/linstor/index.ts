import type { Connection, Pipeline, Sink } from "../../contract/index.js";
import { LinstorApi } from "./api.js";
import { LinstorClient } from "./client.js";
import { type FoundCommand, findCommand } from "./lookup.js";
import { LinstorCommandSink } from "./sink.js";

/** Time limit of a request that only reads, in milliseconds. */
const READ_LIMIT_MS = 10_000;

/** The sink of a LINSTOR pipeline. `worker` is the pod's name, which goes into the volumes' properties. */
export function createSink(options: { pipeline: Pipeline; connection: Connection; worker: string }): Sink {
  const { name, sink } = options.pipeline;
  const settings = sink.linstor;
  if (settings === undefined) throw new Error(`The pipeline ${name} has no linstor sink.`);
  return new LinstorCommandSink({
    // LINSTOR answers a change when all satellites are done with it.
    api: apiOf(options, Math.max(READ_LIMIT_MS, settings.readyTimeoutSeconds * 1000)),
    settings,
    writer: { pipeline: name, worker: options.worker },
    now: () => new Date(),
  });
}

/** What LINSTOR keeps of the command whose key has this hash; `volumes` are looked at where no claim names one. */
export function lookUpCommand(
  options: { pipeline: Pipeline; connection: Connection },
  hash: string,
  volumes: readonly string[],
  signal: AbortSignal,
): Promise<FoundCommand> {
  return findCommand(apiOf(options, READ_LIMIT_MS), hash, volumes, signal);
}

function apiOf(
  { pipeline, connection }: { pipeline: Pipeline; connection: Connection },
  writeLimitMs: number,
): LinstorApi {
  const { linstor } = connection;
  if (linstor === undefined) throw new Error(`The connection of pipeline ${pipeline.name} has no linstor controllers.`);
  return new LinstorApi(
    new LinstorClient({ controllers: linstor.controllers, readLimitMs: READ_LIMIT_MS, writeLimitMs }),
  );
}

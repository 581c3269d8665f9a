import { type Connection, type Pipeline, type Sink, SinkKind, sinkKind } from "../contract/index.js";

/** What every sink is made from. */
export interface SinkSetup {
  pipeline: Pipeline;
  connection: Connection;
  /** Name of the worker's pod: it goes into what a sink writes, so that an effect can be traced to its writer. */
  worker: string;
}

/** Makes the sink that the pipeline has. Only its own driver is loaded. */
export async function createSink(setup: SinkSetup): Promise<Sink> {
  switch (sinkKind(setup.pipeline)) {
    case SinkKind.Gluster:
      return (await import("./gluster/index.js")).createSink(setup);
    case SinkKind.Linstor:
      return (await import("./linstor/index.js")).createSink(setup);
    case SinkKind.Module:
      throw new Error("A sink of one's own is loaded by the worker.");
    case SinkKind.Cassandra:
      return (await import("./cassandra/index.js")).createSink(setup);
  }
}

/**
 * Creates what the pipeline's store needs before messages come: keyspace and table for Cassandra, nothing for the
 * others. Doing it again changes nothing.
 */
export async function applySchema(
  { pipeline, connection }: Pick<SinkSetup, "pipeline" | "connection">,
  signal: AbortSignal,
): Promise<void> {
  if (sinkKind(pipeline) !== SinkKind.Cassandra) return;
  await (await import("./cassandra/index.js")).applySchema(pipeline, connection, signal);
}

import { type Connection, type Pipeline, type Sink, SinkKind, type SinkMetrics, sinkKind } from "../contract/index.js";
import type { JobModule, ModuleLog, SinkModule } from "../library/definitions.js";

/** What every sink is made from. */
export interface SinkSetup {
  pipeline: Pipeline;
  connection: Connection;
  /** Name of the worker's pod: it goes into what a sink writes, so that an effect can be traced to its writer. */
  worker: string;
  /** Where a sink of one's own writes its lines. @default nowhere */
  log?: ModuleLog | undefined;
  /** Where a sink tells of itself what its calls of the store do not. @default nowhere */
  metrics?: SinkMetrics | undefined;
  /** The sink of one's own, or the job, where it is there already. @default the pipeline's module is loaded */
  sink?: SinkModule | undefined;
  job?: JobModule | undefined;
}

/**
 * Makes the sink that the pipeline has. Only its own driver is loaded. Throws a StowageError where a module of one's own
 * cannot be loaded, an InvalidInputError where it refuses its options.
 */
export async function createSink(setup: SinkSetup): Promise<Sink> {
  switch (sinkKind(setup.pipeline)) {
    case SinkKind.Gluster:
      return (await import("./gluster/index.js")).createSink(setup);
    case SinkKind.Linstor:
      return (await import("./linstor/index.js")).createSink(setup);
    case SinkKind.Module:
      return (await import("./module/index.js")).createSink(setup);
    case SinkKind.Cassandra:
      return (await import("./cassandra/index.js")).createSink(setup);
  }
}

import type { Connection, Pipeline, Sink } from "../../contract/index.js";
import { DefinitionKind, type JobModule } from "../../library/definitions.js";
import { Layout } from "./layout.js";
import { GlusterJobSink } from "./sink.js";
import { ResultStore } from "./store.js";

/**
 * The sink of a Gluster pipeline. `worker` is the pod's name, which goes into manifests. `job` is taken where it is given
 * and the pipeline's job is a module, which is loaded otherwise: throws a StowageError where that cannot be.
 */
export async function createSink(options: {
  pipeline: Pipeline;
  connection: Connection;
  worker: string;
  job?: JobModule | undefined;
}): Promise<Sink> {
  const { name, sink, delivery } = options.pipeline;
  const settings = sink.gluster;
  if (settings === undefined) throw new Error(`The pipeline ${name} has no gluster sink.`);
  const layout = new Layout(settings.mountPath, settings.directory);
  const { module } = settings.job;
  const job = module === undefined ? undefined : (options.job ?? (await loadedJob(module)));
  return new GlusterJobSink({
    pipeline: name,
    settings,
    attempts: delivery.attempts,
    worker: options.worker,
    environment: process.env,
    store: new ResultStore(layout, () => new Date()),
    job,
  });
}

async function loadedJob(path: string): Promise<JobModule> {
  return (await import("../../library/modules.js")).loadModule(path, DefinitionKind.Job);
}

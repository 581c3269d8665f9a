import type { Connection, Pipeline, Sink } from "../../contract/index.js";
import { Layout } from "./layout.js";
import { GlusterJobSink } from "./sink.js";
import { ResultStore } from "./store.js";

/** The sink of a Gluster pipeline. `worker` is the pod's name, which goes into manifests. */
export function createSink(options: { pipeline: Pipeline; connection: Connection; worker: string }): Sink {
  const { name, sink, delivery } = options.pipeline;
  const settings = sink.gluster;
  if (settings === undefined) throw new Error(`The pipeline ${name} has no gluster sink.`);
  const layout = new Layout(settings.mountPath, settings.directory);
  return new GlusterJobSink({
    pipeline: name,
    settings,
    attempts: delivery.attempts,
    worker: options.worker,
    environment: process.env,
    store: new ResultStore(layout, () => new Date()),
  });
}

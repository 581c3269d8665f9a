import { errorCode, errorText } from "../../bus/errors.js";
import { InvalidInputError, type Sink, type SinkKind, sinkKind } from "../../contract/index.js";
import { createSink, type SinkSetup } from "../../sinks/index.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** Time limit of each step, in milliseconds. */
const START_MILLISECONDS = 30_000;
const STEP_MILLISECONDS = 15_000;

/** What a store that is not there wants, by the sink. */
const FIXES: { readonly [kind in SinkKind]: string } = {
  gluster:
    "Run this in the worker's pod, where the volume is mounted (stowage-worker doctor); check the mount and its marker.",
  linstor: "Check the controllers of connection.json and the network policy; kubectl get pods in LINSTOR's namespace.",
  cassandra:
    "Check the contact points of connection.json and the network policy; stowage-worker schema apply makes the table.",
  module: "The module's own error says more; its settings are the pipeline's sink.module.options.",
};

/**
 * The store, as a worker meets it at its start: reached, of the right kind, usable, and which version it is. It does what a
 * worker does at its start and at each probe: a resource group that the pipeline describes is made where it is missing, a
 * small file is written and removed.
 */
export async function* storeFindings(
  setup: SinkSetup,
  make: (setup: SinkSetup) => Promise<Sink> = createSink,
): AsyncGenerator<Finding> {
  const kind = sinkKind(setup.pipeline);
  const end = new AbortController();
  let sink: Sink | undefined;
  try {
    sink = await make(setup);
    const began = performance.now();
    await limited(START_MILLISECONDS, sink.start(end.signal));
    yield ok("store", `${kind}: reached and as the pipeline needs it (${milliseconds(began)})`);
    const probed = performance.now();
    await limited(STEP_MILLISECONDS, sink.probe());
    yield ok("store", `${kind}: takes what a message does (${milliseconds(probed)})`);
    if (sink.info === undefined) yield warn("store", `${kind}: does not say its version`, "Give the sink an info().");
    else yield ok("store", (await limited(STEP_MILLISECONDS, sink.info())).version);
  } catch (error) {
    if (error instanceof InvalidInputError) throw error;
    yield fail("store", `${kind}: ${errorCode(error)}: ${errorText(error)}`, FIXES[kind]);
  } finally {
    end.abort();
    await limited(STEP_MILLISECONDS, sink?.stop() ?? Promise.resolve()).catch(() => undefined);
  }
}

function milliseconds(began: number): string {
  return `${Math.round(performance.now() - began)} ms`;
}

async function limited<T>(most: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${most / 1_000} s`)), most);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

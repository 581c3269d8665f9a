import type { SinkContext } from "../../runtime/contract/index.js";

/** What a sink is called with where nothing but the sink is tested: calls of the store are made and not measured. */
export function sinkContext(signal: AbortSignal = new AbortController().signal, attempt = 1): SinkContext {
  return { signal, attempt, call: (_operation, run) => run() };
}

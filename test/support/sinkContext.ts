import type { SinkContext } from "../../runtime/contract/index.js";

/**
 * What a sink is called with where nothing but the sink is tested: calls of the store are made and not measured, and
 * their operations noted in `calls`, with what came of them.
 */
export function sinkContext(
  signal: AbortSignal = new AbortController().signal,
  attempt = 1,
  calls: string[] = [],
): SinkContext {
  return {
    signal,
    attempt,
    call: async (operation, run) => {
      let result = "failed";
      try {
        const answer = await run();
        result = "ok";
        return answer;
      } finally {
        calls.push(`${operation} ${result}`);
      }
    },
  };
}

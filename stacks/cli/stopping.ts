import { ExitCode } from "../../runtime/contract/codes.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A signal that fires at the first Ctrl-C, SIGTERM or SIGHUP; the second ends the process at once. */
export function stopping(): AbortSignal {
  const stop = new AbortController();
  for (const name of SIGNALS) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(ExitCode.Interrupted);
      stop.abort();
    });
  }
  return stop.signal;
}

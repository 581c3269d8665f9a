import type { SinkMessage } from "../../contract/index.js";

/** Variables of the worker that a job gets, where they are set. No other reaches it: not the worker's credentials. */
const PASSED_ON = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];
/** And those that begin so. */
const PREFIX = "STOWAGE_";

/** The environment of one run of a job. */
export function jobEnvironment(
  worker: { [name: string]: string | undefined },
  message: SinkMessage,
  run: { attempt: number; pipeline: string },
): { [name: string]: string } {
  const environment: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(worker))
    if (value !== undefined && (PASSED_ON.includes(name) || name.startsWith(PREFIX))) environment[name] = value;
  return {
    ...environment,
    // A NUL would end the variable early, or keep the job from starting at all.
    STOWAGE_MESSAGE_ID: message.messageId.replaceAll("\0", ""),
    STOWAGE_ATTEMPT: String(run.attempt),
    STOWAGE_PIPELINE: run.pipeline,
    STOWAGE_TRACE_ID: message.traceId,
  };
}

import { type Clock, pause, within } from "./bus/index.js";
import { ExitCode, RetryCode, type Sink, StowageError } from "./contract/index.js";

/** A store that cannot be reached at start is tried for so long, in milliseconds, before the process gives up. */
export const START_MILLISECONDS = 120_000;
const START_RETRY_MILLISECONDS = 1_000;

/** What a sink's start may fail with and succeed a moment later. Every other code of the data path is for a person. */
const TRANSIENT: ReadonlySet<string> = new Set([
  RetryCode.StoreUnavailable,
  RetryCode.StoreTimeout,
  RetryCode.NotReady,
  RetryCode.Interrupted,
]);

/**
 * Starts the sink. One that fails for want of its store (a code of the set above, or a driver's own error, which has no
 * code of ours) is tried again for START_MILLISECONDS, then `NoProgress`; any other StowageError (`VolumeNotMounted`,
 * `WrongVolume`, `ResourceGroupMissing`, `SchemaMissing`, `SchemaConflict`) is `MissingRequirement` at once. Undefined
 * where it has started, or where the signal fired.
 */
export async function startSink(
  sink: Pick<Sink, "start">,
  signal: AbortSignal,
  clock: Clock,
  failed: (error: unknown) => void,
): Promise<ExitCode | undefined> {
  const deadline = clock.now() + START_MILLISECONDS;
  while (!signal.aborted) {
    try {
      const left = Math.max(0, deadline - clock.now());
      await within(clock, left, sink.start(signal), `the store did not answer within ${START_MILLISECONDS / 1000} s`);
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      failed(error);
      if (error instanceof StowageError && !TRANSIENT.has(error.code)) return ExitCode.MissingRequirement;
      if (clock.now() >= deadline) return ExitCode.NoProgress;
      await pause(clock, START_RETRY_MILLISECONDS, signal);
    }
  }
  return undefined;
}

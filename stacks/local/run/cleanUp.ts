import { abandonedRuns, removeRun } from "./folder.js";
import { endProcesses, processesWithEnvironment } from "./process.js";

/** Variable that every process of a run carries: a later command finds by it what a killed one left behind. */
export const RUN_VARIABLE = "STOWAGE_RUN";
/** Time for leftovers of a killed run to end by themselves, in milliseconds. */
const LEFTOVER_GRACE_MS = 3_000;

/** Ends what killed runs left behind, and removes their folders. */
export async function cleanUp(progress: (line: string) => void): Promise<void> {
  for (const path of abandonedRuns()) {
    const left = processesWithEnvironment(RUN_VARIABLE, path);
    progress(`Cleaning up after a run that was killed: ${left.length} processes in ${path}`);
    await endProcesses(left, LEFTOVER_GRACE_MS);
    removeRun(path);
  }
}

/** Ends whatever still carries a run's mark; after a run in order there is nothing. */
export async function endRun(path: string): Promise<void> {
  await endProcesses(processesWithEnvironment(RUN_VARIABLE, path), LEFTOVER_GRACE_MS);
}

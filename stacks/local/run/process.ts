import { readdirSync, readFileSync } from "node:fs";

/** A process, told apart from a later one with the same id by the time at which it started. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot at which it started: field 22 of /proc/PID/stat. */
  startTime: string;
}

/** Identity of a running process; undefined where there is none with that id (a zombie counts as none). */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, and may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTime] = [fields[0], fields[19]];
    return startTime === undefined || state === "Z" || state === "X" ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

/** True while exactly that process runs. */
export function isSameProcess(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTime === identity.startTime;
}

/** Running processes whose environment holds `NAME=value`, this one excepted. Only one's own can be read. */
export function processesWithEnvironment(name: string, value: string): ProcessIdentity[] {
  const wanted = `${name}=${value}`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .flatMap((entry) => {
      try {
        const has = readFileSync(`/proc/${entry}/environ`, "utf8").split("\0").includes(wanted);
        const identity = has ? processIdentity(Number(entry)) : undefined;
        return identity === undefined ? [] : [identity];
      } catch {
        return [];
      }
    });
}

/** Ends processes by their ids: SIGTERM, then SIGKILL for those that are still there after `graceMs`. */
export async function endProcesses(identities: ProcessIdentity[], graceMs: number): Promise<void> {
  signalAll(identities, "SIGTERM");
  if (await allGone(identities, graceMs)) return;
  signalAll(identities, "SIGKILL");
  await allGone(identities, 5_000);
}

function signalAll(identities: ProcessIdentity[], signal: NodeJS.Signals): void {
  for (const identity of identities) {
    if (!isSameProcess(identity)) continue;
    try {
      process.kill(identity.pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }
}

async function allGone(identities: ProcessIdentity[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (identities.some(isSameProcess)) {
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}

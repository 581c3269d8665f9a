import { readFileSync } from "node:fs";
import type { ProcessMark } from "./record.js";

/** Field 22 of /proc/PID/stat, counted behind the command's name, which may hold anything but ends with `) `. */
const STARTED_FIELD = 19;

/** This process, as others can find it again. */
export function thisProcess(): ProcessMark {
  const started = startOf(process.pid);
  const boot = bootId();
  return {
    pid: process.pid,
    ...(started === undefined ? {} : { started }),
    ...(boot === undefined ? {} : { boot }),
  };
}

/** True for the mark of this very process. */
export function isThisProcess(mark: ProcessMark): boolean {
  const own = thisProcess();
  return mark.pid === own.pid && mark.started === own.started && mark.boot === own.boot;
}

/**
 * True where the process lives on this machine. A number alone is not enough: every container has a process 1. Without
 * /proc a number that was given again counts as alive, which costs a chain of its own and nothing else.
 */
export function isAlive(mark: ProcessMark): boolean {
  if (mark.boot !== undefined) return mark.boot === bootId() && startOf(mark.pid) === mark.started;
  if (mark.pid === process.pid) return false;
  try {
    process.kill(mark.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function startOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(") ") + 2).split(" ")[STARTED_FIELD];
}

function bootId(): string | undefined {
  return read("/proc/sys/kernel/random/boot_id")?.trim();
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

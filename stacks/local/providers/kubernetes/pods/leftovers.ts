import { readdirSync, readFileSync } from "node:fs";
import { isSameProcess, type ProcessIdentity } from "../../../run/process.js";

/** The variable by which every process of a container is known, however it was started. */
export const MARKER = "STOWAGE_CONTAINER";

/**
 * Processes that belong to a container: those of its leader's process group and session, its descendants while it
 * runs, and those that carry its marker in their environment (what a grandchild with a session of its own started).
 * @param leader the first process of the container; it may have ended
 */
export function membersOf(leader: ProcessIdentity, marker: string): ProcessIdentity[] {
  const table = processTable();
  const leads = (p: ProcessRow) => p.pid === leader.pid;
  // The id may be another process's by now, and its group and session too.
  const recycled = table.some((p) => leads(p) && p.startTime !== leader.startTime);
  const tree = recycled ? new Set<number>() : descendants(leader.pid, table);
  return table
    .filter((p) => p.pid !== process.pid && BigInt(p.startTime) >= BigInt(leader.startTime))
    .filter((p) => {
      const grouped = !recycled && (p.group === leader.pid || p.session === leader.pid);
      return grouped || tree.has(p.pid) || hasMarker(p.pid, (found) => found === marker);
    })
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

function descendants(pid: number, table: readonly ProcessRow[]): Set<number> {
  const found = new Set<number>();
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = table.filter((p) => parents.has(p.parent) && !found.has(p.pid));
    parents = new Set(children.map((p) => p.pid));
    for (const child of parents) found.add(child);
  }
  return found;
}

/** Identity of a process just started, also of one that has ended and was not waited for yet. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, startTime: readRow(pid)?.startTime ?? "0" };
}

/** Every process whose marker begins with the text: all that one stand-in ever started. */
export function markedProcesses(prefix: string): ProcessIdentity[] {
  return processTable()
    .filter((p) => p.pid !== process.pid && hasMarker(p.pid, (m) => m.startsWith(prefix)))
    .map(({ pid, startTime }) => ({ pid, startTime }));
}

/** Sends SIGKILL to each, by its own id, if it is still the same process. */
export function killAll(processes: readonly ProcessIdentity[]): void {
  for (const found of processes) {
    if (!isSameProcess(found)) continue;
    try {
      process.kill(found.pid, "SIGKILL");
    } catch {
      // It ended between the look and the signal.
    }
  }
}

interface ProcessRow extends ProcessIdentity {
  state: string;
  parent: number;
  group: number;
  session: number;
}

/** Every process that runs; zombies are left out, as nothing can be done to them. */
function processTable(): ProcessRow[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const row = readRow(Number(entry));
      return row === undefined || row.state === "Z" || row.state === "X" ? [] : [row];
    });
}

function readRow(pid: number): ProcessRow | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name in parentheses: state, ppid, pgrp, session, …, start time (fields 3 to 22 of proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "", parent, group, session] = fields;
    const startTime = fields[19];
    return startTime === undefined
      ? undefined
      : { pid, startTime, state, parent: Number(parent), group: Number(group), session: Number(session) };
  } catch {
    return undefined;
  }
}

function hasMarker(pid: number, matches: (marker: string) => boolean): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    return variables.some((v) => v.startsWith(`${MARKER}=`) && matches(v.slice(MARKER.length + 1)));
  } catch {
    return false;
  }
}

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endProcesses, isSameProcess, type ProcessIdentity, processIdentity } from "../../../run/process.js";
import { killAll, markedProcesses, membersOf } from "./leftovers.js";

/** What is written of a running container, so that a later run can end it. */
export interface ContainerRecord extends ProcessIdentity {
  /** Value of the marker in its environment. */
  marker: string;
}

/** Who holds a run folder, and the beginning of the markers of all that it starts. */
interface Owner extends ProcessIdentity {
  marker: string;
  /** Identity of this boot: start times of processes are counted from it. */
  boot: string;
}

const GRACE_MS = 5_000;

/** The records of one run folder: `pods.json` names its owner, `pids/` holds a file for each running container. */
export class ContainerRecords {
  private constructor(
    private readonly runDir: string,
    /** Every marker of this run begins with it. */
    readonly marker: string,
  ) {}

  /**
   * Ends what an earlier, killed run left in the folder and takes the folder over.
   * Throws where the process that holds the folder is alive.
   */
  static async open(runDir: string, marker: string): Promise<ContainerRecords> {
    await reapPods(runDir);
    mkdirSync(join(runDir, "pids"), { recursive: true });
    const self = processIdentity(process.pid);
    if (self === undefined) throw new Error("/proc cannot be read: pods can be run on Linux only");
    writeWhole(ownerFile(runDir), { ...self, marker, boot: bootId() } satisfies Owner);
    return new ContainerRecords(runDir, marker);
  }

  add(name: string, record: ContainerRecord): void {
    writeWhole(join(this.runDir, "pids", `${name}.json`), record);
  }

  remove(name: string): void {
    rmSync(join(this.runDir, "pids", `${name}.json`), { force: true });
  }

  /** Gives the folder up; call it when every container has ended. */
  close(): void {
    rmSync(ownerFile(this.runDir), { force: true });
    rmSync(join(this.runDir, "pids"), { recursive: true, force: true });
  }
}

/**
 * Ends the pods that an earlier run left behind in a run folder: SIGTERM, and SIGKILL after 5 s. A process is ended
 * only if its id and its start time are those that were recorded, or if it carries the marker of that run.
 * @returns how many processes were ended
 * Throws where the process that holds the folder is alive.
 */
export async function reapPods(runDir: string): Promise<number> {
  const owner = readOwner(runDir);
  if (owner === undefined) return 0;
  if (owner.boot !== bootId()) {
    clear(runDir);
    return 0;
  }
  if (isSameProcess(owner)) {
    throw new Error(
      `${runDir} is held by process ${owner.pid}, which is running; end that run first or use another folder`,
    );
  }
  const records = readRecords(runDir).filter(isSameProcess);
  const leftovers = unique([...records.flatMap((r) => membersOf(r, r.marker)), ...markedProcesses(owner.marker)]);
  await endProcesses(leftovers, GRACE_MS);
  // What a process started while it was being ended.
  killAll(markedProcesses(owner.marker));
  clear(runDir);
  return leftovers.length;
}

function clear(runDir: string): void {
  rmSync(join(runDir, "pids"), { recursive: true, force: true });
  rmSync(ownerFile(runDir), { force: true });
}

function unique(processes: ProcessIdentity[]): ProcessIdentity[] {
  return [...new Map(processes.map((p) => [p.pid, p])).values()];
}

function ownerFile(runDir: string): string {
  return join(runDir, "pods.json");
}

function readOwner(runDir: string): Owner | undefined {
  return readJson<Owner>(ownerFile(runDir));
}

function readRecords(runDir: string): ContainerRecord[] {
  try {
    return readdirSync(join(runDir, "pids")).flatMap((file) => {
      const record = readJson<ContainerRecord>(join(runDir, "pids", file));
      return record === undefined ? [] : [record];
    });
  } catch {
    return [];
  }
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}

function writeWhole(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(value));
  renameSync(temporary, path);
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { endProcesses, type ProcessIdentity, processIdentity } from "../run/process.js";
import { type JavaProgram, javaArguments, type NodePaths } from "./nodeFiles.js";

/** What every node of a ring is started with. */
export interface NodeProgram extends JavaProgram {
  /** The java executable. */
  java: string;
  /** Variables that are added to the node's environment. */
  baseEnv: Record<string, string>;
}

/** Lines of a node's log that are shown when it ends unasked, frames of Java's stack traces left out. */
const LAST_LINES = 12;
const STACK_FRAME = /^\s+(at |\.\.\. \d+ )/;

/** A running Cassandra node: one process, in a process group of its own. */
export class NodeProcess {
  private constructor(
    readonly pid: number,
    private readonly child: ChildProcess,
    private readonly identity: ProcessIdentity | undefined,
    private readonly log: string,
  ) {}

  /** Starts the node; its files must be written. Throws where the operating system refuses. */
  static async start(paths: NodePaths, program: NodeProgram): Promise<NodeProcess> {
    const output = openSync(paths.log, "a", 0o600);
    try {
      const [command, ...args] = commandLine(program.java, javaArguments(paths, program));
      const child = spawn(command, args, {
        cwd: paths.root,
        detached: true,
        stdio: ["ignore", output, output],
        env: { ...inherited(), ...program.baseEnv },
      });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", reject);
      });
      const pid = child.pid ?? 0;
      return new NodeProcess(pid, child, processIdentity(pid), paths.log);
    } finally {
      closeSync(output);
    }
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Throws where the node has ended, with the last lines of its log. */
  assertAlive(name: string): void {
    if (this.alive) return;
    const how = this.child.signalCode ?? `exit status ${this.child.exitCode}`;
    throw new Error(`Cassandra ${name} ended (${how}). The end of its log:\n${lastLines(this.log)}`);
  }

  /** Ends it at once, as a lost machine would. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.alive) this.child.kill("SIGKILL");
    await this.ended();
  }

  /** Lets it shut down for `graceMs`, then ends it. */
  async stop(graceMs: number): Promise<void> {
    if (this.alive && this.identity !== undefined) await endProcesses([this.identity], graceMs);
    await this.ended();
  }

  private ended(): Promise<void> {
    if (!this.alive) return Promise.resolve();
    return new Promise((resolve) => this.child.once("exit", () => resolve()));
  }
}

/**
 * How late the kernel may wake a node's threads, in nanoseconds. Between two requests Cassandra's threads look for work every
 * 10 us (SEPWorker): on two cores the three nodes of a ring under light load took a fifth of the machine for that alone
 * (670 us of CPU a row instead of 360, at 1,300 rows a second in batches of 20). A message wakes them at once as before.
 */
const TIMER_SLACK_NS = 1_000_000;

/**
 * As root Cassandra would lock all of its memory, reserve included: it is given neither the right nor the limit.
 * Where util-linux is there, the kernel also ends the node when this process ends, however that happens.
 */
function commandLine(java: string, args: string[]): [string, ...string[]] {
  const slack = `{ echo ${TIMER_SLACK_NS} > /proc/$$/timerslack_ns; } 2>/dev/null`;
  const unlocked = `ulimit -l 64 2>/dev/null; ${slack}; exec "$@"`;
  return ["/bin/sh", "-c", unlocked, "sh", ...privileges(), java, ...args];
}

const ENDS_WITH_PARENT = ["setpriv", "--pdeathsig=KILL"];
const LOCKS_NOTHING = [...ENDS_WITH_PARENT, "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"];

/** The first of the prefixes that works here: dropping a right needs root, and not every system has setpriv. */
function privileges(): string[] {
  const works = ([program = "", ...args]: string[]) => spawnSync(program, [...args, "true"]).status === 0;
  return [LOCKS_NOTHING, ENDS_WITH_PARENT].find(works) ?? [];
}

/** Of this process's environment only what any program needs: no Java options that were meant for others. */
function inherited(): Record<string, string> {
  const entries = ["PATH", "HOME", "LANG", "LC_ALL", "TZ"].map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function lastLines(file: string): string {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !STACK_FRAME.test(line));
  return lines.slice(-LAST_LINES).join("\n");
}

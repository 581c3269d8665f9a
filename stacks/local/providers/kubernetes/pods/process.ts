import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { isSameProcess, type ProcessIdentity } from "../../../run/process.js";
import type { LocalCommand } from "./command.js";
import { identityOf, killAll, MARKER, membersOf } from "./leftovers.js";
import type { BoundedLog } from "./log.js";

/** How a process ended: `exitCode` is 128 + n for one that signal n ended, as a shell and a kubelet count. */
export interface Exit {
  exitCode: number;
  signal?: NodeJS.Signals;
}

/** How long output is read on after the end: what holds the pipes then is no part of the container any more. */
const OUTPUT_MS = 500;

// Numbers of signal(7) on Linux; any other signal counts as 128.
const SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

/** A container's first process, in a session of its own, with all that it starts. */
export class ContainerProcess {
  readonly identity: ProcessIdentity;
  /** Settles when the process has ended, all that it left behind too, and its output is written. Never rejects. */
  readonly exited: Promise<Exit>;
  private members: ProcessIdentity[] = [];

  private constructor(
    child: ChildProcess,
    pid: number,
    private readonly marker: string,
    log: BoundedLog,
  ) {
    this.identity = identityOf(pid);
    this.exited = this.watch(child, log);
  }

  /** Starts it. Rejects with the system's error where the program cannot be started (ENOENT, EACCES). */
  static async start(
    command: LocalCommand,
    environment: Record<string, string>,
    marker: string,
    log: BoundedLog,
  ): Promise<ContainerProcess> {
    const child = spawn(command.program, command.args, {
      cwd: command.workingDir,
      env: { ...environment, [MARKER]: marker },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const { pid } = child;
    // Without an id it could not be started, and the reason comes as an event.
    if (pid === undefined) {
      const [error] = (await once(child, "error")) as [Error];
      throw error;
    }
    child.on("error", () => undefined);
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    return new ContainerProcess(child, pid, marker, log);
  }

  /** Sends a signal to the first process only, as a container runtime does. */
  signal(signal: NodeJS.Signals): void {
    if (!isSameProcess(this.identity)) return;
    // Once it has ended, nothing tells any more which processes were its descendants.
    this.members = membersOf(this.identity, this.marker);
    try {
      process.kill(this.identity.pid, signal);
    } catch {
      // It ended between the look and the signal.
    }
  }

  private async watch(child: ChildProcess, log: BoundedLog): Promise<Exit> {
    // Not with events.once, which would reject on an error that is told beside the end.
    const closed = new Promise((resolve) => child.once("close", resolve));
    const written = closed.then(() => log.flushed());
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once("exit", (...how) => resolve(how)),
    );
    // A container's processes end with its first one. Twice, as one of them may have just started another.
    for (let round = 0; round < 2; round++) killAll([...this.members, ...membersOf(this.identity, this.marker)]);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), OUTPUT_MS);
    await Promise.race([written, once(limit.signal, "abort")]);
    clearTimeout(timer);
    child.stdout?.destroy();
    child.stderr?.destroy();
    if (signal === null) return { exitCode: code ?? 0 };
    return { exitCode: 128 + (SIGNALS[signal] ?? 0), signal };
  }
}

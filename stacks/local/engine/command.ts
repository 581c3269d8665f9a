import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

export interface CommandOptions {
  cwd?: string;
  env: NodeJS.ProcessEnv;
  /** Ends the command: its process group gets `stopSignal`, and SIGKILL after `graceMs`. */
  signal?: AbortSignal;
  /** Kills the command at once, with its process group. */
  killSignal?: AbortSignal;
  /** Milliseconds after which it is ended as if by `signal`. */
  limitMs: number;
  /** Milliseconds from the first signal to SIGKILL. @default 3000 */
  graceMs?: number;
  onLine?(line: string, stream: "stdout" | "stderr"): void;
}

/** How a command ended. */
export interface CommandResult {
  /** Exit status; null where a signal ended it. */
  code: number | null;
  /** All of it, up to 128 MiB; its end where it is more. */
  stdout: string;
  /** The last 64 KiB of it. */
  stderr: string;
  /** Why it was ended before its time, if it was. */
  stopped: "signal" | "limit" | undefined;
}

const STDOUT_LENGTH = 128 * 1024 * 1024;
const STDERR_LENGTH = 64 * 1024;
const DRAIN_MS = 1_000;

/**
 * Runs a program in a process group of its own, so that a Ctrl-C at the terminal reaches this process first, and
 * so that the program goes with all that it has started. Its exit status is the caller's to judge.
 * Throws only where the program cannot be started.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  options.killSignal?.throwIfAborted();
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stopped: CommandResult["stopped"];
  let killer: NodeJS.Timeout | undefined;
  const stop = (why: "signal" | "limit") => {
    if (stopped !== undefined) return;
    stopped = why;
    signalGroup(child, "SIGINT");
    killer = setTimeout(() => signalGroup(child, "SIGKILL"), options.graceMs ?? 3_000);
  };
  const onAbort = () => stop("signal");
  const onKill = () => {
    stopped ??= "signal";
    signalGroup(child, "SIGKILL");
  };
  const limit = setTimeout(() => stop("limit"), options.limitMs);
  options.signal?.addEventListener("abort", onAbort);
  options.killSignal?.addEventListener("abort", onKill);
  const [stdout, stderr] = [
    collect(child.stdout, "stdout", options, STDOUT_LENGTH),
    collect(child.stderr, "stderr", options, STDERR_LENGTH),
  ];
  try {
    const closed = new Promise((resolve) => child.once("close", resolve));
    const [code] = (await once(child, "exit")) as [number | null];
    // A descendant that outlives it may hold its output open: what it printed is there after a moment.
    await Promise.race([closed, delay(DRAIN_MS, undefined, { ref: false })]);
    return { code, stdout: stdout(), stderr: stderr(), stopped };
  } finally {
    clearTimeout(limit);
    clearTimeout(killer);
    options.signal?.removeEventListener("abort", onAbort);
    options.killSignal?.removeEventListener("abort", onKill);
    if (stopped !== undefined) signalGroup(child, "SIGKILL");
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function collect(stream: Readable, name: "stdout" | "stderr", options: CommandOptions, keep: number): () => string {
  let text = "";
  let line = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text += chunk;
    if (text.length > keep * 2) text = text.slice(-keep);
    const lines = (line + chunk).split("\n");
    line = lines.pop() ?? "";
    for (const complete of lines) options.onLine?.(complete, name);
  });
  stream.on("end", () => {
    if (line !== "") options.onLine?.(line, name);
  });
  return () => (text.length > keep ? text.slice(-keep) : text);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/** What bounds a run of a job, and where its output goes. */
export interface JobLimits {
  timeoutMilliseconds: number;
  maxOutputBytes: number;
  /** Takes its output, piece by piece; a rejection ends the job and is passed on. */
  output(chunk: Buffer): Promise<void>;
  /** Ends the job. */
  signal: AbortSignal;
}

/** One run of a job that is a command. */
export interface JobRun extends JobLimits {
  /** The program and its arguments; no shell is involved. */
  command: string[];
  environment: { [name: string]: string };
  /** Its standard input. */
  body: Buffer;
}

/** How a run ended. `stderr` is the end of what it printed there, at most 2 KiB, made printable. */
export type JobEnd =
  | { kind: "succeeded" }
  /** Exit status 65, EX_DATAERR: no other run will succeed either. */
  | { kind: "refused"; stderr: string }
  | { kind: "failed"; how: string; stderr: string }
  | { kind: "timedOut"; stderr: string }
  | { kind: "outputTooLarge" }
  | { kind: "aborted" };

/** sysexits.h: the input data was incorrect in some way. */
export const EX_DATAERR = 65;
const STDERR_BYTES = 2_048;
/** From SIGTERM to SIGKILL, in milliseconds: after the time limit, and when the process ends. */
export const TIMEOUT_GRACE_MILLISECONDS = 5_000;
export const ABORT_GRACE_MILLISECONDS = 1_000;
/** How long children of the program may outlive it, in milliseconds. */
const LEFTOVERS_MILLISECONDS = 1_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Process groups of jobs that run. A worker that exits takes them along. */
const groups = new Set<number>();
let watching = false;

/** Runs a job to its end: when this resolves, nothing of it is left running. Rejects only with what `output` did. */
export async function runJob(run: JobRun): Promise<JobEnd> {
  const [program = "", ...args] = run.command;
  if (run.signal.aborted) return { kind: "aborted" };
  const child = spawn(program, args, { detached: true, env: run.environment, stdio: ["pipe", "pipe", "pipe"] });
  const { pid } = child;
  const ended = endOf(child, pid);
  if (pid === undefined) return { kind: "failed", how: `could not be started: ${(await ended).how}`, stderr: "" };
  register(pid);
  const cut = new Cut(child, pid);
  const onAbort = (): void => cut.end({ kind: "aborted" }, ABORT_GRACE_MILLISECONDS);
  run.signal.addEventListener("abort", onAbort, { once: true });
  const limit = setTimeout(
    () => cut.end({ kind: "timedOut", stderr: "" }, TIMEOUT_GRACE_MILLISECONDS),
    run.timeoutMilliseconds,
  );
  const stderr = tailOf(child.stderr);
  // A job need not read its input: the broken pipe is not an error.
  child.stdin.on("error", () => undefined);
  child.stdin.end(run.body);
  try {
    const [{ code, how }] = await Promise.all([ended, pump(child.stdout, run, cut)]);
    if (cut.why !== undefined) return cut.why.kind === "timedOut" ? { kind: "timedOut", stderr: stderr() } : cut.why;
    if (code === 0) return { kind: "succeeded" };
    if (code === EX_DATAERR) return { kind: "refused", stderr: stderr() };
    return { kind: "failed", how, stderr: stderr() };
  } finally {
    clearTimeout(limit);
    run.signal.removeEventListener("abort", onAbort);
    cut.over();
    groups.delete(pid);
  }
}

/** Why and how a job is ended before it ends by itself. */
class Cut {
  why: JobEnd | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly child: Child,
    private readonly pid: number,
  ) {}

  /** Asks the whole group to end, and makes it after `grace` milliseconds. The first reason stays. */
  end(why: JobEnd, grace: number): void {
    if (this.why !== undefined) return;
    this.why = why;
    if (grace > 0) signalGroup(this.pid, "SIGTERM");
    this.timer = setTimeout(() => this.force(), grace);
  }

  /** The program is gone; whatever it started goes too. */
  over(): void {
    clearTimeout(this.timer);
    signalGroup(this.pid, "SIGKILL");
  }

  private force(): void {
    signalGroup(this.pid, "SIGKILL");
    // A process that has left the group may still hold the streams.
    this.child.stdout.destroy();
    this.child.stderr.destroy();
  }
}

/** Passes the output on, at the pace at which it is taken, up to the limit. */
async function pump(stdout: Readable, run: JobRun, cut: Cut): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of stdout) {
      bytes += chunk.byteLength;
      if (bytes > run.maxOutputBytes) return cut.end({ kind: "outputTooLarge" }, 0);
      await run.output(chunk);
    }
  } catch (error) {
    // A stream that was cut off with its job has said what it had to say.
    if (cut.why !== undefined) return;
    cut.end({ kind: "aborted" }, 0);
    throw error;
  }
}

/**
 * Resolves once the program has ended and its streams are closed. What it printed is read to the end, however slow
 * the volume is; children of its own that still hold the streams are ended after a moment.
 */
function endOf(child: Child, pid: number | undefined): Promise<{ code: number | null; how: string }> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    child.once("error", (error) => resolve({ code: null, how: error.message }));
    child.once("exit", () => {
      timer = setTimeout(() => pid !== undefined && signalGroup(pid, "SIGKILL"), LEFTOVERS_MILLISECONDS);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, how: signal === null ? `ended with exit status ${code}` : `was ended by ${signal}` });
    });
  });
}

/** Keeps the end of what a stream prints. */
function tailOf(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-STDERR_BYTES);
  });
  stream.on("error", () => undefined);
  return () => printableTail(tail);
}

/** The end of what a job says, at most 2 KiB: control characters are what must not reach a log or a broker's header. */
export function printableTail(bytes: Buffer): string {
  return bytes
    .subarray(-STDERR_BYTES)
    .toString("utf8")
    .replace(/[^\P{Cc}\n\t]/gu, "")
    .trim();
}

function register(pid: number): void {
  groups.add(pid);
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const group of groups) signalGroup(group, "SIGKILL");
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}

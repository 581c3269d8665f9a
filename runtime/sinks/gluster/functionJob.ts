import { PoisonReason, type SinkMessage } from "../../contract/index.js";
import type { JobModule, JobOutput } from "../../library/definitions.js";
import {
  ABORT_GRACE_MILLISECONDS,
  type JobEnd,
  type JobLimits,
  printableTail,
  TIMEOUT_GRACE_MILLISECONDS,
} from "./job.js";

/** One run of a job that is a function. */
export interface FunctionRun extends JobLimits {
  job: JobModule;
  message: SinkMessage;
  pipeline: string;
  attempt: number;
}

/**
 * Runs that outlive their time limit and grace: a function cannot be ended from outside. Above this many none is left
 * behind any more: its message is held until the engine, which sees no progress, ends the process with status 4.
 */
export const MAX_LEFT_BEHIND = 16;
const NAME_LENGTH = 60;
let leftBehind = 0;

/** Says what is no output of a job. */
class NoOutput extends Error {}

/** Runs a job's function to its end, or until it has been told to stop for longer than its grace. Rejects only with what `output` did. */
export async function runFunction(run: FunctionRun): Promise<JobEnd> {
  if (run.signal.aborted) return { kind: "aborted" };
  const cut = new Cut();
  const onAbort = (): void => cut.end({ kind: "aborted" }, ABORT_GRACE_MILLISECONDS);
  run.signal.addEventListener("abort", onAbort, { once: true });
  const limit = setTimeout(
    () => cut.end({ kind: "timedOut", stderr: "" }, TIMEOUT_GRACE_MILLISECONDS),
    run.timeoutMilliseconds,
  );
  try {
    const running = resultOf(run, cut);
    const end = await Promise.race([running, cut.overdue]);
    if (end !== undefined) return cut.why ?? end;
    if (leftBehind >= MAX_LEFT_BEHIND) {
      const late = await running;
      return cut.why ?? late;
    }
    leftBehind++;
    running
      .catch(() => undefined)
      .finally(() => {
        leftBehind--;
      });
    return cut.why ?? { kind: "aborted" };
  } finally {
    clearTimeout(limit);
    cut.over();
    run.signal.removeEventListener("abort", onAbort);
  }
}

/** Why and how a function is told to stop. */
class Cut {
  why: JobEnd | undefined;
  /** Resolves once the function has had its grace. */
  readonly overdue: Promise<undefined>;
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private giveUp: () => void = () => undefined;

  constructor() {
    this.overdue = new Promise((resolve) => {
      this.giveUp = () => resolve(undefined);
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Fires the function's signal; the first reason stays. */
  end(why: JobEnd, grace: number): void {
    if (this.why !== undefined) return;
    this.why = why;
    this.controller.abort(new Error(`the job is told to stop: ${why.kind}`));
    this.timer = setTimeout(this.giveUp, grace);
  }

  over(): void {
    clearTimeout(this.timer);
  }
}

async function resultOf(run: FunctionRun, cut: Cut): Promise<JobEnd> {
  let failure: { error: unknown } | undefined;
  try {
    const { message, pipeline, attempt } = run;
    const given = await run.job.run(message, { pipeline, attempt, signal: cut.signal });
    let bytes = 0;
    for await (const piece of piecesOf(given)) {
      // What comes after the end was decided goes nowhere: its file is gone.
      if (cut.why !== undefined) return cut.why;
      const chunk = bytesOf(piece);
      bytes += chunk.byteLength;
      if (bytes > run.maxOutputBytes) {
        cut.end({ kind: "outputTooLarge" }, ABORT_GRACE_MILLISECONDS);
        return { kind: "outputTooLarge" };
      }
      await run.output(chunk).catch((error: unknown) => {
        failure = { error };
        throw error;
      });
    }
    return { kind: "succeeded" };
  } catch (error) {
    if (failure !== undefined && cut.why === undefined) throw failure.error;
    return endOf(error);
  }
}

function endOf(error: unknown): JobEnd {
  if (error instanceof NoOutput) return { kind: "failed", how: error.message, stderr: "" };
  const stderr = printableTail(Buffer.from(error instanceof Error ? error.message : String(error)));
  if (error instanceof Error && "code" in error && error.code === PoisonReason.JobRefused)
    return { kind: "refused", stderr };
  const name = error instanceof Error ? error.name : typeof error;
  return { kind: "failed", how: `threw ${printableTail(Buffer.from(name.slice(0, NAME_LENGTH)))}`, stderr };
}

function piecesOf(given: JobOutput): Iterable<unknown> | AsyncIterable<unknown> {
  const value: unknown = given;
  if (typeof value === "string" || value instanceof Uint8Array) return [value];
  if (typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value))
    return value as Iterable<unknown> | AsyncIterable<unknown>;
  throw new NoOutput(`gave ${kindOf(value)}, which is no output: bytes, text, or an iterable of them`);
}

function bytesOf(piece: unknown): Buffer {
  if (typeof piece === "string") return Buffer.from(piece, "utf8");
  if (piece instanceof Uint8Array) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new NoOutput(`gave a piece that is ${kindOf(piece)}, neither bytes nor text`);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

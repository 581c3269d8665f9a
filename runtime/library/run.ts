import { hostname } from "node:os";
import {
  type Connection,
  ExitCode,
  InvalidInputError,
  type Pipeline,
  type Problem,
  problem,
  SinkKind,
  sinkKind,
} from "../contract/index.js";
import { checkInput } from "../input.js";
import { createLog, type Log, type LogLevel, logLevel, otlpSettings } from "../telemetry/index.js";
import { takeBlame } from "./blame.js";
import type { JobModule, SinkModule } from "./definitions.js";
import { takeSignals } from "./firstSignals.js";
import { listenAddress } from "./listen.js";

/** What a worker is run with from a program of one's own. */
export interface RunWorkerOptions {
  pipeline: Pipeline;
  connection: Connection;
  /** `HOST:PORT` that `/livez`, `/readyz` and `/metrics` are served on; port 0 takes a free one, which is in the log. */
  listen: string;
  /**
   * The sink, where it is part of the program; the pipeline's sink must be `module`, and its options go to this sink.
   * @default the module is loaded from the pipeline's path
   */
  sink?: SinkModule;
  /** The job, where it is part of the program; the pipeline's job must be a `module`. @default it is loaded from its path */
  job?: JobModule;
  /** Name of the pod, which stands in logs and effects. @default `HOSTNAME`, else the host's name */
  worker?: string;
  /** @default what `STOWAGE_LOG_LEVEL` names, else info */
  logLevel?: LogLevel;
  /** Stops the worker as SIGTERM does: what is in work is finished or given back, and the promise resolves with 0. */
  signal?: AbortSignal;
  /**
   * True where the process is this worker's: SIGTERM and SIGINT stop it, a second one ends the process at once with 1, and
   * so does an error that nobody caught. False leaves signals and errors to the program, which stops the worker by `signal`:
   * so several workers can run in one process, each on a port of its own. They share its event loop, its memory and its end.
   * @default true
   */
  ownProcess?: boolean;
}

/**
 * Runs the worker of one pipeline until it is stopped or cannot go on; resolves with the exit status that the process
 * should end with (`ExitCode`), and leaves ending it to the program. Rejects with an InvalidInputError, every problem by
 * path, where pipeline, connection, address or the sink's options are wrong; then nothing was touched.
 */
export async function runWorker(options: RunWorkerOptions): Promise<ExitCode> {
  const { sink, job, signal, ownProcess = true } = options;
  const { pipeline, connection } = checkInput({ value: options.pipeline }, { value: options.connection });
  const listen = checkedListen(options.listen);
  const otlp = otlpSettings(process.env);
  const misplaced = misplacedParts(pipeline, options);
  if (misplaced.length > 0) throw new InvalidInputError("Invalid input", misplaced);
  // In a pod the host's name is the pod's.
  const worker = options.worker ?? process.env["HOSTNAME"] ?? hostname();
  const base = { pipeline: pipeline.name, sink: sinkKind(pipeline), worker };
  const level = options.logLevel ?? logLevel(process.env["STOWAGE_LOG_LEVEL"]);
  const log = createLog({ level, base });
  // File operations wait on the volume, in threads: as many as there are messages in work, within reason.
  if (ownProcess)
    process.env["UV_THREADPOOL_SIZE"] ??= String(Math.min(64, Math.max(4, pipeline.delivery.concurrency * 2)));
  const release = ownProcess ? takeBlame(log) : (): void => undefined;
  const told = new Told();
  const onAbort = (): void => told.tell("stopped by its program");
  // Before the worker is loaded: that takes long enough to be told to stop meanwhile.
  const forget = ownProcess ? stopBySignals(log, told) : (): void => undefined;
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const { Worker } = await import("../worker.js");
    const running = new Worker({ pipeline, connection, listen, worker, log, sink, job, otlp });
    const ended = running.run();
    told.on((why) => {
      running.stop(why).catch((error: unknown) => log.logger.error({ description: words(error) }, "stopping failed"));
    });
    return await ended;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    forget();
    release();
    log.flush();
  }
}

function checkedListen(text: string): ReturnType<typeof listenAddress> & object {
  const address = listenAddress(text);
  if (address !== undefined) return address;
  const why = problem("listen", text, "must be HOST:PORT, the port from 0 to 65535", "Give an address of this host");
  throw new InvalidInputError("Invalid input", [why]);
}

/** A sink or a job that the pipeline has no place for would never be called. */
function misplacedParts(pipeline: Pipeline, { sink, job }: RunWorkerOptions): Problem[] {
  const found: Problem[] = [];
  const kind = sinkKind(pipeline);
  if (sink !== undefined && kind !== SinkKind.Module)
    found.push(problem("sink", sink.name, `goes with a pipeline whose sink is module, not ${kind}`, "Remove it"));
  if (job !== undefined && pipeline.sink.gluster?.job.module === undefined)
    found.push(problem("job", job.name, "goes with a pipeline whose sink.gluster.job is a module", "Remove it"));
  return found;
}

/** Why the worker is to stop, for whoever asks before or after it is told. */
class Told {
  private why: string | undefined;
  private act: ((why: string) => void) | undefined;

  /** The first reason counts. */
  tell(why: string): void {
    if (this.why !== undefined) return;
    this.why = why;
    this.act?.(why);
  }

  on(act: (why: string) => void): void {
    this.act = act;
    if (this.why !== undefined) act(this.why);
  }
}

function stopBySignals(log: Log, told: Told): () => void {
  let stopping = false;
  return takeSignals((signal) => {
    if (stopping) {
      log.logger.warn({ signal }, "told to stop a second time: ends at once, nothing more is settled");
      log.flush();
      process.exit(ExitCode.Failed);
    }
    stopping = true;
    told.tell(signal);
  });
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

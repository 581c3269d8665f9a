import { join } from "node:path";
import { DELIVERY_DEFAULTS, type Pipeline } from "../../runtime/contract/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pipelineOf } from "../unit/bus/fakes.js";

/** The ways in which a sink may take its messages. */
export const CrashKind = {
  /** A queue, one message a call, as a job's sink takes them. */
  Single: "single",
  /** A queue, many messages a call, as a table's sink takes them. */
  Batch: "batch",
  /** Sessions, one message after another in each, as a sink of commands takes them. */
  Session: "session",
  /** The sink of the product itself that runs a job and stores its output on a volume. */
  Gluster: "gluster",
} as const;
export type CrashKind = (typeof CrashKind)[keyof typeof CrashKind];

/** The shortest lock that Service Bus grants, in seconds: crashed messages are back soonest. */
export const LOCK_SECONDS = 5;
export const MAX_DELIVERY_COUNT = 10;
/** The shortest time of the watchdog that two such locks allow, in seconds. */
export const NO_PROGRESS_SECONDS = 11;

/** Deliveries are limited as usual, and everything that is waited for is short. */
function shortTimes(pipeline: Pipeline, queue: string): void {
  pipeline.name = queue;
  pipeline.source = {
    queue,
    sessions: false,
    lockDurationSeconds: LOCK_SECONDS,
    maxDeliveryCount: MAX_DELIVERY_COUNT,
    duplicateDetection: false,
  };
  pipeline.delivery = {
    ...DELIVERY_DEFAULTS,
    concurrency: 16,
    attempts: 3,
    retryBaseMilliseconds: 20,
    retryMaxMilliseconds: 200,
    maxProcessingSeconds: 60,
    shutdownGraceSeconds: 5,
    sessionIdleMilliseconds: 500,
    sessionQuantumSeconds: 2,
    noProgressSeconds: NO_PROGRESS_SECONDS,
    client: { maxRetries: 1, retryDelayMilliseconds: 50, maxRetryDelayMilliseconds: 500, timeoutSeconds: 3 },
  };
  pipeline.replyQueues = [];
}

/** The pipeline of a kind: effects go to `folder`, of `gluster` to the volume that is mounted at `volume`. */
export function crashPipeline(
  kind: CrashKind,
  queue: string,
  { folder, volume, seed }: { folder: string; volume: string; seed: number },
): Pipeline {
  return pipelineOf((pipeline) => {
    shortTimes(pipeline, queue);
    pipeline.source.sessions = kind === CrashKind.Session;
    if (kind === CrashKind.Gluster) {
      const job = { command: ["sh", "-c", JOB], timeoutSeconds: 10, maxOutputBytes: 10_000 };
      pipeline.sink = { gluster: { volume: "results", mountPath: volume, directory: queue, job } };
      return;
    }
    const module = kind === CrashKind.Batch ? "batch.mjs" : "single.mjs";
    const path = join(packageRoot(), "test/crash/sinks", module);
    pipeline.sink = { module: { path, options: { folder, seed: `${seed}` } } };
  });
}

/** Does with a message what the other kinds' sinks do, as a job: its parent is the worker. */
const JOB = `body=$(cat)
case "$body" in
*'"poison"'*) echo "the message says that it is poison" >&2; exit 65 ;;
*'"killer"'*) kill -9 $PPID; exit 1 ;;
esac
printf %s "$body"`;

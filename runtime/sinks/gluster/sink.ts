import { statfs } from "node:fs/promises";
import { join, relative } from "node:path";
import {
  type GlusterSink as GlusterSettings,
  type Outcome,
  PoisonReason,
  RetryCode,
  type Sink,
  type SinkContext,
  type SinkMessage,
  type StoreInfo,
} from "../../contract/index.js";
import type { JobModule } from "../../library/definitions.js";
import { jobEnvironment } from "./environment.js";
import { errno, onStore } from "./errno.js";
import { runFunction } from "./functionJob.js";
import { EX_DATAERR, type JobEnd, type JobLimits, runJob } from "./job.js";
import type { ResultPaths } from "./layout.js";
import { MANIFEST_VERSION, type StoredResult } from "./manifest.js";
import { checkMarker } from "./marker.js";
import { mountedAs } from "./mounts.js";
import { GlusterOperation } from "./operations.js";
import type { StagedFile } from "./stagedFile.js";
import type { ResultStore } from "./store.js";

/** What of pipeline and process the sink needs. */
export interface GlusterSinkOptions {
  pipeline: string;
  settings: GlusterSettings;
  /** Attempts of one delivery, for the number of a run. */
  attempts: number;
  worker: string;
  environment: { [name: string]: string | undefined };
  store: ResultStore;
  /** The job where it is a function. @default the settings' command */
  job?: JobModule | undefined;
}

/** The output of a run that succeeded, and what it belongs to. */
interface Computed {
  message: SinkMessage;
  context: SinkContext;
  /** Number of the run, over all deliveries. */
  attempt: number;
  paths: ResultPaths;
  file: StagedFile;
  /** True where the message was tried before. */
  again: boolean;
}

/** Files in staging are of the dead once they are older than the longest run and this, in milliseconds. */
const SWEEP_AFTER_MILLISECONDS = 3_600_000;
/** Staging is swept at most so often, in milliseconds. */
const SWEEP_EVERY_MILLISECONDS = 600_000;
/** Time limit of a probe, in milliseconds. */
const PROBE_MILLISECONDS = 4_000;
/** A volume with less space than this is full, in bytes. */
const LEAST_FREE_BYTES = 1024 * 1024;

/** Runs the pipeline's job for each message and stores its output on the volume, once. */
export class GlusterJobSink implements Sink {
  /** A job has one body: messages come one at a time, as many at once as the engine allows. */
  readonly batching = { maxMessages: 1, maxWaitMilliseconds: 0 };
  private readonly end = new AbortController();
  private probing: Promise<void> | undefined;
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: GlusterSinkOptions) {}

  async start(): Promise<void> {
    const { settings, store } = this.options;
    await checkMarker(settings.mountPath, settings.volume);
    await store.prepare();
    this.sweep();
  }

  process(batch: SinkMessage[], context: SinkContext): Promise<Outcome[]> {
    return Promise.all(batch.map((message) => this.one(message, context)));
  }

  /** Does to the volume what a result does: a file is written, made durable and removed, within 4 seconds. */
  async probe(): Promise<void> {
    // One at a time: an operation that a volume never answers keeps its thread, and each probe would take one more.
    this.probing ??= this.look().finally(() => {
      this.probing = undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const { volume } = this.options.settings;
      const words = `the volume ${volume} did not take a small file within ${PROBE_MILLISECONDS / 1000} s`;
      timer = setTimeout(() => reject(new Error(words)), PROBE_MILLISECONDS);
    });
    try {
      await Promise.race([this.probing, limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async look(): Promise<void> {
    const { settings, store } = this.options;
    const { mountPath, volume } = settings;
    await checkMarker(mountPath, volume);
    const { bavail, bsize } = await onStore(() => statfs(mountPath));
    if (bavail * bsize < LEAST_FREE_BYTES) throw new Error(`the volume ${volume} is full: less than 1 MiB is free`);
    await store.tryOut();
  }

  async info(): Promise<StoreInfo> {
    const { mountPath, volume } = this.options.settings;
    const { bavail, bsize, blocks } = await onStore(() => statfs(mountPath));
    const gib = (count: number): string => ((count * bsize) / 2 ** 30).toFixed(1);
    const kind = await mountedAs(mountPath);
    return { version: `volume ${volume} (${kind}), ${gib(bavail)} of ${gib(blocks)} GiB free` };
  }

  async stop(): Promise<void> {
    this.end.abort();
  }

  private async one(message: SinkMessage, context: SinkContext): Promise<Outcome> {
    const { store } = this.options;
    const again = message.deliveryCount > 1 || context.attempt > 1;
    try {
      const paths = store.paths(message.key);
      const found = await context.call(GlusterOperation.Find, () => store.find(paths));
      if (found !== undefined) {
        if (again) await this.tidy(context, paths, found);
        return this.stored(paths, found, message);
      }
      return await this.compute(message, context, paths, again);
    } catch (error) {
      return unavailable(error);
    }
  }

  private async compute(
    message: SinkMessage,
    context: SinkContext,
    paths: ResultPaths,
    again: boolean,
  ): Promise<Outcome> {
    const { settings, store } = this.options;
    const attempt = (message.deliveryCount - 1) * this.options.attempts + context.attempt;
    const file = await context.call(GlusterOperation.Stage, () => store.stage(paths));
    let end: JobEnd;
    try {
      end = await this.run(message, attempt, {
        timeoutMilliseconds: settings.job.timeoutSeconds * 1000,
        maxOutputBytes: settings.job.maxOutputBytes,
        output: (chunk) => file.write(chunk),
        signal: context.signal,
      });
    } catch (error) {
      await file.discard();
      throw error;
    }
    if (end.kind !== "succeeded") {
      await file.discard();
      return outcomeOf(end, settings);
    }
    // The output is there: it is stored even where the lock was lost meanwhile, so that nobody computes it again.
    return this.keep({ message, context, attempt, paths, file, again });
  }

  private run(message: SinkMessage, attempt: number, limits: JobLimits): Promise<JobEnd> {
    const { settings, environment, pipeline, job } = this.options;
    if (job !== undefined) return runFunction({ ...limits, job, message, pipeline, attempt });
    return runJob({
      ...limits,
      command: settings.job.command ?? [],
      environment: jobEnvironment(environment, message, { attempt, pipeline }),
      body: message.body,
    });
  }

  private async keep({ message, context, attempt, paths, file, again }: Computed): Promise<Outcome> {
    const { store, pipeline, worker } = this.options;
    const manifest = {
      manifestVersion: MANIFEST_VERSION,
      pipeline,
      entity: message.entity,
      messageId: message.messageId,
      sequenceNumber: message.sequenceNumber,
      attempt,
      bodySha256: message.bodySha256,
      worker,
      traceId: message.traceId,
      enqueuedTime: message.enqueuedTime.toISOString(),
    };
    const other = await context.call(GlusterOperation.Publish, () => store.publish(paths, file, manifest));
    if (other !== undefined) return this.stored(paths, other, message);
    if (again) await this.tidy(context, paths, { bodySha256: message.bodySha256, result: file.name });
    return { kind: "done", duplicate: false, object: this.objectOf(paths, file.name) };
  }

  /** What a stored result says to a message under the same key. */
  private stored(paths: ResultPaths, found: StoredResult, message: SinkMessage): Outcome {
    if (found.bodySha256 === message.bodySha256)
      return { kind: "done", duplicate: true, object: this.objectOf(paths, found.result) };
    return {
      kind: "poison",
      reason: PoisonReason.MessageIdReused,
      description:
        `A message with id ${JSON.stringify(message.messageId)} was stored from ${message.entity} before, with another ` +
        `body: SHA-256 ${found.bodySha256}, now ${message.bodySha256}. Give every message an id of its own.`,
    };
  }

  /** The result's path on the volume. */
  private objectOf({ folder }: ResultPaths, result: string): string {
    return relative(this.options.settings.mountPath, join(folder, result));
  }

  /** After a redelivery: what dead runs of this message left, and now and then what all of them left. */
  private async tidy({ call }: SinkContext, paths: ResultPaths, kept: StoredResult): Promise<void> {
    this.sweep();
    const { store } = this.options;
    await call(GlusterOperation.Tidy, () => store.removeOrphans(paths, kept)).catch(() => undefined);
  }

  private sweep(): void {
    const now = performance.now();
    if (now - this.sweptAt < SWEEP_EVERY_MILLISECONDS) return;
    this.sweptAt = now;
    const age = this.options.settings.job.timeoutSeconds * 1000 + SWEEP_AFTER_MILLISECONDS;
    // What cannot be swept now is swept another time; it is nobody's result.
    this.options.store.sweep(age, this.end.signal).catch(() => undefined);
  }
}

/** Codes of the system that say that the volume, not this message, is at fault; the others say it in words. */
function unavailable(error: unknown): Outcome {
  const code = errno(error);
  const words = error instanceof Error ? error.message : String(error);
  const description = `the volume: ${code === "" || words.includes(code) ? words : `${code}, ${words}`}`;
  return { kind: "retry", code: RetryCode.StoreUnavailable, description };
}

function outcomeOf(end: Exclude<JobEnd, { kind: "succeeded" }>, { job }: GlusterSettings): Outcome {
  const program = JSON.stringify(job.command?.[0] ?? job.module);
  const withWords = (sentence: string, words: string): string =>
    withStderr(sentence, words, job.command === undefined ? "error" : "stderr");
  const refused = job.command === undefined ? "JobRefused" : `exit status ${EX_DATAERR}`;
  const retry = (code: RetryCode, description: string): Outcome => ({ kind: "retry", code, description });
  switch (end.kind) {
    case "refused":
      return {
        kind: "poison",
        reason: PoisonReason.JobRefused,
        description: withWords(`The job ${program} refused the message (${refused}).`, end.stderr),
      };
    case "outputTooLarge":
      return {
        kind: "poison",
        reason: PoisonReason.JobOutputTooLarge,
        description: `The job ${program} printed more than maxOutputBytes, ${job.maxOutputBytes}.`,
      };
    case "timedOut":
      return retry(
        RetryCode.JobTimeout,
        withWords(`The job ${program} was not done within timeoutSeconds, ${job.timeoutSeconds}.`, end.stderr),
      );
    case "aborted":
      return retry(RetryCode.Interrupted, `The job ${program} was told to stop.`);
    case "failed":
      return retry(RetryCode.JobFailed, withWords(`The job ${program} ${end.how}.`, end.stderr));
  }
}

/** The job's own words stand below the first line, which is all that is logged. */
function withStderr(sentence: string, words: string, stream: string): string {
  return words === "" ? sentence : `${sentence}\n${stream}: ${words}`;
}

import { entityPath, type Pipeline, sinkKind } from "../../runtime/contract/index.js";
import type { LocalEnvironment } from "./environment.js";
import { type PipelineCounts, PipelineProgress, type SettledMessage } from "./traffic/progress.js";
import { countStored } from "./traffic/stored.js";

/** How long a pipeline may go without settling anything before the run is called failed, in milliseconds. */
const STALL_MS = 90_000;
/** How often the live table is drawn and the end is looked for, in milliseconds. */
const TICK_MS = 250;

/** What became of one pipeline's traffic; `stored` is counted in the store itself. */
export interface PipelineResult {
  sent: number;
  stored: number;
  deadLettered: number;
  p50Ms: number;
  p99Ms: number;
}

/** What a traffic run is asked for. */
export interface TrafficPlan {
  /** Tells this run's messages from any other's: 1 to 12 lower-case letters and digits, the first a letter. */
  run: string;
  /** Good and bad messages to each pipeline. */
  messages: number;
  poison: number;
}

/** Sends the sample traffic through every pipeline and waits until all of it is settled. */
export async function runTraffic(
  environment: LocalEnvironment,
  pipelines: Pipeline[],
  plan: TrafficPlan,
  signal: AbortSignal,
  draw: (counts: PipelineCounts[]) => void,
): Promise<{ [key: string]: PipelineResult }> {
  const progress = pipelines.map((p) => new PipelineProgress(p.name, entityPath(p.source)));
  const onSettled = (event: SettledMessage) => {
    for (const each of progress) each.settled(event);
  };
  const counts = () => progress.map((each) => each.counts(Date.now()));
  environment.broker.on("settled", onSettled);
  const ticker = setInterval(() => {
    const now = counts();
    if (now.some((each) => each.sent > 0)) draw(now);
  }, TICK_MS);
  try {
    const sent = (pipeline: string, total: number) => {
      for (const each of progress) if (each.pipeline === pipeline) each.sent(total);
    };
    await environment.send(pipelines, { ...plan, epochMs: Date.now() }, signal, sent);
    await allSettled(counts, environment, signal);
    draw(counts());
    return await results(environment, pipelines, plan.run, counts());
  } finally {
    clearInterval(ticker);
    environment.broker.off("settled", onSettled);
  }
}

/** Waits until nothing is left to settle, or throws a sentence that names the pipeline that stalls. */
async function allSettled(
  counts: () => PipelineCounts[],
  environment: LocalEnvironment,
  signal: AbortSignal,
): Promise<void> {
  const began = Date.now();
  for (;;) {
    signal.throwIfAborted();
    const waiting = counts().filter((c) => c.completed + c.deadLettered < c.sent);
    if (waiting.length === 0) return;
    const stalled = waiting.find((c) => (c.quietMs ?? Date.now() - began) > STALL_MS);
    if (stalled !== undefined)
      throw new Error(
        `Pipeline ${stalled.pipeline} has settled nothing for ${STALL_MS / 1000} s: ` +
          `${stalled.completed} stored and ${stalled.deadLettered} dead-lettered of ${stalled.sent} sent. ` +
          `Its worker's log says why. ${environment.refusals()}`.trimEnd(),
      );
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

/** A pipeline's key in the report: its sink, where no other pipeline has the same; else its name. */
export function reportKey(pipeline: Pipeline, all: Pipeline[]): string {
  const kind = sinkKind(pipeline);
  return all.filter((other) => sinkKind(other) === kind).length === 1 ? kind : pipeline.name;
}

async function results(
  environment: LocalEnvironment,
  pipelines: Pipeline[],
  run: string,
  counts: PipelineCounts[],
): Promise<{ [pipeline: string]: PipelineResult }> {
  const entries = pipelines.map(async (pipeline, i) => {
    const stored = await countStored(environment.stores, pipeline, run);
    const deadLettered = environment.broker.counts(entityPath(pipeline.source)).deadLetter;
    const { sent = 0, p50Ms = 0, p99Ms = 0 } = counts[i] ?? {};
    return [reportKey(pipeline, pipelines), { sent, stored, deadLettered, p50Ms, p99Ms }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

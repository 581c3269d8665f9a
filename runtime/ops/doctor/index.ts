import { hostname } from "node:os";
import { type Connection, type Pipeline, sinkKind } from "../../contract/index.js";
import type { SinkSetup } from "../../sinks/index.js";
import type { Namespace } from "../connect.js";
import type { EntityFacts } from "../entityFacts.js";
import { printable } from "../printable.js";
import type { Target } from "../target.js";
import { entityFindings, rightFindings, tokenFinding } from "./bus.js";
import { type Finding, ok, Status, warn } from "./finding.js";
import { lockFinding, measuredSlow, type SlowPercentile, unreadMetrics } from "./lock.js";
import { addressOf, networkFindings } from "./network.js";
import { storeFindings } from "./store.js";

export { type Finding, Status } from "./finding.js";

/** A finding as a person reads it: one line, and one for what to do. */
export function findingLines({ check, status, detail, fix }: Finding): string {
  const head = `${status.padEnd(5)} ${check.padEnd(9)} ${printable(detail)}`;
  return fix === undefined ? head : `${head}\n${" ".repeat(16)}-> ${printable(fix)}`;
}

export interface Examined {
  namespace: Namespace;
  target: Target;
  pipeline: Pipeline | undefined;
  /** Where the stores are; without it the store is not tried. */
  connection: Connection | undefined;
  /** Metrics of a worker that runs. */
  metrics: URL | undefined;
  now: () => number;
  /** A sink or job of one's own that is there already. @default the pipeline's module is loaded */
  own?: Pick<SinkSetup, "sink" | "job">;
}

/** Everything that a worker of this pipeline needs, tried in the order in which it needs it. Never throws for a fault of these. */
export async function* examine(examined: Examined): AsyncGenerator<Finding> {
  const { namespace, target, pipeline, connection, now } = examined;
  if (pipeline !== undefined) yield* pipelineFindings(pipeline);
  let reached = true;
  for await (const finding of networkFindings(addressOf(namespace.host, namespace.tls), now)) {
    yield finding;
    if (finding.status === Status.Fail && finding.check !== "clock") reached = false;
  }
  const token = await tokenFinding(namespace, now);
  yield token;
  let facts: EntityFacts | undefined;
  if (reached && token.status !== Status.Fail) {
    yield* rightFindings(namespace, target, pipeline);
    yield* entityFindings(namespace, target, pipeline, (learnt) => {
      facts = learnt;
    });
  }
  if (pipeline === undefined) return;
  yield* lockFindings(examined, pipeline, facts);
  if (connection !== undefined) yield* storeFindings({ pipeline, connection, worker: hostname(), ...examined.own });
}

async function* lockFindings({ metrics }: Examined, pipeline: Pipeline, facts: EntityFacts | undefined) {
  const stated = pipeline.delivery.slowSeconds;
  let slow: SlowPercentile | undefined =
    stated === undefined ? undefined : { seconds: stated, source: "delivery.slowSeconds" };
  if (metrics !== undefined) {
    try {
      slow = (await measuredSlow(metrics)) ?? slow;
    } catch (error) {
      yield unreadMetrics(metrics, error);
    }
  }
  yield lockFinding(pipeline, facts?.lockDurationSeconds ?? pipeline.source.lockDurationSeconds, slow);
}

/** What is right by the rules of a pipeline, and still worth a look. */
export function* pipelineFindings(pipeline: Pipeline): Generator<Finding> {
  const { name, source, sink, delivery, audit } = pipeline;
  yield ok("pipeline", `${name}: valid, its sink is ${sinkKind(pipeline)}`);
  const { attempts, maxProcessingSeconds, retryMaxMilliseconds, shutdownGraceSeconds, expectedRestarts } = delivery;
  if (source.maxDeliveryCount - expectedRestarts < 2)
    yield warn(
      "pipeline",
      `of ${source.maxDeliveryCount} deliveries ${expectedRestarts} are for restarts: an attempt that fails is the last`,
      "Raise the entity's maxDeliveryCount.",
    );
  if (attempts > 1 && (attempts - 1) * (retryMaxMilliseconds / 1_000) > maxProcessingSeconds)
    yield warn(
      "pipeline",
      `the waits between ${attempts} attempts may take longer than maxProcessingSeconds, ${maxProcessingSeconds}`,
      "Lower delivery.retryMaxMilliseconds or attempts.",
    );
  const jobSeconds = sink.gluster?.job.timeoutSeconds;
  if (jobSeconds !== undefined && jobSeconds > shutdownGraceSeconds)
    yield warn(
      "pipeline",
      `a job may run for ${jobSeconds} s and a roll-out waits for ${shutdownGraceSeconds} s: long ones are begun again, at ` +
        "the cost of a delivery",
      "Raise delivery.shutdownGraceSeconds where jobs are long.",
    );
  if (audit === undefined)
    yield warn("pipeline", "no audit log is kept", "Set audit where effects must be proven later.");
}

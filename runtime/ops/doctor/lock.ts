import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { errorText } from "../../bus/errors.js";
import type { Pipeline } from "../../contract/index.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** How long the slowest hundredth of the messages takes, at least, and who says so. */
export interface SlowPercentile {
  seconds: number;
  /** `delivery.slowSeconds`, or `measured over 1200 messages`. */
  source: string;
}

/** The histogram that every worker has of its messages. */
const METRIC = "stowage_processing_seconds";
/** Below so many messages a measured percentile says nothing: 99 % of 100 leave one. */
const LEAST_MESSAGES = 100;
const LIMIT_MILLISECONDS = 5_000;
/** A page of metrics is some tens of kilobytes. */
const MOST_BYTES = 4 * 1_024 * 1_024;

/** The lock's duration against how long messages take. @param lockSeconds the entity's own, where it could be seen */
export function lockFinding(pipeline: Pipeline, lockSeconds: number, slow: SlowPercentile | undefined): Finding {
  const { maxProcessingSeconds } = pipeline.delivery;
  if (slow === undefined)
    return warn(
      "lock",
      `the lock is ${lockSeconds} s; how long messages take is not known`,
      "Give --metrics http://POD:8080/metrics of a worker that runs, or state delivery.slowSeconds.",
    );
  const detail = `the 99th percentile is ${slow.seconds} s (${slow.source}), the lock ${lockSeconds} s`;
  if (slow.seconds > maxProcessingSeconds)
    return fail(
      "lock",
      `${detail}, and delivery.maxProcessingSeconds ${maxProcessingSeconds} s: slow messages are given up and come again`,
      "Raise delivery.maxProcessingSeconds, or make the work shorter.",
    );
  if (slow.seconds > lockSeconds)
    return warn(
      "lock",
      `${detail}: slow messages live on renewals, each of which may fail`,
      "Make the entity's lock longer, up to 300 s, or the work shorter.",
    );
  return ok("lock", detail);
}

/** The percentile that a running worker has measured; undefined where it has seen too little. */
export async function measuredSlow(url: URL): Promise<SlowPercentile | undefined> {
  return slowOf(await textOf(url));
}

/** The upper bound of the bucket that the 99th percentile lies in. */
export function slowOf(text: string): SlowPercentile | undefined {
  const buckets: { upTo: number; count: number }[] = [];
  for (const line of text.split("\n")) {
    const [, labels = "", count] = new RegExp(`^${METRIC}_bucket\\{(.*)\\} (\\S+)`).exec(line) ?? [];
    const [, bound] = /(?:^|,)le="([^"]+)"/.exec(labels) ?? [];
    if (bound !== undefined)
      buckets.push({ upTo: Number(bound === "+Inf" ? "Infinity" : bound), count: Number(count) });
  }
  const byBound = new Map<number, number>();
  for (const { upTo, count } of buckets) byBound.set(upTo, (byBound.get(upTo) ?? 0) + count);
  const sorted = [...byBound].sort(([a], [b]) => a - b);
  const all = sorted.at(-1)?.[1] ?? 0;
  if (all < LEAST_MESSAGES) return undefined;
  const [upTo = 0] = sorted.find(([, count]) => count >= all * 0.99) ?? [];
  const last = sorted.at(-2)?.[0] ?? 0;
  const seconds = Number.isFinite(upTo) ? upTo : last;
  return { seconds, source: `${Number.isFinite(upTo) ? "at most, " : "more, "}measured over ${all} messages` };
}

function textOf(url: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const get = url.protocol === "https:" ? getHttps : getHttp;
    const asking = get(url, { timeout: LIMIT_MILLISECONDS }, (answer) => {
      if (answer.statusCode !== 200) {
        answer.resume();
        reject(new Error(`it answers ${answer.statusCode}`));
        return;
      }
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (text.length > MOST_BYTES) asking.destroy(new Error("it answers more than a page of metrics"));
      });
      answer.on("end", () => resolve(text)).on("error", reject);
    });
    asking.on("timeout", () => asking.destroy(new Error(`no answer within ${LIMIT_MILLISECONDS / 1_000} s`)));
    asking.on("error", reject);
  });
}

/** Why metrics could not be read, as a finding. */
export function unreadMetrics(url: URL, error: unknown): Finding {
  return warn(
    "metrics",
    `${url} cannot be read: ${errorText(error)}`,
    "Give the address of a worker that runs, /metrics included.",
  );
}

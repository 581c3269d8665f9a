import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entityPath, type Pipeline } from "../../runtime/contract/index.js";
import { LocalEnvironment } from "../../stacks/local/environment.js";
import { readResults } from "../../stacks/local/gluster/index.js";
import { type PipelineResult, reportKey, runTraffic } from "../../stacks/local/session.js";
import type { PipelineCounts } from "../../stacks/local/traffic/progress.js";
import { ringClient } from "../../stacks/local/traffic/stored.js";

/** The full form kills in the middle of 1,000 messages. */
const MESSAGES = process.env["STOWAGE_LONG"] === undefined ? 200 : 1_000;
const RUN = "kill";

let environment: LocalEnvironment;
let pipelines: Pipeline[];
const never = new AbortController().signal;

beforeAll(async () => {
  environment = await LocalEnvironment.start({ small: true, signal: never, progress: () => {}, step: () => {} });
  ({ pipelines } = await environment.up(never));
}, 240_000);
afterAll(() => environment?.down(never), 120_000);

/** The worker pods of a pipeline that run now. */
function workers(pipeline: string) {
  return environment.pods.pods().filter((pod) => pod.owner.startsWith("Deployment") && pod.name.includes(pipeline));
}

/** What each store holds by message: for what is stored, something that would change if it were computed again. */
async function stored(of: Pipeline[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const { stores } = environment;
  for (const { name, sink } of of) {
    if (sink.gluster !== undefined)
      for (const { manifest } of (await readResults(stores.volumeFolder(sink.gluster.volume), sink.gluster.directory))
        .verified)
        found.set(`${name} ${manifest.messageId}`, JSON.stringify(manifest));
    if (sink.linstor !== undefined) {
      const answer = await fetch(`${stores.linstorUrl}/v1/resource-definitions`);
      for (const { name: volume, uuid } of (await answer.json()) as { name: string; uuid: string }[])
        found.set(`${name} ${volume}`, uuid);
    }
    if (sink.cassandra !== undefined && stores.cassandra !== undefined) {
      const client = ringClient(stores.cassandra);
      const { keyspace, name: table } = sink.cassandra.table;
      const rows = await client.execute(`SELECT id, celsius, WRITETIME(celsius) AS written FROM ${keyspace}.${table}`);
      for (const row of rows.rows) found.set(`${name} ${row["id"]}`, `${row["celsius"]} ${row["written"]}`);
      await client.shutdown();
    }
  }
  return found;
}

/** Kills every worker of a pipeline once, as soon as a quarter of its messages is done. */
class Killer {
  /** How many messages were done when a pipeline's workers were killed. */
  readonly killedAt = new Map<string, number>();
  /** What of each pipeline was stored when its workers were killed. */
  readonly before = new Map<string, Promise<Map<string, string>>>();

  look(counts: PipelineCounts[]): void {
    for (const { pipeline, completed } of counts) {
      if (this.killedAt.has(pipeline) || completed < MESSAGES / 4) continue;
      this.before.set(pipeline, stored(pipelines.filter(({ name }) => name === pipeline)));
      this.killedAt.set(pipeline, completed);
      for (const pod of workers(pipeline)) environment.pods.kill(`${pod.namespace}/${pod.name}`, "SIGKILL");
    }
  }
}

describe("a worker that is killed with SIGKILL in the middle of its messages", () => {
  let results: { [pipeline: string]: PipelineResult };
  const completed = new Set<string>();
  const killer = new Killer();

  beforeAll(async () => {
    environment.broker.on("settled", ({ entity, messageId, outcome }) => {
      if (outcome === "completed") completed.add(`${entity} ${messageId}`);
    });
    const plan = { run: RUN, messages: MESSAGES, poison: 2 };
    results = await runTraffic(environment, pipelines, plan, never, (counts) => killer.look(counts));
  }, 300_000);

  it("was killed in the middle, in each pipeline, and came up again", () => {
    expect([...killer.killedAt.keys()].sort()).toEqual(["renders", "telemetry", "volumes"]);
    for (const [pipeline, done] of killer.killedAt) {
      expect(done, pipeline).toBeLessThan(MESSAGES);
      expect(
        workers(pipeline).reduce((sum, pod) => sum + pod.restarts, 0),
        pipeline,
      ).toBeGreaterThanOrEqual(1);
    }
  });

  it("loses no message and stores each once, in each pipeline", () => {
    for (const pipeline of pipelines) {
      const { name, source } = pipeline;
      expect(results[reportKey(pipeline, pipelines)], name).toMatchObject({
        stored: MESSAGES,
        deadLettered: 2,
        sent: MESSAGES + 2,
      });
      const mine = [...completed].filter((key) => key.startsWith(`${entityPath(source)} ${RUN}-`));
      expect(mine, name).toHaveLength(MESSAGES);
    }
  });

  it("computes no result again that was stored, in each pipeline", async () => {
    for (const pipeline of pipelines) {
      const before = (await killer.before.get(pipeline.name)) ?? new Map<string, string>();
      const after = await stored([pipeline]);
      expect(before.size, pipeline.name).toBeGreaterThan(0);
      expect([...before].filter(([key, value]) => after.get(key) !== value)).toEqual([]);
    }
  });
});

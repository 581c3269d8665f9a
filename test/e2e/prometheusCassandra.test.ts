import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alertsSpec, type MonitoredPipeline, panelRows } from "../../components/worker/monitoring/index.js";
import { CONTRACT_VERSION, type Connection, ExitCode } from "../../runtime/contract/index.js";
import { WORKER_BUNDLE } from "../../stacks/local/bundle.js";
import { runCommand } from "../../stacks/local/engine/command.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { PrometheusServer, prometheusPrograms } from "../support/prometheus.js";
import { seriesIn } from "../unit/dashboards/expressions.js";
import { pipelineOf, readings, startTestRing, type TestRing } from "./cassandraHarness.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit } from "./workerProcess.js";

const QUEUE = "renders";
const HOUR_MS = 3_600_000;
/** Of 1,500 rows two thirds go to one device: from 1,000 on the share is measured. */
const [ROWS, HOT_OF_THREE] = [1_500, 2];
/** A ring that is not overloaded rightly has no such series. */
const RIGHTLY_EMPTY = /^stowage_retries_total\{.*code="StoreOverloaded"/;
/** What Grafana puts in for its variables: every pod, and a stretch with enough readings. */
const grafana = (expr: string) => expr.replaceAll("$pod", ".*").replaceAll("$__rate_interval", "120s");

const pipeline = pipelineOf(readings("monitored", { timeToLive: "1h" }), { dc1: 1 });
pipeline.source = { ...pipeline.source, queue: QUEUE, lockDurationSeconds: 5 };
const of: MonitoredPipeline = {
  namespace: "stowage",
  pipeline,
  intervalSeconds: 30,
  identity: false,
  mayBeEmpty: false,
};
const panels = panelRows(of).find(({ title }) => title === "Cassandra")?.panels ?? [];
const { groups } = alertsSpec(of, { namespace: "monitoring", alerts: { hotPartition: { forSeconds: 0 } } });
const RING_ALERTS = ["StowageStoreOverloaded", "StowageHotPartition", "StowageEventsOutOfTime"];

/** A reading of now, or of another time: ahead of the clock, or over before it is written. */
function message(n: number, shiftMs = 0) {
  const device = n % 3 < HOT_OF_THREE ? "device-hot" : `device-${n}`;
  const time = new Date(Date.now() + shiftMs).toISOString();
  const body = { device, day: "2026-01-31", seq: n, time, reading: { celsius: n / 10 } };
  return { messageId: `m-${n}`, body: Buffer.from(JSON.stringify(body)), partitionKey: `${device}|${body.day}` };
}

describe("the panels and alerts of a pipeline to Cassandra, over a real Prometheus, worker and ring", () => {
  const bus = new BusKit();
  const kit = new ProcessKit();
  let ring: TestRing | undefined;
  let server: PrometheusServer | undefined;
  let missing = "";

  beforeAll(async () => {
    const programs = await prometheusPrograms();
    if ("missing" in programs) {
      missing = programs.missing;
      return;
    }
    const [started] = await Promise.all([
      startTestRing({ name: "Monitored", datacenter: "dc1", size: 1, racks: ["r1"], numTokens: 4 }),
      bus.open(),
      kit.open(),
      buildBundle(),
    ]);
    ring = started;
    const { contactPoints, port, datacenter } = started.ring;
    const connection: Connection = {
      contractVersion: CONTRACT_VERSION,
      serviceBus: bus.connection.serviceBus,
      cassandra: { contactPoints, port, localDatacenter: datacenter },
    };
    await applied(connection);
    const worker = kit.start(pipeline, connection);
    await until("the worker is ready", async () => (await worker.ask("/readyz")).status === 200, 60);
    const address = String(worker.line("listening")?.["address"]);
    server = await PrometheusServer.start(
      programs,
      [{ address, labels: { namespace: "stowage", pod: "readings-0" } }],
      {
        groups,
      },
    );
    const prometheus = server;
    const total = async (series: string) => (await prometheus.query(`sum(${series})`))[0]?.value ?? 0;
    // It begins to read some seconds after its start: what happened before would be no rate.
    await until("the worker is read", async () => (await total("up")) === 1, 30);
    const sender = bus.client.createSender(QUEUE);
    const all = Array.from({ length: ROWS }, (_, n) => message(n));
    for (let at = 0; at < all.length; at += 100) await sender.sendMessages(all.slice(at, at + 100));
    await sender.sendMessages([message(ROWS, HOUR_MS), message(ROWS + 1, -2 * HOUR_MS)]);
    await until("all is settled", async () => (await total("stowage_messages_total")) >= ROWS + 2, 60);
    await until(
      "rates have readings",
      // The youngest counter, of which two readings make the first rate.
      async () => (await prometheus.query("rate(stowage_cassandra_out_of_time_total[120s])")).length === 2,
      20,
    );
  }, 240_000);

  afterAll(async () => {
    await server?.stop();
    await kit.close();
    await bus.close();
    await ring?.end();
  }, 60_000);

  /** Makes the table as the schema job does. */
  async function applied(connection: Connection): Promise<void> {
    const files = { pipeline, connection };
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(kit.folder, `${name}.json`), JSON.stringify(content));
    const named = Object.keys(files).flatMap((name) => [`--${name}`, join(kit.folder, `${name}.json`)]);
    const command = [join(packageRoot(), WORKER_BUNDLE), "schema", "apply", ...named];
    const { code, stderr } = await runCommand(process.execPath, command, { cwd: kit.folder, env: {}, limitMs: 60_000 });
    expect(code, stderr).toBe(ExitCode.Ok);
  }

  it("each panel of the ring is executed and gives data", async ({ skip }) => {
    if (server === undefined) return skip(missing);
    expect(panels.length).toBeGreaterThan(3);
    for (const { title, queries } of panels)
      for (const { expr } of queries) {
        const found = await server.query(grafana(expr));
        expect(found, `${title}: ${expr}`).not.toEqual([]);
        for (const { value } of found) expect(value, `${title}: ${expr}`).not.toBeNaN();
      }
  });

  it("says what is so: full batches, the share of the hot partition, rows out of time by why", async ({ skip }) => {
    if (server === undefined) return skip(missing);
    const prometheus = server;
    const value = async (expr: string) => (await prometheus.query(expr))[0]?.value;
    expect(await value("sum(stowage_cassandra_batch_rows_sum)")).toBe(ROWS);
    expect(await value("stowage_cassandra_hot_partition_ratio")).toBeCloseTo(HOT_OF_THREE / 3, 1);
    expect(await value("stowage_cassandra_in_flight_limit")).toBeGreaterThanOrEqual(1);
    expect(await value('stowage_cassandra_out_of_time_total{why="ahead"}')).toBe(1);
    expect(await value('stowage_cassandra_out_of_time_total{why="expired"}')).toBe(1);
    expect(await value('stowage_dead_lettered_total{reason="EventTimeOutOfRange"}')).toBe(1);
  });

  it("each alert of the ring is judged, over series that are there; those that this run raises fire", async ({
    skip,
  }) => {
    if (server === undefined) return skip(missing);
    const prometheus = server;
    const rules = groups.flatMap((group) => group.rules).filter(({ alert }) => RING_ALERTS.includes(alert));
    expect(rules).toHaveLength(RING_ALERTS.length);
    for (const { alert, expr } of rules)
      for (const { text } of seriesIn(expr))
        expect((await prometheus.query(text)).length === 0, `${alert}: ${text}`).toBe(RIGHTLY_EMPTY.test(text));
    const firing = async () => {
      const alerts = await prometheus.alerts();
      expect(alerts.filter(({ health }) => health !== "ok")).toEqual([]);
      return alerts
        .filter(({ state, name }) => state === "firing" && RING_ALERTS.includes(name))
        .map(({ name }) => name);
    };
    await until("both fire", async () => (await firing()).length >= 2, 20);
    expect((await firing()).sort()).toEqual(["StowageEventsOutOfTime", "StowageHotPartition"]);
  });
});

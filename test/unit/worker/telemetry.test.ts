import { openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import {
  createLog,
  createMetrics,
  type Health,
  logLevel,
  type RunningServer,
  serve,
} from "../../../runtime/telemetry/index.js";

describe("the metrics", () => {
  test("are the ones in the README's table, with its labels, and no others", async () => {
    const readme = readFileSync(join(__dirname, "../../../runtime/README.md"), "utf8");
    const rows = [...readme.matchAll(/^\| `(stowage_\w+)`(?: \{([\w, ]+)\})? +\| (\w+) +\|/gm)];
    const documented = rows
      .map(([, name, labels = "", type]) => [name, labels.split(", ").join(), type].join(" "))
      .sort();
    const metrics = createMetrics({ pipeline: "renders", sink: "gluster" });
    // What is absent until it is first asked for is asked for.
    for (const name of Object.keys(metrics)) expect(Reflect.get(metrics, name)).toBeDefined();
    const made = metrics.registry.getMetricsAsArray().filter((metric) => metric.name.startsWith("stowage_"));
    const real = made.map((metric) => [metric.name, labelsOf(metric).join(), String(metric.type)].join(" ")).sort();
    expect(documented).toEqual(real);
  });

  test("of the Cassandra sink show what it tells, its state as it is when it is read, and are absent elsewhere", async () => {
    const metrics = createMetrics({ pipeline: "readings", sink: "cassandra" });
    expect(await metrics.registry.metrics()).not.toContain("stowage_cassandra_");
    const state = { inFlight: 0, limit: 8, hottestShare: 0 };
    metrics.cassandra.watch(state);
    Object.assign(state, { inFlight: 3, limit: 4, hottestShare: 0.25 });
    metrics.cassandra.sent(7, 2_000);
    metrics.cassandra.outOfTime("too_old");
    const lines = (await metrics.registry.metrics()).split("\n");
    const reading = (name: string, label = "") =>
      lines
        .find((line) => line.startsWith(`${name}{`) && line.includes(label))
        ?.split(" ")
        .at(-1);
    expect({
      inFlight: reading("stowage_cassandra_in_flight_batches"),
      limit: reading("stowage_cassandra_in_flight_limit"),
      share: reading("stowage_cassandra_hot_partition_ratio"),
      rows: reading("stowage_cassandra_batch_rows_sum"),
      smallRows: reading("stowage_cassandra_batch_rows_bucket", 'le="5"'),
      bytes: reading("stowage_cassandra_batch_bytes_sum"),
      tooOld: reading("stowage_cassandra_out_of_time_total", 'why="too_old"'),
    }).toEqual({ inFlight: "3", limit: "4", share: "0.25", rows: "7", smallRows: "0", bytes: "2000", tooOld: "1" });
  });

  test("carry pipeline and sink on every line", async () => {
    const { registry, messages } = createMetrics({ pipeline: "renders", sink: "gluster" });
    messages.inc({ outcome: "done" });
    const lines = (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) expect(line).toMatch(/pipeline="renders",sink="gluster"/);
    expect(lines).toContainEqual(expect.stringMatching(/^stowage_messages_total\{.*outcome="done".*\} 1$/));
  });
});

/** prom-client keeps the names of a metric's labels, and does not show them in its types. */
function labelsOf(metric: object): string[] {
  return "labelNames" in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];
}

describe("the server", () => {
  let server: RunningServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  async function started(health: { live?: Health; ready?: () => Promise<Health> } = {}) {
    server = await serve(
      { host: "127.0.0.1", port: 0 },
      {
        live: () => health.live ?? { ok: true, reason: "live" },
        ready: health.ready ?? (async () => ({ ok: true, reason: "ready" })),
        metrics: async () => ({ contentType: "text/plain; version=0.0.4", text: "a 1\n" }),
      },
    );
    const { host, port } = server.address;
    return (path: string, method = "GET") => fetch(`http://${host}:${port}${path}`, { method });
  }

  test("tells health by status, and why in words", async () => {
    const ask = await started({ live: { ok: false, reason: "no progress" } });
    const live = await ask("/livez");
    expect([live.status, await live.text()]).toEqual([503, "no progress\n"]);
    expect((await ask("/readyz")).status).toBe(200);
  });

  test("asks store and bus at most once a second, and once at a time, however often it is asked", async () => {
    let asked = 0;
    const ask = await started({
      ready: async () => {
        asked++;
        return { ok: true, reason: "ready" };
      },
    });
    await Promise.all(Array.from({ length: 20 }, () => ask("/readyz")));
    expect(asked).toBe(1);
  });

  test("is not ready where the question itself fails", async () => {
    const ask = await started({ ready: () => Promise.reject(new Error("boom")) });
    const ready = await ask("/readyz");
    expect([ready.status, await ready.text()]).toEqual([503, "boom\n"]);
  });

  test("serves the metrics in Prometheus's format, and nothing else", async () => {
    const ask = await started();
    const metrics = await ask("/metrics");
    expect([metrics.headers.get("content-type"), await metrics.text()]).toEqual(["text/plain; version=0.0.4", "a 1\n"]);
    expect((await ask("/other")).status).toBe(404);
    expect((await ask("/metrics", "POST")).status).toBe(405);
  });

  test("rejects where the address is taken", async () => {
    await started();
    const port = server?.address.port ?? 0;
    const sources = { live: () => ({ ok: true, reason: "" }), ready: async () => ({ ok: true, reason: "" }) };
    await expect(
      serve({ host: "127.0.0.1", port }, { ...sources, metrics: async () => ({ contentType: "", text: "" }) }),
    ).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("the log", () => {
  test("writes JSON lines with the level's name, and what is buffered when it is flushed", () => {
    const path = join(tmpdir(), `stowage-log-${process.pid}`);
    const fd = openSync(path, "w");
    const log = createLog({ level: "info", base: { pipeline: "renders" }, fd });
    log.logger.debug("too quiet");
    log.logger.info({ messageId: "a" }, "done");
    log.flush();
    const lines = readFileSync(path, "utf8").trim().split("\n");
    rmSync(path);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "info", pipeline: "renders", messageId: "a", msg: "done" },
    ]);
  });

  test("takes its level from a name, info where there is none, and refuses one that names none", () => {
    expect([logLevel("debug"), logLevel(undefined), logLevel("")]).toEqual(["debug", "info", "info"]);
    expect(() => logLevel("loud")).toThrow(/STOWAGE_LOG_LEVEL: must be one of silent, fatal, error/);
  });
});

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Pipeline } from "../../runtime/contract/index.js";
import { WORKER_BUNDLE } from "../../stacks/local/bundle.js";
import { createVolumeFolder, readResults } from "../../stacks/local/gluster/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, RunningWorker } from "./workerProcess.js";

const EXAMPLES = join(packageRoot(), "examples");

describe("the examples, mounted beside the bundle alone", () => {
  let bus: BusKit;
  let folder: string;
  let worker: RunningWorker | undefined;

  beforeAll(buildBundle);
  beforeEach(async () => {
    bus = await new BusKit().open();
    folder = mkdtempSync(join(tmpdir(), "stowage-examples-"));
    mkdirSync(join(folder, "modules"));
    copyFileSync(join(packageRoot(), WORKER_BUNDLE), join(folder, "stowage-worker.cjs"));
  });
  afterEach(async () => {
    await worker?.kill();
    await bus.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function mounted(example: string, file: string): string {
    const path = join(folder, "modules", file);
    copyFileSync(join(EXAMPLES, example, file), path);
    return path;
  }

  function start(change: (pipeline: Pipeline) => void): RunningWorker {
    const pipeline = pipelineOf((p) => {
      p.source.lockDurationSeconds = 5;
      change(p);
    });
    const args = Object.entries({ pipeline, connection: bus.connection }).flatMap(([name, value]) => {
      const path = join(folder, `${name}.json`);
      writeFileSync(path, JSON.stringify(value));
      return [`--${name}`, path];
    });
    const program = join(folder, "stowage-worker.cjs");
    worker = new RunningWorker(["run", ...args, "--listen", "127.0.0.1:0"], { HOSTNAME: "pod-1" }, program);
    return worker;
  }

  test("own-sink: rows of SQLite, each once, over a restart as well", async () => {
    const path = mounted("own-sink", "sink.mjs");
    const file = join(folder, "rows.db");
    const begin = () => start((p) => Object.assign(p, { sink: { module: { path, options: { file } } } }));
    const rows = () => {
      const database = new DatabaseSync(file);
      try {
        return database.prepare("SELECT id, body, writer FROM messages ORDER BY id").all();
      } finally {
        database.close();
      }
    };
    const first = begin();
    await bus.send("m", [Buffer.from("one"), Buffer.from("two"), Buffer.from(" ")]);
    expect((await bus.deadLetters(1))[0]).toMatchObject({ messageId: "m-2", deadLetterReason: "InvalidBody" });
    await until("both are settled", () => bus.broker.counts("renders").active === 0);
    first.signal("SIGTERM");
    expect(await first.ended).toBe(0);
    const second = begin();
    await bus.send("m", [Buffer.from("one"), Buffer.from("another two")]);
    await until("the copy is settled", () => bus.broker.counts("renders").active === 0);
    await until("the other is dead", () => bus.broker.counts("renders").deadLetter === 2);
    expect(rows()).toEqual([
      { id: "m-0", body: "one", writer: "pod-1" },
      { id: "m-1", body: "two", writer: "pod-1" },
    ]);
    const metrics = (await second.ask("/metrics")).text;
    expect(metrics).toMatch(/stowage_messages_total\{.*outcome="duplicate".*\} 1\n/);
    expect(metrics).toMatch(/stowage_dead_lettered_total\{.*reason="MessageIdReused".*\} 1\n/);
    expect(metrics).toMatch(/stowage_store_call_seconds_count\{.*operation="write".*result="ok".*\} \d/);
  }, 40_000);

  test("own-job: an order becomes a file of CSV, and what is no order is refused", async () => {
    const module = mounted("own-job", "job.mjs");
    const volume = join(folder, "volume");
    await createVolumeFolder(volume, "results");
    start((p) => {
      const job = { module, timeoutSeconds: 5, maxOutputBytes: 10_000 };
      p.sink = { gluster: { volume: "results", mountPath: volume, directory: "orders", job } };
    });
    await bus.send("m", [{ items: [{ sku: 'a"1', count: 2 }] }, { nothing: true }, Buffer.from("{")]);
    const dead = await bus.deadLetters(2);
    expect(dead.map((m) => [m.messageId, m.deadLetterReason]).toSorted()).toEqual([
      ["m-1", "JobRefused"],
      ["m-2", "JobRefused"],
    ]);
    await until("it is stored", async () => (await readResults(volume, "orders")).verified.length === 1);
    const [{ manifest } = { manifest: undefined }] = (await readResults(volume, "orders")).verified;
    const result = manifest?.result ?? "";
    expect(readFileSync(join(volume, "orders", result.slice(0, 2), result), "utf8")).toBe('sku,count\n"a\\"1",2\n');
  });
});

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readResults } from "../../stacks/local/gluster/index.js";
import { processIdentity } from "../../stacks/local/run/process.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit } from "./workerProcess.js";

/** Does what its input says. */
const JOB = `read -r line; case "$line" in
  refuse*) echo "no such scene" >&2; exit 65;;
  large*) yes;;
  fail*) exit 3;;
  slow*) echo $$ > "$STOWAGE_LEDGER"; sleep 30;;
  *) echo "done: $line";;
esac`;

describe("the worker's process", () => {
  let bus: BusKit;
  let kit: ProcessKit;

  beforeAll(buildBundle);
  beforeEach(async () => {
    kit = await new ProcessKit().open();
    bus = new BusKit();
  });
  afterEach(async () => {
    await kit.close();
    await bus.close();
  });

  const jobStarted = (): boolean => existsSync(kit.ledger) && readFileSync(kit.ledger, "utf8").endsWith("\n");
  const jobRuns = (): boolean => processIdentity(Number(readFileSync(kit.ledger, "utf8"))) !== undefined;

  test("sends each kind of poison to the dead-letter queue with its reason, and stores the rest", async () => {
    await bus.open();
    const pipeline = kit.pipeline(JOB, (p) => {
      p.delivery.attempts = 2;
      p.delivery.retryBaseMilliseconds = 10;
    });
    const worker = kit.start(pipeline, bus.connection);
    const sender = bus.client.createSender("renders");
    const send = (messageId: string, text: string, more: object = {}) =>
      sender.sendMessages({ messageId, body: Buffer.from(`${text}\n`), ...more });
    await send("good", "one");
    await until("the good one is stored", () => kit.manifests().length === 1);
    await send("good", "one");
    await send("good", "another body");
    await send("refused", "refuse");
    await send("large", "large");
    await send("failing", "fail");
    await send("asking", "one", { replyTo: "elsewhere" });
    const dead = await bus.deadLetters(5);
    const reasons = Object.fromEntries(dead.map((m) => [m.messageId, m.deadLetterReason]));
    expect(reasons).toEqual({
      good: "MessageIdReused",
      refused: "JobRefused",
      large: "JobOutputTooLarge",
      failing: "AttemptsExhausted",
      asking: "ReplyNotAllowed",
    });
    const described = (id: string) => dead.find((m) => m.messageId === id)?.deadLetterErrorDescription;
    expect(described("refused")).toContain("no such scene");
    expect(described("failing")).toMatch(/Delivery 3 of 3.*exit status 3/s);
    expect((await readResults(kit.volume, "renders")).verified.map((v) => v.manifest.messageId)).toEqual(["good"]);
    const metrics = await worker.ask("/metrics");
    expect(metrics.text).toMatch(/stowage_messages_total\{.*outcome="duplicate".*\} 1\n/);
    expect(metrics.text).toMatch(/stowage_dead_lettered_total\{.*reason="JobRefused".*\} 1\n/);
    expect(JSON.stringify(worker.lines)).not.toContain("no such scene");
  });

  test("tells that it lives and is ready, and that it is not once its volume is gone", async () => {
    await bus.open();
    const worker = kit.start(kit.pipeline(JOB), bus.connection);
    await until("it is ready", async () => (await worker.ask("/readyz")).status === 200);
    expect((await worker.ask("/livez")).status).toBe(200);
    rmSync(join(kit.volume, ".stowage-volume"));
    await until("it is not ready", async () => (await worker.ask("/readyz")).status === 503);
    expect((await worker.ask("/readyz")).text).toContain(".stowage-volume");
    expect((await worker.ask("/livez")).status).toBe(200);
  });

  test("outlives its bus: it is not ready meanwhile, and goes on when the bus is back", async () => {
    await bus.open();
    const worker = kit.start(kit.pipeline(JOB), bus.connection);
    await until("it is ready", async () => (await worker.ask("/readyz")).status === 200);
    const port = bus.port;
    await bus.broker.close();
    await until("it is not ready", async () => (await worker.ask("/readyz")).status === 503);
    const again = new BusKit();
    try {
      await again.open({}, port);
      await again.send("m", [Buffer.from("one\n")]);
      await until("the message is stored", () => kit.manifests().length === 1, 40);
      await until("it is ready again", async () => (await worker.ask("/readyz")).status === 200);
    } finally {
      await again.close();
    }
  }, 60_000);

  test("ends its job, gives the message back and exits with 0 on SIGTERM", async () => {
    await bus.open();
    const pipeline = kit.pipeline(JOB, (p) => {
      p.delivery.shutdownGraceSeconds = 4;
    });
    const worker = kit.start(pipeline, bus.connection);
    await bus.send("m", [Buffer.from("slow\n")]);
    await until("the job has started", jobStarted);
    const began = Date.now();
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(0);
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(worker.line("given back")).toMatchObject({ messageId: "m-0" });
    expect(jobRuns()).toBe(false);
    expect(bus.broker.counts("renders")).toMatchObject({ active: 1, locked: 0 });
  });

  test("exits with 0 on a SIGTERM that comes before it has read what it is to do", async () => {
    await bus.open();
    // The system cannot be asked for this moment from outside: the process sends it to itself.
    const preload = join(kit.folder, "preload.cjs");
    writeFileSync(
      preload,
      `const fs = require("node:fs");
      const read = fs.readFileSync;
      fs.readFileSync = (path, ...more) => {
        if (String(path).includes("pipeline-")) process.kill(process.pid, "SIGTERM");
        return read(path, ...more);
      };`,
    );
    const worker = kit.start(kit.pipeline(JOB), bus.connection, { NODE_OPTIONS: `--require=${preload}` });
    expect(await worker.ended).toBe(0);
    expect(worker.line("stopping")).toMatchObject({ signal: "SIGTERM" });
    expect(worker.line("stopped")).toBeDefined();
  });

  test("ends at once on a second SIGTERM, with its jobs, and settles nothing more", async () => {
    await bus.open();
    const worker = kit.start(kit.pipeline(JOB), bus.connection);
    await bus.send("m", [Buffer.from("slow\n")]);
    await until("the job has started", jobStarted);
    worker.signal("SIGTERM");
    await until("it stops", () => worker.line("stopping") !== undefined);
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(1);
    await until("its job is gone", () => !jobRuns());
    expect(bus.broker.counts("renders").active).toBe(1);
  });

  test("exits with 2 and every problem by its path on wrong input", async () => {
    const worker = kit.start(
      { ...kit.pipeline(JOB), name: "Not A Label", replyQueues: "none" },
      { contractVersion: 1, serviceBus: { fullyQualifiedNamespace: "n.servicebus.windows.net" } },
    );
    expect(await worker.ended).toBe(2);
    for (const path of ["pipeline.name", "pipeline.replyQueues", "connection.serviceBus.clientId"])
      expect(worker.stderr).toContain(`- ${path}: `);
  });

  test.each<[string, (marker: string) => void, string]>([
    ["without its marker", (marker) => rmSync(marker), "VolumeNotMounted"],
    ["of another name", (marker) => writeFileSync(marker, '{"volume":"other"}'), "WrongVolume"],
  ])("exits with 3 on a volume %s, and writes nothing", async (_what, harm, code) => {
    await bus.open();
    harm(join(kit.volume, ".stowage-volume"));
    const worker = kit.start(kit.pipeline(JOB), bus.connection);
    expect(await worker.ended).toBe(3);
    expect(worker.line("the sink cannot start")).toMatchObject({ code });
    expect(readdirSync(kit.volume)).not.toContain("renders");
  });

  test("exits with 3 where its address is taken", async () => {
    await bus.open();
    const first = kit.start(kit.pipeline(JOB), bus.connection);
    await first.ask("/livez");
    const second = kit.startOn(kit.pipeline(JOB), bus.connection, String(first.line("listening")?.["address"]));
    expect(await second.ended).toBe(3);
  });
});

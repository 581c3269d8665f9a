import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { parseHead, verifyAudit } from "../../runtime/ops/audit/index.js";
import { type AuditRecord, isRecord, readRecord } from "../../runtime/telemetry/audit/record.js";
import { linesIn, recordsIn } from "../unit/audit/kit.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit, RunningWorker } from "./workerProcess.js";

const MESSAGES = 200;

describe("the audit of workers that are killed", () => {
  let bus: BusKit;
  let kit: ProcessKit;

  beforeAll(buildBundle);
  afterEach(async () => {
    await kit.close();
    await bus.close();
  });

  async function opened() {
    bus = await new BusKit().open({ maxDeliveryCount: 10 });
    kit = await new ProcessKit().open();
    await bus.send(
      "m",
      Array.from({ length: MESSAGES }, (_, i) => Buffer.from(`body ${i}`)),
    );
  }

  const headOf = (worker: RunningWorker): string => {
    const last = worker.lines.filter((line) => line["msg"] === "audit head").at(-1);
    return `${last?.["auditSequence"]}:${last?.["auditHead"]}`;
  };

  /** Every message: an intent before, `done` after, for what the volume holds. */
  function expectWhole(records: AuditRecord[]): void {
    const done = new Map<string, number>();
    for (const record of records)
      if (record.kind === "outcome" && record.result === "done" && record.duplicate === false) {
        expect(record.object).toMatch(/^renders\/[0-9a-f]{2}\/[0-9a-f]{64}\.[0-9a-f]+\.result$/);
        done.set(record.message, (done.get(record.message) ?? 0) + 1);
      }
    const told = new Set(records.flatMap((r) => (r.kind === "outcome" && r.result === "done" ? [r.message] : [])));
    expect(told.size).toBe(MESSAGES);
    expect([...done.values()].every((times) => times === 1)).toBe(true);
  }

  test("is one unbroken chain over kill -9 and restarts of one pod, and redelivery closes what was open", async () => {
    await opened();
    const directory = join(kit.folder, "audit");
    mkdirSync(directory);
    // One message's job is still at work when its worker is killed first.
    const hanging = `[ "$line" = "body 30" ] && [ ! -e "$STOWAGE_LEDGER" ] && : > "$STOWAGE_LEDGER" && sleep 9`;
    const pipeline = kit.pipeline(`read -r line; ${hanging}; echo "$line"`, (p) => {
      p.source.maxDeliveryCount = 10;
      p.delivery.concurrency = 8;
      p.audit = { destination: "file", directory, headEvery: 50, maxFileBytes: 1024 * 1024 };
    });
    const files = (): string[] => readdirSync(directory).map((name) => join(directory, name));
    const environment = { HOSTNAME: "pod-a" };
    let hung: number | undefined;
    for (const at of [60, 110]) {
      const worker = kit.start(pipeline, bus.connection, environment);
      await until(`${at} are stored`, () => existsSync(kit.ledger) && kit.manifests().length >= at, 60);
      await worker.kill();
      // What its log said when it was killed stands.
      const report = await verifyAudit({ files: files(), heads: [parseHead(headOf(worker))] });
      expect(report).toMatchObject({ verified: true, chains: [{ ended: false, worker: "pod-a" }] });
      hung ??= report.open.find(({ message }) => message === "m-30")?.sequence;
      expect(hung).toBeDefined();
    }
    const last = kit.start(pipeline, bus.connection, environment);
    await until("all are settled", () => bus.broker.counts("renders").active === 0, 60);
    last.signal("SIGTERM");
    expect(await last.ended).toBe(0);

    const report = await verifyAudit({ files: files(), heads: [parseHead(headOf(last))] });
    expect(report).toMatchObject({ verified: true, openTotal: 0, chains: [{ ended: true, unproven: 0 }] });
    expect([report.chains.length, files().length]).toEqual([1, 3]);
    const records = recordsIn(...files().sort());
    expectWhole(records);
    const closing = records.find((record) => record.kind === "outcome" && record.message === "m-30");
    expect(closing).toMatchObject({ closes: expect.arrayContaining([hung]), result: "done" });
    expect(linesIn(files()[0] ?? "").join()).not.toContain("body 0");
  }, 120_000);

  test("goes on in its next file where the system takes no more in one: nothing is lost, the chain holds", async () => {
    await opened();
    const directory = join(kit.folder, "audit");
    mkdirSync(directory);
    const pipeline = kit.pipeline("cat", (p) => {
      p.source.maxDeliveryCount = 10;
      p.delivery.concurrency = 8;
      p.audit = { destination: "file", directory, headEvery: 50, maxFileBytes: 1024 * 1024 };
    });
    const [pipelineFile, connectionFile] = ["pipeline", "connection"].map((name) => join(kit.folder, name));
    writeFileSync(pipelineFile ?? "", JSON.stringify(pipeline));
    writeFileSync(connectionFile ?? "", JSON.stringify(bus.connection));
    // A write beyond 64 KiB (128 blocks of 512 bytes) of a file takes a part, then fails with EFBIG.
    const worker = new RunningWorker(
      ["run", "--pipeline", pipelineFile ?? "", "--connection", connectionFile ?? "", "--listen", "127.0.0.1:0"],
      { HOSTNAME: "pod-a" },
      undefined,
      ["sh", "-c", 'ulimit -f 128; exec "$@"', "sh"],
    );
    try {
      await until("all are settled", () => bus.broker.counts("renders").active === 0, 60);
      worker.signal("SIGTERM");
      expect(await worker.ended).toBe(0);
    } finally {
      await worker.kill();
    }
    expect(worker.line("audit records cannot be written")?.["description"]).toMatch(/EFBIG/);
    const files = readdirSync(directory).map((name) => join(directory, name));
    expect(files.length).toBeGreaterThan(2);
    expect(files.every((file) => statSync(file).size <= 65_536)).toBe(true);
    const report = await verifyAudit({ files, heads: [parseHead(headOf(worker))] });
    expect(report).toMatchObject({ verified: true, openTotal: 0, notes: [], chains: [{ ended: true, unproven: 0 }] });
    expectWhole(files.sort().flatMap(linesIn).map(readRecord).filter(isRecord));
    expect([bus.broker.counts("renders").deadLetter, kit.manifests().length]).toEqual([0, MESSAGES]);
  }, 120_000);

  test("stands whole in the collected output of pods, each with a chain of its own", async () => {
    await opened();
    const pipeline = kit.pipeline("sleep 0.01; cat", (p) => {
      p.source.maxDeliveryCount = 10;
      p.delivery.concurrency = 8;
      p.audit = { destination: "stdout", headEvery: 50, maxFileBytes: 1024 * 1024 };
    });
    const first = kit.start(pipeline, bus.connection);
    await until("60 are stored", () => kit.manifests().length >= 60, 60);
    await first.kill();
    const last = kit.start(pipeline, bus.connection);
    await until("all are settled", () => bus.broker.counts("renders").active === 0, 60);
    last.signal("SIGTERM");
    expect(await last.ended).toBe(0);

    const outputs = [first, last].map((worker, i) => {
      const path = join(kit.folder, `output-${i}`);
      writeFileSync(path, worker.output);
      return path;
    });
    const heads = [first, last].map((worker) => parseHead(headOf(worker)));
    const report = await verifyAudit({ files: outputs, heads });
    expect(report).toMatchObject({ verified: true, openTotal: 0 });
    expect(report.chains.map(({ worker }) => worker).sort()).toEqual(["pod-1", "pod-2"]);
    expectWhole(outputs.flatMap(linesIn).map(readRecord).filter(isRecord));
  }, 120_000);
});

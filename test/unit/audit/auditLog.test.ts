import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { verifyAudit } from "../../../runtime/ops/audit/index.js";
import { CHECKPOINT_BYTES } from "../../../runtime/telemetry/audit/chainFiles.js";
import { type OpenRecord, RecordKind, recordSchema } from "../../../runtime/telemetry/audit/record.js";
import { StreamTarget } from "../../../runtime/telemetry/audit/streamTarget.js";
import { type AuditTarget, unavailable } from "../../../runtime/telemetry/audit/target.js";
import { LineWriter } from "../../../runtime/telemetry/lineWriter.js";
import { deferred, FakeClock, settled } from "../bus/fakes.js";
import { AuditKit, DONE, linesIn, messageOf, recordsIn, work } from "./kit.js";

describe("the audit log", () => {
  let kit: AuditKit;
  beforeEach(() => {
    kit = new AuditKit();
  });
  afterEach(() => kit.close());

  test("has an intent on record before the sink is called, and the outcome before anything is settled", async () => {
    const log = await kit.started();
    const message = messageOf("m-1", {
      sequenceNumber: "42",
      deliveryCount: 2,
      sessionId: "s",
      producer: "https://idp shop",
    });
    await log.intent([message], 3);
    expect(recordsIn(...kit.files).at(-1)).toMatchObject({
      kind: RecordKind.Intent,
      worker: "pod-1",
      identity: "client-1",
      pipeline: "renders",
      entity: "renders",
      message: "m-1",
      sequenceNumber: "42",
      delivery: 2,
      attempt: 3,
      session: "s",
      producer: "https://idp shop",
      body: message.bodySha256,
      operation: "store-result",
      trace: message.traceId,
    });
    await log.outcomes([message], [{ kind: "done", duplicate: true, object: "renders/ab/cd.result" }]);
    const last = recordsIn(...kit.files).at(-1);
    expect(last).toMatchObject({ kind: "outcome", intent: 2, result: "done", duplicate: true });
    expect(last).toMatchObject({ object: "renders/ab/cd.result" });
  });

  test("is documented: every member of every kind of record stands in the README", async () => {
    const readme = readFileSync(join(__dirname, "../../../runtime/telemetry/audit/README.md"), "utf8");
    const table = readme.slice(readme.indexOf("## A record"), readme.indexOf("## Order"));
    const documented = new Set([...table.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    const kinds = recordSchema.options.map(({ shape }) => Object.keys(shape));
    for (const member of kinds.flat()) expect(documented).toContain(member);
    expect(Object.values(RecordKind).every((kind) => documented.has(kind))).toBe(true);
  });

  test("holds no body, no description and no reply", async () => {
    const log = await kit.started();
    const message = messageOf("m-1", { body: Buffer.from("secret-body"), properties: { token: "secret-token" } });
    await log.intent([message], 1);
    const retry = { kind: "retry", code: "StoreTimeout", description: "secret-words" } as const;
    await log.outcomes([message], [retry]);
    await log.intent([message], 2);
    await log.outcomes([message], [{ kind: "poison", reason: "InvalidBody", description: "secret-words" }]);
    const text = kit.files.map((file) => readFileSync(file, "utf8")).join();
    expect(text).not.toContain("secret");
    expect(text).toContain('"result":"retry","code":"StoreTimeout"');
    expect(text).toContain('"result":"poison","code":"InvalidBody"');
  });

  test("takes any message id as it is", async () => {
    const log = await kit.started();
    const ids = ['"quoted"', "line\nfeed", "ключ", "\ud800 alone", "__proto__", "\u2028"];
    await work(log, ids);
    const intents = recordsIn(...kit.files).filter((record) => record.kind === "intent");
    expect(intents.map((record) => ("message" in record ? record.message : ""))).toEqual(ids);
    expect((await verifyAudit({ files: kit.files })).verified).toBe(true);
  });

  test("writes what comes at once in one write, and the chain keeps the order", async () => {
    const writes: number[] = [];
    const target = kit.fileTarget();
    const write = target.write.bind(target);
    target.write = (bytes) => {
      writes.push(bytes.toString().split("\n").length - 1);
      return write(bytes);
    };
    const log = await kit.started({ target });
    const messages = Array.from({ length: 50 }, (_, i) => messageOf(`m-${i}`));
    await Promise.all(messages.map((message) => log.intent([message], 1)));
    await log.outcomes(
      messages,
      messages.map(() => DONE),
    );
    expect(writes).toEqual([1, 50, 50]);
    expect((await verifyAudit({ files: kit.files })).verified).toBe(true);
  });

  test("exports its head every headEvery records, as a line and as a metric without its last value", async () => {
    const log = await kit.started({ headEvery: 10 });
    await work(
      log,
      Array.from({ length: 12 }, (_, i) => `m-${i}`),
    );
    const heads = kit.logged.filter((line) => line["msg"] === "audit head");
    expect(heads.map((line) => line["auditSequence"])).toEqual([1, 11, 21]);
    const records = recordsIn(...kit.files);
    expect(heads.map((line) => line["auditHead"])).toEqual([0, 10, 20].map((i) => records[i]?.hash));
    const gauge = await kit.metrics.auditHead.get();
    expect(gauge.values.map(({ labels, value }) => [labels, value])).toEqual([
      [{ sequence: "21", head: records[20]?.hash }, 1],
    ]);
    expect((await kit.metrics.auditRecords.get()).values[0]?.value).toBe(25);
  });

  test("goes on over rotation: each file begins with the hash of the one before, and says what is open", async () => {
    const log = await kit.started({ target: kit.fileTarget("pod-1", 20_000) });
    const open = messageOf("still open");
    await log.intent([open], 1);
    await work(
      log,
      Array.from({ length: 100 }, (_, i) => `m-${i}`),
    );
    await log.close();
    expect(kit.files.length).toBeGreaterThan(3);
    for (const file of kit.files.slice(1)) {
      const [first] = recordsIn(file);
      expect((first as OpenRecord).open[0]).toEqual([2, "still open"]);
    }
    const report = await verifyAudit({ files: kit.files.toReversed() });
    expect([report.verified, report.chains.length, report.records]).toEqual([true, 1, recordsIn(...kit.files).length]);
    expect(report.chains[0]?.ended).toBe(true);
  });

  test("goes on after a restart, and the redelivery closes what was open", async () => {
    const first = await kit.started();
    const message = messageOf("m-1");
    await first.intent([message], 1);
    await first.close();

    const second = await kit.started();
    expect(recordsIn(...kit.files).at(-1)).toMatchObject({ kind: "open", open: [[2, "m-1"]] });
    const again = messageOf("m-1", { deliveryCount: 2 });
    await second.intent([again], 1);
    await second.outcomes([again], [{ kind: "done", duplicate: true }]);
    await second.close();
    const outcome = recordsIn(...kit.files).find((record) => record.kind === "outcome");
    expect(outcome).toMatchObject({ intent: 5, closes: [2], duplicate: true });
    const report = await verifyAudit({ files: kit.files });
    expect([report.verified, report.chains.length, report.openTotal]).toEqual([true, 1, 0]);
  });

  test("tells of a torn last line and goes on from the last whole record", async () => {
    const first = await kit.started();
    await work(first, ["m-1", "m-2"]);
    await first.close();
    const [file = ""] = kit.files;
    const lines = linesIn(file);
    const torn = (lines.at(-1) ?? "").slice(0, 77);
    writeFileSync(file, `${lines.slice(0, -1).join("\n")}\n${torn}`);

    const second = await kit.started();
    await work(second, ["m-3"]);
    await second.close();
    const opened = recordsIn(kit.files[1] ?? "")[0] as OpenRecord;
    expect(opened.torn).toMatchObject([{ bytes: 77 }]);
    expect(opened.sequence).toBe(lines.length);
    const report = await verifyAudit({ files: kit.files });
    expect([report.verified, report.notes]).toEqual([true, []]);
  });

  test("reads only the end of a long file at a restart, and knows what is open all the same", async () => {
    const first = await kit.started({ target: kit.fileTarget("pod-1", 64 * 1024 * 1024) });
    await first.intent([messageOf("early")], 1);
    const many = Array.from({ length: 1_000 }, (_, i) => messageOf(`m-${i}`));
    for (let i = 0; i < 9; i++) {
      await first.intent(many, 1);
      await first.outcomes(
        many,
        many.map(() => DONE),
      );
    }
    await first.intent([messageOf("late")], 1);
    await first.close();
    expect(readFileSync(kit.files[0] ?? "").length).toBeGreaterThan(4 * CHECKPOINT_BYTES);
    const second = await kit.started();
    const last = recordsIn(kit.files[1] ?? "")[0] as OpenRecord;
    expect(last.open.map(([, message]) => message)).toEqual(["early", "late"]);
    await second.close();
    expect((await verifyAudit({ files: kit.files })).verified).toBe(true);
  });

  test("two logs of one name do not write one chain", async () => {
    const first = await kit.started();
    const second = await kit.started();
    await Promise.all([work(first, ["a", "b"]), work(second, ["c", "d"])]);
    await Promise.all([first.close(), second.close()]);
    expect(kit.files.map((file) => file.split("/").at(-1))).toEqual([
      "renders.pod-1.00000001.audit.jsonl",
      "renders.pod-1~2.00000001.audit.jsonl",
    ]);
    const report = await verifyAudit({ files: kit.files });
    expect([report.verified, report.chains.length]).toEqual([true, 2]);
  });

  test("a folder that is not there is refused: its volume is not mounted", async () => {
    rmSync(kit.directory, { recursive: true });
    await expect(kit.log().start()).rejects.toMatchObject({ code: "AuditUnavailable" });
    expect(existsSync(kit.directory)).toBe(false);
  });
});

describe("an audit that cannot be written", () => {
  let kit: AuditKit;
  beforeEach(() => {
    kit = new AuditKit();
  });
  afterEach(() => kit.close());

  /** A target whose writes fail while `full` holds, after some bytes as a full disk's do. */
  class FillingTarget {
    full = false;
    readonly target: AuditTarget;

    constructor(private readonly bytesBeforeFailure: number) {
      const target = kit.fileTarget();
      const write = target.write.bind(target);
      target.write = async (bytes) => {
        if (!this.full) return write(bytes);
        if (this.bytesBeforeFailure > 0) await write(bytes.subarray(0, this.bytesBeforeFailure));
        throw unavailable("the disk", new Error("ENOSPC"));
      };
      this.target = target;
    }
  }

  test.each([0, 100, 700])("lets nothing be done, and goes on once it can (%i bytes written)", async (bytes) => {
    const disk = new FillingTarget(bytes);
    const log = await kit.started({ target: disk.target });
    await work(log, ["before"]);
    disk.full = true;
    const message = messageOf("m-1");
    await expect(log.intent([message], 1)).rejects.toMatchObject({ code: "AuditUnavailable" });
    // At once: nothing is gathered for a disk that takes nothing.
    await expect(log.intent([messageOf("m-2")], 1)).rejects.toMatchObject({ code: "AuditUnavailable" });
    await expect(log.probe()).rejects.toMatchObject({ code: "AuditUnavailable" });
    await expect(log.probe()).rejects.toMatchObject({ code: "AuditUnavailable" });
    disk.full = false;
    await log.probe();
    await work(log, ["m-1", "m-2"]);
    await log.close();
    const report = await verifyAudit({ files: kit.files });
    expect([report.verified, report.chains.length, report.openTotal]).toEqual([true, 1, 0]);
    // Tries on the full disk leave no files behind that hold nothing.
    expect(kit.files.length).toBeLessThanOrEqual(bytes === 0 ? 2 : 4);
  });

  test("an outcome that cannot be written is told, and closed by the next attempt", async () => {
    const disk = new FillingTarget(0);
    const log = await kit.started({ target: disk.target });
    const message = messageOf("m-1");
    await log.intent([message], 1);
    disk.full = true;
    await expect(log.outcomes([message], [DONE])).rejects.toMatchObject({ code: "AuditUnavailable" });
    disk.full = false;
    await log.probe();
    await log.intent([message], 2);
    await log.outcomes([message], [{ kind: "done", duplicate: true }]);
    expect(recordsIn(...kit.files).at(-1)).toMatchObject({ closes: [2], duplicate: true });
  });

  test("a write that does not end is not waited for, and nothing is added behind it until it does", async () => {
    const clock = new FakeClock();
    const target = kit.fileTarget();
    const write = target.write.bind(target);
    let gate: Promise<void> = Promise.resolve();
    target.write = async (bytes) => {
      await gate;
      await write(bytes);
    };
    const log = await kit.started({ target, clock });
    const hang = deferred<void>();
    gate = hang.promise;
    const waiting = log.intent([messageOf("m-1")], 1);
    waiting.catch(() => undefined);
    await settled();
    await clock.advance(10_000);
    await expect(waiting).rejects.toThrow("takes longer than 10 s");
    await expect(log.intent([messageOf("m-2")], 1)).rejects.toMatchObject({ code: "AuditUnavailable" });
    await expect(log.probe()).rejects.toMatchObject({ code: "AuditUnavailable" });
    hang.resolve();
    await settled();
    gate = Promise.resolve();
    await expect
      .poll(() =>
        log
          .probe()
          .then(() => true)
          .catch(() => false),
      )
      .toBe(true);
    await work(log, ["m-1"]);
    expect(recordsIn(...kit.files).at(-1)).toMatchObject({ message: "m-1", closes: [2] });
  });

  test("a slow volume is written to from a thread, so that nothing else waits for it, and the chain holds", async () => {
    const target = kit.fileTarget();
    const log = await kit.started({ target });
    /** Whether a write has ended before anything but promises had its turn. */
    const atOnce = async (id: string): Promise<boolean> => {
      let ended = false;
      const written = other.write(Buffer.from(id)).then(() => {
        ended = true;
      });
      for (let i = 0; i < 20; i++) await Promise.resolve();
      const before = ended;
      await written;
      return before;
    };
    const other = kit.fileTarget("other");
    await other.open();
    expect(await atOnce("a")).toBe(true);
    let now = performance.now();
    const clock = vi.spyOn(performance, "now").mockImplementation(() => {
      now += 150;
      return now;
    });
    try {
      await work(log, ["slow"]);
      await atOnce("slow");
    } finally {
      clock.mockRestore();
    }
    const append = vi.spyOn(performance, "now").mockImplementation(() => now);
    try {
      await work(log, ["in a thread"]);
      expect(await atOnce("in a thread")).toBe(false);
      now += 3_001;
      await work(log, ["at once"]);
      expect(await atOnce("at once")).toBe(true);
    } finally {
      append.mockRestore();
    }
    await Promise.all([log.close(), other.close()]);
    const files = kit.files.filter((file) => file.includes("pod-1"));
    expect((await verifyAudit({ files })).verified).toBe(true);
  });

  test("a probe writes: it fails where the folder is gone", async () => {
    const log = await kit.started();
    await log.probe();
    expect(kit.files.length).toBe(1);
    rmSync(kit.directory, { recursive: true });
    await expect(log.probe()).rejects.toMatchObject({ code: "AuditUnavailable" });
  });

  test("nothing is written after its close", async () => {
    const log = await kit.started();
    await log.close();
    await expect(log.intent([messageOf("m-1")], 1)).rejects.toMatchObject({ code: "AuditUnavailable" });
    expect(recordsIn(...kit.files).at(-1)?.kind).toBe("close");
  });
});

describe("an audit on standard output", () => {
  let kit: AuditKit;
  beforeEach(() => {
    kit = new AuditKit();
  });
  afterEach(() => kit.close());

  test("stands between the log's lines, whole, however long they are", async () => {
    const path = join(kit.directory, "output");
    const fd = openSync(path, "a");
    const lines = LineWriter.of(fd);
    const target = new StreamTarget(
      (bytes) => lines.append(bytes),
      () => log.at,
    );
    const log = kit.log({ target });
    await log.start();
    const logLine = `${JSON.stringify({ level: "info", msg: "x".repeat(6_000) })}\n`;
    for (let i = 0; i < 20; i++) {
      lines.write(logLine);
      await work(log, [`m-${i}`]);
    }
    await log.close();
    lines.flushSync();
    closeSync(fd);
    expect(linesIn(path).filter((line) => line === logLine.trim()).length).toBe(20);
    const report = await verifyAudit({ files: [path] });
    expect([report.verified, report.records]).toEqual([true, 42]);
  });

  test("begins anew after a failed write, and says which chain it follows", async () => {
    let full = false;
    let text = "";
    const append = async (bytes: Buffer): Promise<void> => {
      if (full) throw new Error("EPIPE");
      text += bytes.toString();
    };
    const log = kit.log({ target: new StreamTarget(append, () => log.at) });
    await log.start();
    const message = messageOf("m-1");
    await log.intent([message], 1);
    const before = log.at;
    full = true;
    await expect(log.outcomes([message], [DONE])).rejects.toMatchObject({ code: "AuditUnavailable" });
    full = false;
    await log.probe();
    await log.outcomes([message], [DONE]);
    await log.close();
    const records = recordsIn(kit.write("output", text));
    expect(records.filter((record) => record.kind === "open").at(-1)).toMatchObject({ sequence: 1, after: before });
    const report = await verifyAudit({ files: [join(kit.directory, "output")] });
    expect([report.verified, report.chains.length, report.openTotal]).toEqual([true, 2, 0]);
  });
});

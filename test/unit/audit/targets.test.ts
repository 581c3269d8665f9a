import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { verifyAudit } from "../../../runtime/ops/audit/index.js";
import { StreamTarget } from "../../../runtime/telemetry/audit/streamTarget.js";
import { type AuditTarget, unavailable } from "../../../runtime/telemetry/audit/target.js";
import { LineWriter } from "../../../runtime/telemetry/lineWriter.js";
import { deferred, FakeClock, settled } from "../bus/fakes.js";
import { AuditKit, DONE, linesIn, messageOf, recordsIn, work } from "./kit.js";

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
    let now = performance.now();
    let step = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => {
      now += step;
      return now;
    });
    try {
      const log = await kit.started();
      const other = kit.fileTarget("other");
      await other.open();
      /** Whether a write has ended before anything but promises had its turn. */
      const atOnce = async (): Promise<boolean> => {
        let ended = false;
        const written = other.write(Buffer.from("x")).then(() => {
          ended = true;
        });
        for (let i = 0; i < 20; i++) await Promise.resolve();
        const before = ended;
        await written;
        return before;
      };
      expect(await atOnce()).toBe(true);
      step = 150;
      await work(log, ["slow"]);
      await atOnce();
      step = 0;
      await work(log, ["in a thread"]);
      expect(await atOnce()).toBe(false);
      now += 3_000;
      await work(log, ["at once"]);
      // A sync that held up a write, and is still on its way, keeps writes off this thread until it ends.
      await expect.poll(atOnce).toBe(true);
      await Promise.all([log.close(), other.close()]);
    } finally {
      clock.mockRestore();
    }
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

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyAudit } from "../../../runtime/ops/audit/index.js";
import { CHECKPOINT_BYTES } from "../../../runtime/telemetry/audit/chainFiles.js";
import { type OpenRecord, RecordKind, recordSchema } from "../../../runtime/telemetry/audit/record.js";
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

  test("writes what comes at once as one group before the turn ends, twice a turn, and the rest at its end", async () => {
    const log = await kit.started();
    await new Promise(setImmediate);
    let turnIsOver = false;
    setImmediate(() => {
      turnIsOver = true;
    });
    await Promise.all(["m-1", "m-2"].map((id) => log.intent([messageOf(id)], 1)));
    await log.outcomes([messageOf("m-1")], [DONE]);
    expect(turnIsOver).toBe(false);
    await Promise.all([log.outcomes([messageOf("m-2")], [DONE]), log.intent([messageOf("m-3")], 1)]);
    expect(turnIsOver).toBe(true);
    const ends = recordsIn(...kit.files).map(({ hash }) => hash !== undefined);
    expect(ends).toEqual([true, false, true, true, false, true]);
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
    for (let i = 0; i < 14; i++) {
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

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageKey, type Pipeline, sha256 } from "../../../runtime/contract/index.js";
import { type TraceEntry, traceMessage } from "../../../runtime/ops/trace/index.js";
import { readResults } from "../../../stacks/local/gluster/index.js";
import { pipelineOf } from "../bus/fakes.js";
import * as gluster from "../sinks-gluster/kit.js";
import * as linstor from "../sinks-linstor/setup.js";
import { AuditKit, DONE, linesIn, messageOf, work } from "./kit.js";

const { signal } = new AbortController();
const told = (entries: TraceEntry[]): string[] => entries.map(({ source, what }) => `${source}: ${what}`);

describe("the trace of a message", () => {
  let kit: AuditKit;
  beforeEach(() => {
    kit = new AuditKit();
  });
  afterEach(() => kit.close());

  test("is one list from the records of all workers, and of that message alone", async () => {
    const first = await kit.started({ worker: "pod-1" });
    await work(first, ["m-2", "m-10"]);
    await first.intent([messageOf("m-1", { producer: "https://idp shop" })], 1);
    await first.close();
    const second = await kit.started({ worker: "pod-2" });
    const again = messageOf("m-1", { deliveryCount: 2 });
    await second.intent([again], 1);
    await second.outcomes([again], [{ kind: "retry", code: "StoreTimeout", description: "" }]);
    await second.intent([again], 2);
    await second.outcomes([again], [DONE]);
    await second.close();
    const { entries, failures } = await traceMessage({ message: "m-1", files: kit.files.toReversed(), signal });
    expect(told(entries)).toEqual([
      "audit: intent: store-result, delivery 1 attempt 1 of number 1, as client-1, sent by https://idp shop",
      "audit: intent: store-result, delivery 2 attempt 1 of number 1, as client-1",
      "audit: retry (StoreTimeout)",
      "audit: intent: store-result, delivery 2 attempt 2 of number 1, as client-1",
      "audit: done -> renders/ab/cd.result",
    ]);
    expect([entries[0]?.where, entries[0]?.bodySha256]).toEqual([
      expect.stringMatching(/^pod-1 [0-9a-f]{16}#6$/),
      sha256("m-1"),
    ]);
    expect(failures).toEqual([]);
  });

  test("is found by id, by key and by the hash of the key", async () => {
    const log = await kit.started();
    await work(log, ["m-1"]);
    await log.close();
    const key = messageKey("renders", "m-1");
    for (const message of ["m-1", key, sha256(key)])
      expect((await traceMessage({ message, files: kit.files, signal })).entries.length).toBe(2);
    for (const message of ["m", messageKey("other", "m-1"), sha256("m-1")])
      expect((await traceMessage({ message, files: kit.files, signal })).entries).toEqual([]);
  });

  test("names a record of the message that was edited", async () => {
    const log = await kit.started();
    await work(log, ["m-1"]);
    await log.close();
    const [file = ""] = kit.files;
    writeFileSync(
      file,
      linesIn(file)
        .map((line) => `${line.replace('"duplicate":false', '"duplicate":true')}\n`)
        .join(""),
    );
    const { entries } = await traceMessage({ message: "m-1", files: [file], signal });
    expect(entries.at(-1)).toMatchObject({ where: `${file}:3`, what: expect.stringContaining("does not hold") });
  });

  test("names a record of the message in a group that was edited, and one of a group without its end", async () => {
    const log = await kit.started();
    await Promise.all(["m-1", "m-2"].map((id) => work(log, [id])));
    await log.close();
    const lines = linesIn(kit.files[0] ?? "");
    const file = kit.write("copy", lines.map((l) => `${l.replace('"message":"m-2"', '"message":"m-3"')}\n`).join(""));
    const { entries } = await traceMessage({ message: "m-1", files: [file], signal });
    const not = expect.stringContaining("does not hold");
    expect(entries).toMatchObject([
      { where: `${file}:2`, what: not },
      { where: `${file}:4`, what: not },
    ]);
    const cut = kit.write("cut", `${lines.slice(0, 4).join("\n")}\n`);
    const told = await traceMessage({ message: "m-1", files: [cut], signal });
    expect(told.entries.map(({ what }) => what)).toEqual([expect.stringMatching(/^intent/), not]);
  });

  test("has the decisions of the worker's log where its output was collected", async () => {
    const line = {
      ...{ level: "warn", time: "2026-01-31T00:00:00.000Z", worker: "pod-1", messageId: "m-1", delivery: 3 },
      ...{ reason: "JobRefused", description: "no such frame", msg: "dead-lettered" },
    };
    const file = kit.write("output", `${JSON.stringify(line)}\n${JSON.stringify({ ...line, messageId: "m-2" })}\n`);
    const { entries } = await traceMessage({ message: "m-1", files: [file], signal });
    expect(entries).toMatchObject([
      { source: "log", where: "pod-1", what: "dead-lettered, delivery 3 (JobRefused: no such frame)" },
    ]);
  });

  test("has the volume's manifest, checked against the result", async () => {
    const volume = join(kit.directory, "volume");
    const settings = gluster.settingsOf(volume, ["cat"]);
    const sink = await gluster.sinkOn(volume, settings, { worker: "pod-7" });
    const message = gluster.messageOf("m-1", "frame");
    const log = await kit.started();
    await log.intent([message], 1);
    const outcome = await gluster.outcomeOf(sink, message);
    if (outcome === undefined) throw new Error("no outcome");
    await log.outcomes([message], [outcome]);
    await log.close();
    const pipeline = pipelineOf((p) => {
      p.sink = { gluster: settings };
    });
    const trace = () => traceMessage({ message: "m-1", files: kit.files, pipeline, signal });
    const { entries, failures } = await trace();
    const [stored] = (await readResults(volume, "renders")).verified;
    const object = stored?.path.slice(volume.length + 1);
    expect([entries.map(({ source }) => source), failures]).toEqual([["audit", "volume", "audit"], []]);
    expect(entries[1]).toMatchObject({
      where: `results:${object}`,
      what: "stored by pod-7 in run 1, 5 bytes, as its manifest says",
      bodySha256: sha256("frame"),
      time: stored?.manifest.storedAt,
    });
    expect(entries[2]?.what).toBe(`done -> ${object}`);
    const byHash = { message: sha256(message.key), files: [], pipeline, signal };
    expect((await traceMessage(byHash)).entries.length).toBe(1);

    writeFileSync(stored?.path ?? "", "FRAME");
    expect(told((await trace()).entries)[1]).toContain("BROKEN: the result's content is not the one that was stored");
    rmSync(volume, { recursive: true });
    expect((await trace()).failures).toMatchObject([
      { source: "volume", reason: expect.stringContaining("not the root") },
    ]);
  });

  test("has LINSTOR's claim, the volume's history and what stands on the volume", async () => {
    const cluster = await linstor.startCluster({ nodes: 2, capacityKib: 1_048_576 });
    try {
      const sink = linstor.sinkOn(cluster);
      await sink.start(signal);
      await linstor.give(sink, linstor.commandMessage("c-1", { action: "create", volume: "vol1", sizeKib: 4096 }));
      await linstor.give(sink, linstor.commandMessage("c-2", { action: "snapshot", volume: "vol1", snapshot: "s1" }));
      await sink.stop();
      const pipeline: Pipeline = pipelineOf((p) => {
        p.source.queue = linstor.ENTITY;
        p.sink = { linstor: linstor.SETTINGS };
      });
      const serviceBus = { fullyQualifiedNamespace: "127.0.0.1:1" };
      const connection = { contractVersion: 1, serviceBus, linstor: { controllers: [cluster.url] } };
      const trace = (message: string) => traceMessage({ message, files: [], pipeline, connection, signal });
      const created = told((await trace("c-1")).entries);
      expect(created).toEqual([
        "linstor: the message id was claimed for volume vol1",
        expect.stringMatching(/^linstor: create done on n1, n2: Volume vol1 of 4096 KiB is ready/),
        expect.stringMatching(/^linstor: made by this message/),
      ]);
      expect(told((await trace("c-2")).entries)[1]).toMatch(/^linstor: snapshot done/);
      expect((await trace("c-3")).entries).toEqual([]);
      const nowhere = await traceMessage({ message: "c-1", files: [], pipeline, signal });
      expect(nowhere.failures).toMatchObject([{ source: "linstor", reason: expect.stringContaining("--connection") }]);
    } finally {
      await cluster.close();
    }
  });
});

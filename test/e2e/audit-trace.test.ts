import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { auditVerify } from "../../stacks/cli/audit.js";
import { trace } from "../../stacks/cli/trace.js";
import { BusKit, until } from "./workerKit.js";
import { buildBundle, ProcessKit } from "./workerProcess.js";

/** What a command prints on standard output, and its exit code. */
async function printed(run: () => Promise<number>): Promise<{ code: number; text: string }> {
  let text = "";
  const out = vi.spyOn(process.stdout, "write").mockImplementation((part) => {
    text += part.toString();
    return true;
  });
  const err = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    return { code: await run(), text };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

describe("stowage trace and stowage audit verify", () => {
  let bus: BusKit;
  let kit: ProcessKit;

  beforeAll(buildBundle);
  afterEach(async () => {
    await kit.close();
    await bus.close();
  });

  test("show a stored and a dead-lettered message's whole way, from worker, volume and bus", async () => {
    bus = await new BusKit().open();
    kit = await new ProcessKit().open();
    const directory = join(kit.folder, "audit");
    mkdirSync(directory);
    const job = `read -r line; [ "$line" = bad ] && exit 65; echo "$line"`;
    const pipeline = kit.pipeline(job, (p) => {
      p.audit = { destination: "file", directory, headEvery: 1, maxFileBytes: 1024 * 1024 };
    });
    await bus.send("good", [Buffer.from("frame")]);
    await bus.send("poison", [Buffer.from("bad")]);
    const worker = kit.start(pipeline, bus.connection);
    await until("both are settled", () => bus.broker.counts("renders").active === 0);
    const metrics = (await worker.ask("/metrics")).text;
    expect(metrics).toMatch(/stowage_audit_head_info\{sequence="5",head="[0-9a-f]{64}",/);
    expect(metrics).toMatch(/stowage_audit_records_total\{[^}]*\} 5/);
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(0);
    await bus.send("waiting", [Buffer.from("frame")]);

    const files = readdirSync(directory).map((name) => join(directory, name));
    const output = join(kit.folder, "output");
    writeFileSync(output, worker.output);
    const [pipelineFile, connectionFile] = [join(kit.folder, "pipeline-0.json"), join(kit.folder, "connection-0.json")];
    const options = { audit: [...files, output], pipeline: pipelineFile, connection: connectionFile };
    const of = async (message: string) => {
      const { code, text } = await printed(() => trace(message, { ...options, json: true }));
      const { entries, failures } = JSON.parse(text);
      return { code, failures, way: entries.map((e: { source: string; what: string }) => `${e.source}: ${e.what}`) };
    };

    expect(await of("good-0")).toEqual({
      code: 0,
      failures: [],
      way: [
        expect.stringMatching(/^audit: intent: store-result, delivery 1 attempt 1/),
        expect.stringMatching(/^volume: stored by pod-1 in run 1, 6 bytes, as its manifest says/),
        expect.stringMatching(/^audit: done -> renders\//),
        "log: done, delivery 1",
      ],
    });
    expect(await of("poison-0")).toEqual({
      code: 0,
      failures: [],
      way: [
        expect.stringMatching(/^bus: taken by the entity, number \d+$/),
        expect.stringMatching(/^audit: intent/),
        "audit: poison (JobRefused)",
        expect.stringMatching(/^log: dead-lettered, delivery 1 \(JobRefused: /),
        expect.stringMatching(/^bus: is there now, active, delivery count 0: JobRefused, The job "sh" refused/),
      ],
    });
    expect(await of("waiting-0")).toMatchObject({
      code: 0,
      way: [expect.stringMatching(/^bus: taken/), expect.stringMatching(/^bus: is there now, active/)],
    });
    expect(await of("nobody")).toEqual({ code: 1, failures: [], way: [] });
    await expect(trace("good-0", {})).rejects.toThrow("--audit: is missing, and so is --pipeline");

    const text = await printed(() => trace("good-0", options));
    expect(text.text.split("\n")[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z {2}audit {6}pod-1 [0-9a-f]{16}#\d+ {2}intent: /,
    );

    const last = worker.lines.filter((line) => line["msg"] === "audit head").at(-1);
    const head = [`${last?.["auditSequence"]}:${last?.["auditHead"]}`];
    const verified = await printed(() => auditVerify(files, { head }));
    expect([verified.code, verified.text]).toEqual([
      0,
      expect.stringContaining("verified: 6 records, all of them up to"),
    ]);
    const json = await printed(() => auditVerify(files, { head: [`${"0".repeat(64)}`], json: true }));
    expect([json.code, JSON.parse(json.text).verified]).toEqual([1, false]);
    await expect(auditVerify([join(directory, "none")], {})).rejects.toMatchObject({ code: "InvalidInput" });
  }, 60_000);

  test("a worker whose audit's folder is not there ends with 3 and says so", async () => {
    bus = await new BusKit().open();
    kit = await new ProcessKit().open();
    const directory = join(kit.folder, "not-mounted");
    const worker = kit.start(
      kit.pipeline("cat", (p) => {
        p.audit = { destination: "file", directory, headEvery: 1, maxFileBytes: 1024 * 1024 };
      }),
      bus.connection,
    );
    expect(await worker.ended).toBe(3);
    expect(worker.line("the audit cannot be opened")).toMatchObject({ code: "AuditUnavailable" });
  });
});

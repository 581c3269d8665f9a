import pino from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../runtime/bus/index.js";
import { AUDIT_DEFAULTS, type AuditSettings, CONTRACT_VERSION } from "../../../runtime/contract/index.js";
import { openAudit } from "../../../runtime/telemetry/audit/index.js";
import { readRecord } from "../../../runtime/telemetry/audit/record.js";
import { pipelineOf } from "../bus/fakes.js";
import { AuditKit, recordsIn, work } from "./kit.js";

const MIB = 1024 * 1024;
const serviceBus = { fullyQualifiedNamespace: "localhost", developmentEmulator: true };

describe("an option of the audit", () => {
  let kit: AuditKit;
  beforeEach(() => {
    kit = new AuditKit();
  });
  afterEach(() => kit.close());

  /** Works through messages with the audit that a pipeline opens; gives what it wrote to standard output. */
  async function audited(settings: Partial<AuditSettings>, ids: string[], name = "renders"): Promise<string> {
    const printed: Buffer[] = [];
    const audit: AuditSettings = { destination: "file", ...AUDIT_DEFAULTS, ...settings };
    const log = await openAudit({
      pipeline: pipelineOf((p) => Object.assign(p, { audit, name })),
      connection: { contractVersion: CONTRACT_VERSION, serviceBus },
      worker: "pod-1",
      metrics: kit.metrics,
      logger: pino({}, { write: (line: string) => void kit.logged.push(JSON.parse(line)) }),
      clock: systemClock,
      append: async (bytes) => void printed.push(Buffer.from(bytes)),
    });
    if (log === undefined) throw new Error("the pipeline has an audit");
    await work(log, ids);
    await log.close();
    return Buffer.concat(printed).toString();
  }

  test("destination and directory say where records go, and the pipeline's name stands in them", async () => {
    const printed = await audited({ destination: "stdout" }, ["m-1"], "frames");
    expect(kit.files).toEqual([]);
    const lines = printed.trimEnd().split("\n");
    expect(lines.map(readRecord)).toContainEqual(expect.objectContaining({ message: "m-1", pipeline: "frames" }));
    expect(await audited({ directory: kit.directory }, ["m-1"], "frames")).toBe("");
    expect(kit.files).toHaveLength(1);
    expect(recordsIn(...kit.files)).toContainEqual(expect.objectContaining({ message: "m-1", pipeline: "frames" }));
  });

  test("headEvery is after how many records the head is told", async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `m-${i}`);
    await audited({ directory: kit.directory, headEvery: 7 }, ids);
    const heads = kit.logged.filter((line) => line["msg"] === "audit head").map((line) => line["auditSequence"]);
    expect(heads.slice(0, 3)).toEqual([1, 8, 15]);
  });

  test("maxFileBytes is after how many bytes the next file begins", async () => {
    // Ids of 100,000 characters stand in intent and outcome: some 2.4 MB in all.
    const ids = Array.from({ length: 12 }, (_, i) => `m-${i}-${"x".repeat(100_000)}`);
    await audited({ directory: kit.directory, maxFileBytes: MIB }, ids);
    expect(kit.files.length).toBeGreaterThanOrEqual(2);
  });
});

import pino from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../runtime/bus/index.js";
import type { AuditSettings } from "../../../runtime/contract/index.js";
import { openAudit } from "../../../runtime/telemetry/audit/index.js";
import { pipelineOf } from "../bus/fakes.js";
import { AuditKit, recordsIn, work } from "./kit.js";

describe("the audit's settings", () => {
  let kit: AuditKit;
  let output: string;
  beforeEach(() => {
    kit = new AuditKit();
    output = "";
  });
  afterEach(() => kit.close());

  /** Twenty messages through an audit with these settings. */
  async function audited(settings: AuditSettings | undefined, clientId?: string): Promise<boolean> {
    const logger = pino({}, { write: (line: string) => void kit.logged.push(JSON.parse(line)) });
    const serviceBus = { fullyQualifiedNamespace: "bus", ...(clientId === undefined ? {} : { clientId }) };
    const log = await openAudit({
      pipeline: pipelineOf((p) => {
        if (settings !== undefined) p.audit = settings;
      }),
      connection: { contractVersion: 1, serviceBus },
      ...{ worker: "pod-1", metrics: kit.metrics, logger, clock: systemClock },
      append: async (lines) => {
        output += lines.toString();
      },
    });
    if (log === undefined) return false;
    await work(
      log,
      Array.from({ length: 20 }, (_, i) => `m-${i}`),
    );
    await log.close();
    return true;
  }

  const heads = (): number => kit.logged.filter((line) => line["msg"] === "audit head").length;

  test("none is kept where the pipeline asks for none", async () => {
    expect([await audited(undefined), kit.files, output]).toEqual([false, [], ""]);
  });

  test("destination and directory say where records go", async () => {
    await audited({ destination: "stdout", headEvery: 1_000, maxFileBytes: 1_000_000 });
    expect([kit.files.length, recordsIn(kit.write("output", output)).length]).toEqual([0, 42]);
    output = "";
    const settings = {
      destination: "file",
      directory: kit.directory,
      headEvery: 1_000,
      maxFileBytes: 1_000_000,
    } as const;
    await audited(settings, "client-7");
    expect([output, recordsIn(...kit.files).length]).toEqual(["", 42]);
    expect(recordsIn(...kit.files)[1]).toMatchObject({ identity: "client-7", operation: "store-result" });
  });

  test("headEvery says how often the head is exported, maxFileBytes when the next file begins", async () => {
    const settings = { destination: "file", directory: kit.directory } as const;
    await audited({ ...settings, headEvery: 1_000, maxFileBytes: 1_000_000 });
    expect([kit.files.length, heads()]).toEqual([1, 2]);
    await audited({ ...settings, headEvery: 10, maxFileBytes: 5_000 });
    expect(kit.files.length).toBeGreaterThan(4);
    expect(heads()).toBeGreaterThan(5);
  });
});

import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createLog, deliveryInfo, type Logger } from "../../../runtime/telemetry/index.js";

const folder = mkdtempSync(join(tmpdir(), "stowage-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, "log");
const log = createLog({ level: "info", base: { pipeline: 'a "b"', worker: "w" }, fd: openSync(path, "w") });
let seen = 0;
const FIELDS = {
  ...{ messageId: "m", sequenceNumber: "1", sessionId: undefined, traceId: "0".repeat(32) },
  ...{ delivery: 1, elapsedMs: 2 },
};

/** The lines that `write` makes. */
function linesOf(write: (logger: Logger) => void): { [field: string]: unknown }[] {
  write(log.logger);
  log.flush();
  const all = readFileSync(path, "utf8").split("\n").slice(0, -1);
  const lines = all.slice(seen).map((line) => JSON.parse(line));
  seen = all.length;
  return lines;
}

describe("a plain line of the log", () => {
  test("says what the logger's own line says, whatever its text", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", "\n", "é", "\u2028", ""));
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), fc.nat(), (messageId, sessionId, elapsedMs) => {
        const fields = { ...FIELDS, messageId, sessionId, elapsedMs };
        const [plain, own] = linesOf((logger) => {
          deliveryInfo(logger, fields, "done");
          logger.info(fields, "done");
        });
        expect(Object.keys(plain ?? {})).toEqual(Object.keys(own ?? {}));
        expect({ ...plain, time: "" }).toEqual({ ...own, time: "" });
        expect(Math.abs(Date.parse(String(plain?.["time"])) - Date.now())).toBeLessThan(60_000);
      }),
      { numRuns: 100 },
    );
  });

  test("is left out where the level is above it", () => {
    const lines = linesOf((logger) => {
      logger.level = "warn";
      deliveryInfo(logger, FIELDS, "done");
      logger.level = "info";
    });
    expect(lines).toEqual([]);
  });

  test("keeps its place among the logger's lines", () => {
    const lines = linesOf((logger) => {
      logger.warn("first");
      deliveryInfo(logger, FIELDS, "second");
      logger.info("third");
    });
    expect(lines.map((line) => line["msg"])).toEqual(["first", "second", "third"]);
  });
});

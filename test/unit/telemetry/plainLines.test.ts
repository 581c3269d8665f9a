import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createLog, type Log, type LogLevel, plainInfo } from "../../../runtime/telemetry/index.js";

const folder = mkdtempSync(join(tmpdir(), "stowage-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The lines that `write` makes on a log of its own. */
function linesOf(write: (log: Log) => void, level: LogLevel = "info"): { [field: string]: unknown }[] {
  const path = join(folder, "log");
  const fd = openSync(path, "w");
  const log = createLog({ level, base: { pipeline: 'a "b"', worker: "w" }, fd });
  write(log);
  log.flush();
  closeSync(fd);
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("a plain line of the log", () => {
  test("says what the logger's own line says, whatever its text", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", "\n", "é", "\u2028", ""));
    fc.assert(
      fc.property(text, text, fc.integer(), (messageId, message, elapsedMs) => {
        const fields = { messageId, sessionId: undefined, elapsedMs };
        const [plain, own] = linesOf((log) => {
          plainInfo(log.logger, fields, message);
          log.logger.info(fields, message);
        });
        expect(Object.keys(plain ?? {})).toEqual(Object.keys(own ?? {}));
        expect({ ...plain, time: "" }).toEqual({ ...own, time: "" });
        expect(Math.abs(Date.parse(String(plain?.["time"])) - Date.now())).toBeLessThan(60_000);
      }),
      { numRuns: 100 },
    );
  });

  test("is left out where the level is above it", () => {
    expect(linesOf(({ logger }) => plainInfo(logger, { messageId: "m" }, "done"), "warn")).toEqual([]);
  });

  test("keeps its place among the logger's lines", () => {
    const lines = linesOf(({ logger }) => {
      logger.warn("first");
      plainInfo(logger, {}, "second");
      logger.info("third");
    });
    expect(lines.map((line) => line["msg"])).toEqual(["first", "second", "third"]);
  });
});

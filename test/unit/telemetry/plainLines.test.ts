import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createLog, type Logger, plainInfo } from "../../../runtime/telemetry/index.js";

const folder = mkdtempSync(join(tmpdir(), "stowage-lines-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, "log");
const log = createLog({ level: "info", base: { pipeline: 'a "b"', worker: "w" }, fd: openSync(path, "w") });
let seen = 0;

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
      fc.property(text, text, fc.integer(), (messageId, message, elapsedMs) => {
        const fields = { messageId, sessionId: undefined, elapsedMs };
        const [plain, own] = linesOf((logger) => {
          plainInfo(logger, fields, message);
          logger.info(fields, message);
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
      plainInfo(logger, { messageId: "m" }, "done");
      logger.level = "info";
    });
    expect(lines).toEqual([]);
  });

  test("keeps its place among the logger's lines", () => {
    const lines = linesOf((logger) => {
      logger.warn("first");
      plainInfo(logger, {}, "second");
      logger.info("third");
    });
    expect(lines.map((line) => line["msg"])).toEqual(["first", "second", "third"]);
  });
});

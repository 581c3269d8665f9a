import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../runtime/contract/index.js";
import { readInput } from "../../../runtime/input.js";
import { pipelineOf } from "../bus/fakes.js";

const connection = {
  contractVersion: 1,
  serviceBus: { fullyQualifiedNamespace: "127.0.0.1:5672", developmentEmulator: true },
};

describe("the worker's input", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-input-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function files(pipelineText: string, connectionText = JSON.stringify(connection)) {
    const paths = { pipeline: join(folder, "pipeline.json"), connection: join(folder, "connection.json") };
    writeFileSync(paths.pipeline, pipelineText);
    writeFileSync(paths.connection, connectionText);
    return paths;
  }

  function problemsOf(pipelineText: string, connectionText?: string): string[] {
    try {
      readInput(files(pipelineText, connectionText));
    } catch (error) {
      if (error instanceof InvalidInputError) return error.problems.map((p) => `${p.path}: ${p.reason}`);
      throw error;
    }
    return [];
  }

  test("is taken where it is right", () => {
    const pipeline = pipelineOf();
    expect(readInput(files(JSON.stringify(pipeline)))).toEqual({ pipeline, connection });
  });

  test("is refused with every problem of both files at once, each by its path", () => {
    const pipeline = pipelineOf((p) => {
      p.delivery.concurrency = 0;
      p.source.lockDurationSeconds = 900;
    });
    const found = problemsOf(JSON.stringify(pipeline), JSON.stringify({ contractVersion: 1, serviceBus: {} }));
    expect(found).toEqual([
      expect.stringMatching(/^pipeline\.source\.lockDurationSeconds: .*5 to 300/),
      expect.stringMatching(/^pipeline\.delivery\.concurrency: .*1 to 2000/),
      expect.stringMatching(/^connection\.serviceBus\.fullyQualifiedNamespace: /),
    ]);
  });

  test("of another version is refused naming both versions, and nothing else is said of it", () => {
    const found = problemsOf(JSON.stringify({ ...pipelineOf(), contractVersion: 7, shape: "unknown" }));
    expect(found).toEqual(["pipeline.contractVersion: is 7; this worker knows version 1 only"]);
  });

  test("that is no JSON, or not there, is refused by its path", () => {
    expect(problemsOf("{")).toEqual([expect.stringMatching(/^pipeline: cannot be read as JSON/)]);
    expect(() => readInput({ pipeline: join(folder, "a"), connection: join(folder, "b") })).toThrow(/2 problems/);
  });

  test("without the connection of its sink's store is refused", () => {
    const pipeline = pipelineOf((p) => {
      p.source.sessions = true;
      const linstor = { resourceGroup: "rg", readyTimeoutSeconds: 60, pollMilliseconds: 100, maxSizeKib: 4096 };
      p.sink = { linstor };
    });
    expect(problemsOf(JSON.stringify(pipeline))).toEqual([expect.stringMatching(/^connection\.linstor: is missing/)]);
  });
});

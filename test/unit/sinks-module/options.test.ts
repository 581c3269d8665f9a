import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CONTRACT_VERSION } from "../../../runtime/contract/index.js";
import { createSink } from "../../../runtime/sinks/index.js";
import { sinkContext } from "../../support/sinkContext.js";
import { pipelineOf, sinkMessage } from "../bus/fakes.js";

const serviceBus = { fullyQualifiedNamespace: "localhost", developmentEmulator: true };
const connection = { contractVersion: CONTRACT_VERSION, serviceBus };

describe("a sink of one's own", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-own-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A module whose sink says of each message which module it is, and which shelf its options name. */
  function write(name: string): string {
    // In a node_modules the runner of tests leaves the import to Node, as it is in the worker.
    const modules = join(folder, "node_modules");
    mkdirSync(modules, { recursive: true });
    const path = join(modules, `${name}.mjs`);
    writeFileSync(
      path,
      `import { defineSink, done } from "stowage/runtime";
      export default defineSink({
        name: "shelf",
        options: (given) => given,
        start: ({ options }) => options,
        process: async (batch, _context, options) =>
          batch.map(() => done({ object: "${name} " + options?.shelf })),
      });`,
    );
    return path;
  }

  test("is the one under module.path, and gets module.options as they are", async () => {
    const [, second] = [write("first"), write("second")];
    const objectOf = async (path: string, options?: { [name: string]: string }) => {
      const module = { path, ...(options === undefined ? {} : { options }) };
      const pipeline = pipelineOf((p) => {
        p.sink = { module };
      });
      const sink = await createSink({ pipeline, connection, worker: "pod-1" });
      await sink.start(new AbortController().signal);
      return sink.process([sinkMessage()], sinkContext());
    };
    expect(await objectOf(second, { shelf: "7" })).toMatchObject([{ kind: "done", object: "second 7" }]);
  });
});

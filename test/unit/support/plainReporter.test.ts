import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const VITEST = resolve("node_modules/vitest/vitest.mjs");
const REPORTER = resolve("test/support/plainReporter.ts");

test("the last lines of a run name each failed test, each file that could not be loaded, and the counts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stowage-reporter-"));
  try {
    await writeFile(
      join(folder, "one.test.ts"),
      [
        'test("passes", () => {});',
        'test("is left out", { skip: true }, () => {});',
        'describe("a group", () => test("fails", () => { throw new Error("one line\\n  and another") }));',
      ].join("\n"),
    );
    await writeFile(join(folder, "two.test.ts"), 'throw new Error("cannot be loaded");');
    const args = ["run", "--root", folder, "--globals", "--reporter", REPORTER];
    const run = await promisify(execFile)(process.execPath, [VITEST, ...args]).then(
      () => expect.unreachable("the run ends well although a test fails"),
      (error: { stdout: string }) => error,
    );
    expect(run.stdout.trimEnd().split("\n").slice(-3)).toEqual([
      "failed: one.test.ts > a group > fails: one line and another (line 3)",
      "failed: two.test.ts: cannot be loaded (line 1)",
      "1 passed, 2 failed, 1 skipped",
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundleWorker, WORKER_BUNDLE, WORKER_NODE_OPTIONS } from "../../../stacks/local/bundle.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

describe("the worker's bundle", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "stowage-bundle-"));
    mkdirSync(join(root, "runtime"));
    writeFileSync(join(root, "package-lock.json"), "{}");
    mkdirSync(join(root, "stacks/local"), { recursive: true });
    writeFileSync(join(root, "stacks/local/bundle.ts"), "");
    writeFileSync(join(root, "runtime/main.ts"), 'import { word } from "./word.js";\nconsole.log(word);\n');
    writeFileSync(join(root, "runtime/word.ts"), 'export const word: string = "first";\n');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const says = (): string => execFileSync(process.execPath, [join(root, WORKER_BUNDLE)], { encoding: "utf8" }).trim();

  test("is one file that runs, and is not made again while nothing has changed", async () => {
    expect(await bundleWorker(root)).toBe(true);
    expect(says()).toBe("first");
    expect(await bundleWorker(root)).toBe(false);
  });

  test("is ASCII alone, and what was not means the same", async () => {
    const text = `// \u2019\nexport const word = "\u2018\u20ac" + /^[\u2018\u{1f600}]$/u.test("\u2018") + /\u{1f600}\u00b5/u.test("\u{1f600}\u00b5");\n`;
    writeFileSync(join(root, "runtime/word.ts"), text);
    await bundleWorker(root);
    expect(readFileSync(join(root, WORKER_BUNDLE), "utf8")).toMatch(/^[\0-\x7F]*$/);
    expect(says()).toBe("\u2018\u20actruetrue");
  });

  test.each<[string, () => void]>([
    ["a file that it is made of", () => writeFileSync(join(root, "runtime/word.ts"), 'export const word = "other";\n')],
    ["how it is made", () => writeFileSync(join(root, "stacks/local/bundle.ts"), "export {};\n")],
    ["the packages", () => writeFileSync(join(root, "package-lock.json"), '{"changed":true}')],
    ["the bundle itself, which is gone,", () => rmSync(join(root, WORKER_BUNDLE))],
    ["what it was made of, which nobody can read,", () => writeFileSync(join(root, "dist/worker/inputs.json"), "{")],
  ])("is made anew after a change of %s", async (_what, change) => {
    await bundleWorker(root);
    change();
    expect(await bundleWorker(root)).toBe(true);
  });

  test("is run by its image with the options that it is run with here", () => {
    const dockerfile = readFileSync(join(packageRoot(), "runtime/Dockerfile"), "utf8");
    const [, entrypoint = "[]"] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
    expect(JSON.parse(entrypoint)).toEqual(["node", ...WORKER_NODE_OPTIONS, "/opt/stowage/stowage-worker.cjs"]);
  });
});

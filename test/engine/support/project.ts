import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engine, findEngine } from "../../../stacks/local/engine/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

let found: Promise<Engine> | undefined;

/** The engine for tests: from PATH or the cache, else it is built, which takes 5 minutes once. */
export function testEngine(): Promise<Engine> {
  found ??= findEngine();
  return found;
}

/** A Pulumi project of its own in a temporary folder, with one environment `test`. */
export interface TestProject {
  /** Folder with Pulumi.yaml: what would be tracked. */
  dir: string;
  /** Folder for what a run writes. */
  runDir: string;
  /** Replaces the program: the body of an asynchronous function whose result is the stack's outputs. */
  program(body: string): void;
  remove(): void;
}

/** Makes a project; its program may require what this repository has installed. */
export function testProject(body = "", config: Record<string, string> = {}): TestProject {
  const root = mkdtempSync(join(tmpdir(), "stowage-engine-"));
  const [dir, runDir] = [join(root, "project"), join(root, "run")];
  for (const folder of [dir, runDir]) mkdirSync(folder);
  symlinkSync(join(packageRoot(), "node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "toy", private: true }));
  writeFileSync(join(dir, "Pulumi.yaml"), "name: toy\nruntime: nodejs\nmain: index.cjs\n");
  const lines = Object.entries(config).map(([key, value]) => `  ${key}: ${value}`);
  writeFileSync(join(dir, "Pulumi.test.yaml"), lines.length > 0 ? `config:\n${lines.join("\n")}\n` : "# no settings\n");
  const program = (text: string) =>
    writeFileSync(join(dir, "index.cjs"), `"use strict";\nmodule.exports = async () => {\n${text}\n};\n`);
  program(body);
  return { dir, runDir, program, remove: () => rmSync(root, { recursive: true, force: true }) };
}

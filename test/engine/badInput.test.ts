import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { previewEnvironment } from "../../stacks/local/preview.js";
import { packageRoot } from "../../stacks/packageRoot.js";

let project: string;
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "stowage-project-"));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

/** What the real engine says of the dev environment with one setting changed. */
async function previewWith(path: (string | number)[], value: unknown): Promise<string> {
  const main = join(packageRoot(), "dist", "stacks", "index.js");
  writeFileSync(join(project, "Pulumi.yaml"), `name: stowage\nruntime: nodejs\nmain: ${main}\n`);
  const config = parseDocument(readFileSync(join(packageRoot(), "Pulumi.local.yaml"), "utf8"));
  config.setIn(["config", ...path], value);
  writeFileSync(join(project, "Pulumi.dev.yaml"), config.toString());
  const signal = AbortSignal.timeout(60_000);
  return previewEnvironment({ environment: "dev", projectDir: project, json: true, signal, step: () => {} }).then(
    () => "accepted",
    (error: Error) => error.message,
  );
}

describe("bad input fails at preview, before anything is registered, with path, value, range and fix", () => {
  it.each<[string, (string | number)[], unknown, string[]]>([
    [
      "an unknown key in the stack's configuration",
      ["stowage:pipeline"],
      { renders: {} },
      ["stowage:pipeline: unknown key", "Did you mean pipelines?"],
    ],
    [
      "a queue name that Azure refuses",
      ["stowage:serviceBus", "queues", "-renders-"],
      { lockDurationSeconds: 60 },
      ["stowage:serviceBus.queues.-renders-", "letter or digit"],
    ],
    [
      "a lock longer than 5 minutes",
      ["stowage:serviceBus", "queues", "renders", "lockDurationSeconds"],
      301,
      ["stowage:serviceBus.queues.renders.lockDurationSeconds", "from 5 to 300 seconds", "(found 301)"],
    ],
    [
      "a replica count that does not divide the bricks",
      ["stowage:storage", "gluster", "volumes", "results"],
      { bricks: ["a", "b", "c", "a"], replicas: 3, brickSizeGb: 32 },
      ["stowage:storage.gluster.volumes.results.bricks", "multiple of replicas, 3"],
    ],
  ])(
    "%s",
    async (_, path, value, words) => {
      const said = await previewWith(path, value);
      for (const word of words) expect(said).toContain(word);
      expect(said).not.toMatch(/\n\s+at /);
    },
    90_000,
  );
});

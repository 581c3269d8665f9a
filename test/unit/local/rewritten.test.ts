import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Rewrite } from "../../../stacks/local/providers/kubernetes/index.js";
import { rewrittenLines } from "../../../stacks/local/rewritten.js";

const folder = mkdtempSync(join(tmpdir(), "stowage-rewritten-"));
const file = join(folder, "rewritten.txt");
afterAll(() => rmSync(folder, { recursive: true }));

const rewrites: Rewrite[] = ["a", "b"].flatMap((name) => [
  { pod: `stowage/${name}`, what: "image", from: "worker", to: "node worker.cjs" },
  { pod: `stowage/${name}`, what: "mount path", from: "/etc/stowage", to: `/run/${name}/0` },
  { pod: `stowage/${name}`, what: "mount path", from: "/var/run/stowage", to: `/run/${name}/1` },
  { pod: `stowage/${name}`, what: "port", from: "8080", to: name === "a" ? "22024" : "22025" },
]);

test("what was rewritten is said as its ports and the number of the rest, and stands whole in a file", () => {
  expect(rewrittenLines(rewrites, file)).toEqual([
    `rewritten for this machine: the ports below, 2 images and 4 mount paths; each by its pod: ${file}`,
    "rewritten in stowage/a: port 8080 -> 22024",
    "rewritten in stowage/b: port 8080 -> 22025",
  ]);
  const whole = readFileSync(file, "utf8");
  expect(whole.split("\n")).toHaveLength(rewrites.length + 1);
  expect(whole).toContain("rewritten in stowage/b: mount path /etc/stowage -> /run/b/0\n");
});

test("where nothing was, nothing is said", () => {
  expect(rewrittenLines([], join(folder, "none"))).toEqual([]);
});

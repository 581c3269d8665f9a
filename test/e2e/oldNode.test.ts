import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../stacks/packageRoot.js";

/** Runs the command under a Node that gives itself out as another version. */
function run(version: string): Promise<{ code: unknown; stderr: string; stdout: string }> {
  const bin = JSON.stringify(join(packageRoot(), "dist", "stacks", "cli", "bin.js"));
  const lie = `Object.defineProperty(process.versions, "node", { value: "${version}" })`;
  const script = `${lie}; process.argv.push("--version"); require(${bin});`;
  return new Promise((resolve) => {
    execFile(process.execPath, ["-e", script, "stowage"], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stderr, stdout }),
    );
  });
}

it.each(["20.20.2", "22.14.0"])(
  "on Node %s the command says in one sentence what it needs, exit 3",
  async (version) => {
    const { code, stderr } = await run(version);
    expect(stderr).toBe(`stowage needs Node 22.15 or newer; this is Node ${version}.\n`);
    expect(code).toBe(3);
  },
);

it("on Node 22.15 the command works", async () => {
  const { code, stdout } = await run("22.15.0");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writePluginShim } from "../../../stacks/local/providers/base/index.js";

it("the plug-in program prints the port, waits, and ends with the engine, even a killed one", async () => {
  const dir = mkdtempSync(join(tmpdir(), "stowage-shim-"));
  try {
    expect(writePluginShim(join(dir, "toys"), "toys", 4711)).toBe(join(dir, "toys"));
    const shim = spawn(join(dir, "toys", "pulumi-resource-toys"), ["127.0.0.1:1"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [printed] = (await once(shim.stdout, "data")) as [Buffer];
    expect(printed.toString()).toBe("4711\n");
    expect(shim.exitCode).toBeNull();
    // A killed engine's end of the pipe is closed by the system.
    shim.stdin.destroy();
    expect(await once(shim, "exit")).toEqual([0, null]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../../stacks/local/engine/command.js";
import { type AzureWorld, azureWorld } from "./support/azure.js";
import { testEngine } from "./support/project.js";

const PROGRAM = `
  const resources = require("@pulumi/azure-native/resources");
  new resources.ResourceGroup("group", { location: "westeurope" });`;

let world: AzureWorld;

beforeAll(async () => {
  world = await azureWorld(PROGRAM);
}, 600_000);
afterAll(() => world?.close());

describe("an environment previewed by hand", { timeout: 60_000 }, () => {
  it("fails without Azure's plug-in and never falls back to a stand-in, even while one runs", async () => {
    // The stand-in serves another stack of the very same project meanwhile.
    expect((await world.stack.preview()).changeSummary).toEqual({ create: 2 });
    writeFileSync(join(world.project.dir, "Pulumi.prod.yaml"), "config:\n  toy:size: 3\n");
    const [home, state] = [join(world.project.runDir, "hand-home"), join(world.project.runDir, "hand-state")];
    for (const folder of [home, state]) mkdirSync(folder);
    const engine = await testEngine();
    const env = {
      ...engine.env,
      // A plug-in that the machine's owner has on PATH must not decide this test.
      PATH: [dirname(process.execPath), engine.binDir, "/usr/bin", "/bin"].join(delimiter),
      PULUMI_HOME: home,
      PULUMI_BACKEND_URL: `file://${state}`,
      PULUMI_CONFIG_PASSPHRASE: "by hand",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    };
    const pulumi = (...args: string[]) =>
      runCommand(join(engine.binDir, "pulumi"), [...args, "--non-interactive", "--color", "never"], {
        cwd: world.project.dir,
        env,
        limitMs: 60_000,
      });
    await pulumi("stack", "init", "prod");
    const preview = await pulumi("preview", "-s", "prod");
    expect(preview.code).not.toBe(0);
    expect(preview.stdout).toMatch(/error: no resource plugin 'pulumi-resource-azure-native' found/);
    expect(preview.stdout).not.toMatch(/ResourceGroup/);
  });
});

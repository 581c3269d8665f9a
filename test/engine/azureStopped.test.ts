import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EngineStoppedError } from "../../stacks/local/engine/index.js";
import { type AzureWorld, azureWorld } from "./support/azure.js";

const PROGRAM = `
  const servicebus = require("@pulumi/azure-native/servicebus");
  const place = { resourceGroupName: "group" };
  const bus = new servicebus.Namespace("toybus", { ...place, namespaceName: "toybus-1", location: "westeurope" });
  new servicebus.Queue("orders", { ...place, namespaceName: bus.name });`;

let world: AzureWorld;
/** Resolves when the making of the namespace has begun; `release` lets it end. */
let begun: Promise<void>;
let release: () => void;

beforeEach(async () => {
  world = await azureWorld(PROGRAM);
  const { namespaceCreated } = world.effects;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  begun = new Promise((resolve) => {
    world.effects.namespaceCreated = async (name: string) => {
      resolve();
      await held;
      return namespaceCreated(name);
    };
  });
}, 600_000);

afterEach(async () => {
  release();
  await world.close();
});

/** Commands of the running processes that belong to this world's run folder. */
function processesOfRun(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return environment.includes(`PULUMI_HOME=${world.project.runDir}/`) ? [command] : [];
    } catch {
      return [];
    }
  });
}

describe("an up that is stopped", { timeout: 60_000 }, () => {
  it("ends in order: what is under way is finished and kept, nothing more is begun, no process is left", async () => {
    const stop = new AbortController();
    const up = world.stack.up({ signal: stop.signal }).catch((error: unknown) => error);
    await begun;
    expect(processesOfRun().length).toBeGreaterThan(0);
    const { signal } = world.standIn;
    stop.abort();
    await expect.poll(() => signal.aborted).toBe(true);
    release();
    expect(await up).toBeInstanceOf(EngineStoppedError);
    expect(processesOfRun()).toEqual([]);
    expect((await world.stack.resources()).map((each) => each.type)).toEqual(["azure-native:servicebus:Namespace"]);
    await world.stack.destroy();
    expect(world.standIn.state.list()).toEqual([]);
  });

  it("is killed where it does not stop in time, leaves no process, and the stack can be used again", async () => {
    const stop = new AbortController();
    const up = world.stack.up({ signal: stop.signal, graceMs: 300 }).catch((error: unknown) => error);
    await begun;
    stop.abort();
    expect(await up).toBeInstanceOf(EngineStoppedError);
    expect(processesOfRun()).toEqual([]);
    release();
    await expect.poll(() => world.standIn.state.list().length).toBe(1);
    await world.stack.cancel();
    // The engine does not know that the namespace was made: as with Azure, it is taken away by hand.
    for (const each of world.standIn.state.list()) world.standIn.state.delete(each.type, each.id);
    await world.stack.up();
    expect(world.standIn.state.list()).toHaveLength(2);
    await world.stack.destroy();
  });

  it("is not begun where it is stopped before", async () => {
    await expect(world.stack.up({ signal: AbortSignal.abort(new Error("Ctrl-C")) })).rejects.toThrow("Ctrl-C");
    expect(processesOfRun()).toEqual([]);
  });
});

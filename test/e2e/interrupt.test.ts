import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { cacheFolder } from "../../stacks/local/run/folder.js";
import { listeningIn, listeningNow } from "../../stacks/local/run/ports.js";
import { type CommandRun, startCommand } from "../support/command.js";

const LONG = process.env["STOWAGE_LONG"] !== undefined;
const ONCE = ["local", "--once", "--small", "--messages", "20", "--poison", "1", "--json"];
/** Time to reach a step, and to end after a Ctrl-C, on a busy machine with two cores. */
const REACH_MS = 180_000;
const END_MS = 90_000;

const running = new Set<CommandRun>();
function start(args: string[], env: NodeJS.ProcessEnv = process.env): CommandRun {
  const run = startCommand(args, { env });
  running.add(run);
  return run;
}
afterEach(() => {
  for (const { child } of running) if (child.exitCode === null) child.kill("SIGKILL");
  running.clear();
});

/** Processes that a run has started: they carry its folder's name in their environment. */
function startedBy(run: CommandRun): number[] {
  const mark = `/runs/${run.child.pid}-`;
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The same, each with its command. */
function leftOf(run: CommandRun): string[] {
  return startedBy(run).map((pid) => `${pid} ${readFileSync(`/proc/${pid}/comm`, "utf8").trim()}`);
}

function runFolders(run: CommandRun): string[] {
  const root = join(cacheFolder(), "runs");
  return existsSync(root) ? readdirSync(root).filter((name) => name.startsWith(`${run.child.pid}-`)) : [];
}

const mounts = () => readFileSync("/proc/self/mounts", "utf8");

/** Presses Ctrl-C and expects that the command ends by itself as interrupted, with nothing left of it. */
async function interrupted(run: CommandRun, mountsBefore: string, presses = 1): Promise<void> {
  const ports = [run.child.pid ?? 0, ...startedBy(run)].flatMap(listeningIn);
  for (let i = 0; i < presses; i++) run.child.kill("SIGINT");
  const code = await Promise.race([run.ended, new Promise((resolve) => setTimeout(resolve, END_MS, "still running"))]);
  expect(code, run.output().stderr.slice(-2_000)).toBe(130);
  expect(leftOf(run)).toEqual([]);
  expect(runFolders(run)).toEqual([]);
  expect(mounts()).toBe(mountsBefore);
  const listening = listeningNow();
  expect(ports.filter((port) => listening.has(port))).toEqual([]);
}

describe("Ctrl-C leaves no process, no port, no folder and no mount", () => {
  it("during the build of the engine", async () => {
    const cache = mkdtempSync(join(tmpdir(), "stowage-cache-"));
    try {
      const before = mounts();
      // A cache of its own: nothing is built there yet. No Pulumi on PATH, so that there is something to build.
      const path = (process.env["PATH"] ?? "").split(":").filter((dir) => !existsSync(join(dir, "pulumi")));
      const run = start(ONCE, { ...process.env, XDG_CACHE_HOME: cache, PATH: path.join(":") });
      await run.until(/Building the Pulumi engine/, REACH_MS);
      await interrupted(run, before);
      expect(readdirSync(join(cache, "stowage", "engine"))).toEqual([]);
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  }, 300_000);

  it("during up", async () => {
    const before = mounts();
    const run = start(ONCE);
    await run.until(/Cassandra ring .*: starting/, REACH_MS);
    await interrupted(run, before);
  }, 300_000);

  it("during traffic, and again while it goes down", async () => {
    const before = mounts();
    const run = start(["local", "--small", "--messages", "5000"]);
    await run.until(/^pipeline +sent/m, REACH_MS);
    run.child.kill("SIGINT");
    await run.until(/Stopping; once more to stop at once/, END_MS);
    await interrupted(run, before);
  }, 300_000);
});

describe("a command", () => {
  it("that was killed is cleaned up by the next, which succeeds", async () => {
    const killed = start(ONCE);
    await killed.until(/K8ssandraCluster stowage-cassandra created/, REACH_MS);
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(leftOf(killed)).not.toEqual([]);
    const next = start(ONCE);
    expect(await next.ended, next.output().stderr.slice(-2_000)).toBe(0);
    expect(next.output().stderr).toContain("Cleaning up after a run that was killed");
    expect(leftOf(killed)).toEqual([]);
    expect(runFolders(killed)).toEqual([]);
  }, 600_000);
});

const describeLong: typeof describe | undefined = LONG ? describe : undefined;
describeLong?.("two commands", () => {
  it("at once both work", async () => {
    const both = [start(ONCE), start(ONCE)];
    for (const run of both) expect(await run.ended, run.output().stderr.slice(-2_000)).toBe(0);
  }, 600_000);
});

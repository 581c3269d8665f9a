import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { abandonedRuns, createRunFolder } from "../../../stacks/local/run/folder.js";
import {
  endProcesses,
  isSameProcess,
  processesWithEnvironment,
  processIdentity,
} from "../../../stacks/local/run/process.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stowage-run-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A process that waits on its standard input, and says when its handlers are in place. */
async function waiter(env: NodeJS.ProcessEnv, script = "") {
  const child = spawn(process.execPath, ["-e", `${script}; console.log("up"); process.stdin.resume()`], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const identity = processIdentity(child.pid ?? 0);
  if (identity === undefined) throw new Error("the child has just said that it is up");
  return { child, identity };
}

describe("leftovers of a run", () => {
  it("are found by the variable they carry, and ended by their own ids", async () => {
    const marked = await waiter({ STOWAGE_TEST_RUN: root });
    const other = await waiter({ STOWAGE_TEST_RUN: `${root}-other` });
    expect(processesWithEnvironment("STOWAGE_TEST_RUN", root)).toEqual([marked.identity]);
    await endProcesses([marked.identity], 5_000);
    expect(isSameProcess(marked.identity)).toBe(false);
    expect(isSameProcess(other.identity)).toBe(true);
    await endProcesses([other.identity], 5_000);
  });

  it("are killed where they do not answer SIGTERM", async () => {
    const stubborn = await waiter({}, "process.on('SIGTERM', () => {})");
    await endProcesses([stubborn.identity], 100);
    expect(isSameProcess(stubborn.identity)).toBe(false);
  });

  it("are never mistaken for a later process with the same id", async () => {
    const { identity } = await waiter({});
    expect(isSameProcess({ ...identity, startTime: "1" })).toBe(false);
    await endProcesses([{ ...identity, startTime: "1" }], 1_000);
    expect(isSameProcess(identity)).toBe(true);
    await endProcesses([identity], 5_000);
  });
});

describe("a run folder", () => {
  it("of a living command is left alone, of a dead one is found", () => {
    const mine = createRunFolder(root);
    const dead = createRunFolder(root);
    writeFileSync(join(dead.path, "owner.json"), JSON.stringify({ pid: process.pid, startTime: "1" }));
    expect(abandonedRuns(root)).toEqual([dead.path]);
    mine.remove();
    expect(existsSync(mine.path)).toBe(false);
  });

  it("without its mark is left alone while the command that makes it lives, and found once that is gone", () => {
    const young = createRunFolder(root);
    writeFileSync(join(young.path, "owner.json"), "");
    expect(abandonedRuns(root)).toEqual([]);
    // No process has this id: the kernel's largest is 4194304.
    const dead = join(root, "4194305-00000000");
    mkdirSync(dead);
    expect(abandonedRuns(root)).toEqual([dead]);
  });
});

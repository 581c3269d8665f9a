import { describe, expect, it } from "vitest";
import { runCommand } from "../../../stacks/local/engine/command.js";
import { readPreview } from "../../../stacks/local/engine/preview.js";
import { isAtLeast } from "../../../stacks/local/engine/versions.js";

const shell = (script: string, options: Partial<Parameters<typeof runCommand>[2]> = {}) =>
  runCommand("/bin/sh", ["-c", script], { env: process.env, limitMs: 10_000, ...options });

describe("a command", () => {
  it("gives its exit status and both of its streams, line by line and as a whole", async () => {
    const lines: string[] = [];
    const result = await shell("echo one; echo two >&2; printf three; exit 7", {
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    });
    expect(result).toEqual({ code: 7, stdout: "one\nthree", stderr: "two\n", stopped: undefined });
    expect(lines.sort()).toEqual(["stderr two", "stdout one", "stdout three"]);
  });

  it("is told first, and may end in order", async () => {
    const stop = new AbortController();
    const result = await shell("trap 'echo bye; exit 3' INT; echo up; while :; do sleep 0.05; done", {
      signal: stop.signal,
      onLine: (line) => line === "up" && stop.abort(),
    });
    expect(result).toMatchObject({ code: 3, stopped: "signal", stdout: "up\nbye\n" });
  });

  it("is killed with its children where it does not end, at its limit as well", async () => {
    const began = Date.now();
    const result = await shell("trap '' INT; (trap '' INT; sleep 30) & wait", { limitMs: 100, graceMs: 100 });
    expect(result).toMatchObject({ code: null, stopped: "limit" });
    expect(Date.now() - began).toBeLessThan(5_000);
  });

  it("is killed at once where that is asked for, even while it ends in order", async () => {
    const [stop, kill] = [new AbortController(), new AbortController()];
    const began = Date.now();
    const result = await shell("trap 'echo ending' INT; echo up; while :; do sleep 0.05; done", {
      signal: stop.signal,
      killSignal: kill.signal,
      graceMs: 60_000,
      onLine: (line) => (line === "up" ? stop.abort() : kill.abort()),
    });
    expect(result).toMatchObject({ code: null, stopped: "signal", stdout: "up\nending\n" });
    expect(Date.now() - began).toBeLessThan(5_000);
  });

  it("does not wait for a descendant that keeps its output open", async () => {
    const began = Date.now();
    const result = await shell("setsid sleep 4 & echo done");
    expect(result).toMatchObject({ code: 0, stdout: "done\n" });
    expect(Date.now() - began).toBeLessThan(3_500);
  });

  it("says so where there is no such program", async () => {
    await expect(runCommand("/no/such/program", [], { env: {}, limitMs: 1_000 })).rejects.toThrow(/ENOENT/);
  });
});

describe("a version", () => {
  it.each([
    ["go1.26.0", "1.26.0", true],
    ["go1.26rc1", "1.26.0", true],
    ["go1.25.9", "1.26.0", false],
    ["go1.26", "1.26.1", false],
    ["go2.0.1", "1.26.3", true],
    ["devel", "1.26.0", false],
  ])("%s is at least %s: %s", (have, want, expected) => {
    expect(isAtLeast(have, want)).toBe(expected);
  });
});

describe("what a preview prints", () => {
  it("is read with its errors", () => {
    const text = `warning: something\n{"steps":[{"op":"create","urn":"u"}],"changeSummary":{"create":1},
      "diagnostics":[{"severity":"error","message":"it is wrong\\n"},{"severity":"info#err","message":"x"}]}`;
    expect(readPreview(text)).toMatchObject({ changeSummary: { create: 1 }, errors: "it is wrong" });
  });

  it.each(["", "error: no stack", "{ not json"])("is nothing where the engine printed %j", (text) => {
    expect(readPreview(text)).toBeUndefined();
  });
});

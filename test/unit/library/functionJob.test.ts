import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { defineJob, type JobFunction, JobRefused } from "../../../runtime/index.js";
import { MAX_LEFT_BEHIND, runFunction } from "../../../runtime/sinks/gluster/functionJob.js";
import { deferred, sinkMessage } from "../bus/fakes.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Starts a run of one second at most and 1,000 bytes; gives how it ended and what it gave. */
function runOf(job: JobFunction, output?: (chunk: Buffer) => Promise<void>) {
  const given: Buffer[] = [];
  const stop = new AbortController();
  const end = runFunction({
    job: defineJob(job),
    message: sinkMessage(),
    pipeline: "renders",
    attempt: 2,
    timeoutMilliseconds: 1_000,
    maxOutputBytes: 1_000,
    output: output ?? (async (chunk) => void given.push(chunk)),
    signal: stop.signal,
  });
  return { end, stop, text: () => Buffer.concat(given).toString() };
}

const never = (): Promise<string> => new Promise(() => undefined);

describe("a job that is a function", () => {
  test.each<[string, JobFunction, string]>([
    ["text", () => "ä", "ä"],
    ["bytes", async () => new Uint8Array([97, 98]).subarray(1), "b"],
    ["nothing, on purpose", () => "", ""],
    ["a list of pieces", () => ["a", Buffer.from("b")], "ab"],
    [
      "a generator",
      function* () {
        yield "a";
        yield new Uint8Array([98]);
      },
      "ab",
    ],
    [
      "what comes in time",
      async function* () {
        yield "a";
        await null;
        yield "b";
      },
      "ab",
    ],
    [
      "what it was called with",
      (message, { attempt, pipeline }) => `${message.messageId} ${pipeline} ${attempt}`,
      "m-1 renders 2",
    ],
  ])("gives %s", async (_what, job, text) => {
    const run = runOf(job);
    expect(await run.end).toEqual({ kind: "succeeded" });
    expect(run.text()).toBe(text);
  });

  test.each<[string, JobFunction, object]>([
    [
      "undefined",
      () => undefined as never,
      { kind: "failed", how: expect.stringContaining("gave undefined, which is no output") },
    ],
    ["a number", () => 5 as never, { kind: "failed", how: expect.stringContaining("gave a number") }],
    [
      "a piece that is a number",
      () => ["a", 5] as never,
      { kind: "failed", how: expect.stringContaining("a piece that is a number") },
    ],
    ["more than its limit", () => "x".repeat(1_001), { kind: "outputTooLarge" }],
    [
      "its refusal",
      () => {
        throw new JobRefused("no\u0007 scene");
      },
      { kind: "refused", stderr: "no scene" },
    ],
    [
      "an error",
      async () => {
        throw new TypeError("a bug");
      },
      { kind: "failed", how: "threw TypeError", stderr: "a bug" },
    ],
    [
      "what is no error",
      () => {
        throw "word";
      },
      { kind: "failed", how: "threw string", stderr: "word" },
    ],
  ])("never counts as done where it gives %s", async (_what, job, end) => {
    expect(await runOf(job).end).toEqual(expect.objectContaining(end));
  });

  test("is told to stop at its limit, and counts as timed out whatever it gives then", async () => {
    const run = runOf(
      (_message, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve("late"))),
    );
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await run.end).toMatchObject({ kind: "timedOut" });
    expect(run.text()).toBe("");
  });

  test("is told to stop when its message's lock is lost", async () => {
    const run = runOf(
      (_message, { signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    run.stop.abort();
    expect(await run.end).toEqual({ kind: "aborted" });
  });

  test("ends with what the volume fails with, not with a failure of its own", async () => {
    const run = runOf(
      () => "x",
      () => Promise.reject(new Error("ENOSPC")),
    );
    await expect(run.end).rejects.toThrow("ENOSPC");
  });

  test("is left behind after a grace of five seconds, and what it gives later goes nowhere", async () => {
    const late = deferred<string>();
    const run = runOf(async function* () {
      yield "early ";
      yield await late.promise;
    });
    await vi.advanceTimersByTimeAsync(5_999);
    expect(await Promise.race([run.end, Promise.resolve("runs")])).toBe("runs");
    await vi.advanceTimersByTimeAsync(1);
    expect(await run.end).toMatchObject({ kind: "timedOut" });
    late.resolve("late");
    await vi.advanceTimersByTimeAsync(0);
    expect(run.text()).toBe("early ");
  });

  test("is waited for once too many were left behind, so that the engine ends the process", async () => {
    const releases = Array.from({ length: MAX_LEFT_BEHIND }, () => deferred<string>());
    const runs = releases.map(({ promise }) => runOf(() => promise));
    await vi.advanceTimersByTimeAsync(6_000);
    for (const { end } of runs) expect(await end).toMatchObject({ kind: "timedOut" });
    const one = deferred<string>();
    const more = runOf(() => one.promise);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(await Promise.race([more.end, Promise.resolve("held")])).toBe("held");
    one.resolve("x");
    expect(await more.end).toMatchObject({ kind: "timedOut" });
    // Those that end after all make room again.
    for (const { resolve } of releases) resolve("x");
    await vi.advanceTimersByTimeAsync(0);
    const again = runOf(never);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await again.end).toMatchObject({ kind: "timedOut" });
  });
});

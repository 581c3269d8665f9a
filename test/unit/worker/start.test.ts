import { describe, expect, test } from "vitest";
import { ExitCode, StowageError } from "../../../runtime/contract/index.js";
import { START_MILLISECONDS, startSink } from "../../../runtime/start.js";
import { FakeClock } from "../bus/fakes.js";

/** Starts a sink that fails with these errors, one a try, then works; `run` tells how it ended, and after how long. */
function starting(errors: (error: number) => Error | undefined) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const noted: unknown[] = [];
  let tries = 0;
  const start = async (): Promise<void> => {
    const error = errors(tries++);
    if (error !== undefined) throw error;
  };
  const began = clock.now();
  let end: { code: ExitCode | undefined; after: number } | undefined;
  void startSink({ start }, stop.signal, clock, (error) => noted.push(error)).then((code) => {
    end = { code, after: clock.now() - began };
  });
  return { clock, stop, noted, tries: () => tries, end: () => end };
}

describe("a sink at the worker's start", () => {
  test.each([
    ["StoreUnavailable", new StowageError("StoreUnavailable", "no controller answers")],
    ["StoreTimeout", new StowageError("StoreTimeout", "no answer in time")],
    ["NotReady", new StowageError("NotReady", "a node is away")],
    ["a driver's own error", new Error("no node answers")],
  ])("is tried again after %s, and started once its store is there", async (_what, error) => {
    const sink = starting((n) => (n < 30 ? error : undefined));
    await sink.clock.advance(60_000);
    expect(sink.end()).toEqual({ code: undefined, after: 30_000 });
    expect(sink.noted.length).toBe(30);
  });

  test("is given up with 4 when its store has not come in two minutes, and not before", async () => {
    const sink = starting(() => new StowageError("StoreUnavailable", "no controller answers"));
    await sink.clock.advance(START_MILLISECONDS - 1_000);
    expect(sink.end()).toBeUndefined();
    await sink.clock.advance(2_000);
    expect(sink.end()?.code).toBe(ExitCode.NoProgress);
  });

  test("is given up with 4 where its start does not return", async () => {
    const clock = new FakeClock();
    const ended = startSink(
      { start: () => new Promise(() => undefined) },
      new AbortController().signal,
      clock,
      () => 0,
    );
    await clock.advance(START_MILLISECONDS);
    expect(await ended).toBe(ExitCode.NoProgress);
  });

  test.each(["VolumeNotMounted", "WrongVolume", "ResourceGroupMissing", "SchemaMissing", "SchemaConflict"])(
    "is refused with 3 at once after %s: a person has to mend it",
    async (code) => {
      const sink = starting(() => new StowageError(code, "not there"));
      await sink.clock.advance(0);
      expect([sink.end()?.code, sink.tries()]).toEqual([ExitCode.MissingRequirement, 1]);
    },
  );

  test("is not tried again once the worker is told to stop", async () => {
    const sink = starting(() => new Error("no node answers"));
    await sink.clock.advance(500);
    sink.stop.abort();
    await sink.clock.advance(0);
    expect([sink.end(), sink.tries()]).toEqual([{ code: undefined, after: 500 }, 1]);
  });
});

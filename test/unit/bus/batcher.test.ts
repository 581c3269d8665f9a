import { describe, expect, test } from "vitest";
import { Batcher } from "../../../runtime/bus/batcher.js";
import type { EarlySinkContext, Outcome, SinkContext, SinkMessage } from "../../../runtime/contract/index.js";
import { createMetrics } from "../../../runtime/telemetry/index.js";
import { deferred, FakeClock, settled, sinkMessage } from "./fakes.js";

const never = new AbortController().signal;
const done: Outcome = { kind: "done", duplicate: false };

function batcherOf(options: {
  maxMessages: number;
  capacity?: number;
  process?: (batch: SinkMessage[], context: SinkContext) => Promise<Outcome[]>;
}) {
  const clock = new FakeClock();
  const batches: { ids: string[]; context: SinkContext }[] = [];
  const sink = {
    batching: { maxMessages: options.maxMessages, maxWaitMilliseconds: 20 },
    process: (batch: SinkMessage[], context: SinkContext) => {
      batches.push({ ids: batch.map((m) => m.messageId), context });
      return options.process?.(batch, context) ?? Promise.resolve(batch.map(() => done));
    },
  };
  const batcher = new Batcher({
    sink,
    clock,
    metrics: createMetrics({ pipeline: "p", sink: "s" }),
    capacity: options.capacity ?? 100,
  });
  const submit = (id: string, attempt = 1, signal = never) =>
    batcher.submit(sinkMessage({ messageId: id }), attempt, { signal });
  return { clock, batches, submit };
}

describe("the batcher", () => {
  test("hands one message at a time to a sink that takes one", async () => {
    const { batches, submit } = batcherOf({ maxMessages: 1 });
    await Promise.all([submit("a"), submit("b")]);
    expect(batches.map((b) => b.ids)).toEqual([["a"], ["b"]]);
  });

  test("waits for more messages, but no longer than the sink says", async () => {
    const { clock, batches, submit } = batcherOf({ maxMessages: 10 });
    const both = Promise.all([submit("a"), submit("b")]);
    await clock.advance(19);
    expect(batches).toEqual([]);
    await clock.advance(1);
    await both;
    expect(batches.map((b) => b.ids)).toEqual([["a", "b"]]);
  });

  test("does not wait for more than a batch may hold", async () => {
    const { batches, submit } = batcherOf({ maxMessages: 2 });
    await Promise.all([submit("a"), submit("b")]);
    expect(batches.map((b) => b.ids)).toEqual([["a", "b"]]);
  });

  test("does not wait when every message that could come is here", async () => {
    const { batches, submit } = batcherOf({ maxMessages: 10, capacity: 3 });
    await Promise.all(["a", "b", "c"].map((id) => submit(id)));
    expect(batches.map((b) => b.ids)).toEqual([["a", "b", "c"]]);
  });

  test("sends a message that failed before alone", async () => {
    const { clock, batches, submit } = batcherOf({ maxMessages: 10 });
    const first = submit("a");
    await submit("b", 2);
    expect(batches.map((b) => b.ids)).toEqual([["b"]]);
    expect(batches[0]?.context.attempt).toBe(2);
    await clock.advance(20);
    await first;
  });

  test("gives a message its outcome as soon as the sink tells it, the first one, and frees its place", async () => {
    const rest = deferred<void>();
    const retry: Outcome = { kind: "retry", code: "StoreTimeout", description: "late" };
    const told: boolean[] = [];
    const { batches, submit } = batcherOf({
      maxMessages: 10,
      capacity: 3,
      process: async (batch: SinkMessage[], context: EarlySinkContext) => {
        const [first, second] = batch;
        told.push(context.settled !== undefined);
        if (first !== undefined) context.settled?.(first, done);
        if (first !== undefined) context.settled?.(first, retry);
        await rest.promise;
        return batch.map((message) => (message === second ? done : retry));
      },
    });
    const ended: string[] = [];
    const all = ["a", "b", "c"].map((id) => submit(id).then((outcome) => ended.push(`${id} ${outcome.kind}`)));
    await settled();
    expect([told, ended]).toEqual([[true], ["a done"]]);
    // Two are still here: with one more there is nothing to wait for.
    void submit("d");
    expect(batches.map(({ ids }) => ids)).toEqual([["a", "b", "c"], ["d"]]);
    rest.resolve();
    await Promise.all(all);
    expect(ended).toEqual(["a done", "b done", "c retry"]);
  });

  test("stops a batch once all that is not over has lost its lock", async () => {
    const stops = [new AbortController(), new AbortController(), new AbortController()];
    const rest = deferred<void>();
    const seen: boolean[] = [];
    const { submit } = batcherOf({
      maxMessages: 3,
      process: async (batch: SinkMessage[], context: EarlySinkContext) => {
        stops[0]?.abort();
        seen.push(context.signal.aborted);
        const [, second] = batch;
        if (second !== undefined) context.settled?.(second, done);
        seen.push(context.signal.aborted);
        stops[1]?.abort();
        seen.push(context.signal.aborted);
        stops[2]?.abort();
        seen.push(context.signal.aborted);
        await rest.promise;
        return batch.map(() => done);
      },
    });
    const all = stops.map((stop, n) => submit(`${n}`, 1, stop.signal));
    rest.resolve();
    await Promise.all(all);
    expect(seen).toEqual([false, false, false, true]);
  });

  test("gives each message its own outcome", async () => {
    const outcomes: Outcome[] = [done, { kind: "poison", reason: "InvalidBody", description: "no" }];
    const { submit } = batcherOf({ maxMessages: 2, process: async () => outcomes });
    expect(await Promise.all([submit("a"), submit("b")])).toEqual(outcomes);
  });

  test("takes what the sink throws as a retry of the whole batch", async () => {
    const { submit } = batcherOf({ maxMessages: 2, process: () => Promise.reject(new Error("no quorum")) });
    const retry = { kind: "retry", code: "StoreUnavailable", description: "no quorum" };
    expect(await Promise.all([submit("a"), submit("b")])).toEqual([retry, retry]);
  });

  test("takes a missing outcome as a retry: it is never done by mistake", async () => {
    const { submit } = batcherOf({ maxMessages: 2, process: async () => [done] });
    expect(await Promise.all([submit("a"), submit("b")])).toMatchObject([done, { kind: "retry" }]);
  });

  test("tells a batch to stop only when all of its messages must", async () => {
    const answer = deferred<Outcome[]>();
    const { batches, submit } = batcherOf({ maxMessages: 2, process: () => answer.promise });
    const [a, b] = [new AbortController(), new AbortController()];
    const both = Promise.all([submit("a", 1, a.signal), submit("b", 1, b.signal)]);
    await settled();
    const signal = batches[0]?.context.signal;
    a.abort("LockLost");
    expect(signal?.aborted).toBe(false);
    b.abort("LockLost");
    expect(signal?.aborted).toBe(true);
    answer.resolve([done, done]);
    await both;
  });
});

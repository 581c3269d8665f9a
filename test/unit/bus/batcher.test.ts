import { describe, expect, test } from "vitest";
import { Batcher } from "../../../runtime/bus/batcher.js";
import type { EarlySinkContext, Outcome, SinkContext, SinkMessage } from "../../../runtime/contract/index.js";
import { createMetrics } from "../../../runtime/telemetry/index.js";
import { deferred, FakeClock, FakeWork, settled, sinkMessage } from "./fakes.js";

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
  const submit = (id: string, attempt = 1, work = new FakeWork()) =>
    batcher.submit(sinkMessage({ messageId: id }), attempt, work);
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
    const works = [new FakeWork(), new FakeWork(), new FakeWork()];
    const rest = deferred<void>();
    const seen: boolean[] = [];
    let reason: unknown;
    const { submit } = batcherOf({
      maxMessages: 3,
      process: async (batch: SinkMessage[], context: EarlySinkContext) => {
        works[0]?.stop("lost 0");
        seen.push(context.signal.aborted);
        const [, second] = batch;
        if (second !== undefined) context.settled?.(second, done);
        seen.push(context.signal.aborted);
        works[1]?.stop("lost 1");
        seen.push(context.signal.aborted);
        works[2]?.stop("lost 2");
        seen.push(context.signal.aborted);
        reason = context.signal.reason;
        await rest.promise;
        return batch.map(() => done);
      },
    });
    const all = works.map((work, n) => submit(`${n}`, 1, work));
    rest.resolve();
    await Promise.all(all);
    expect(seen).toEqual([false, false, false, true]);
    expect(reason).toBe("lost 2");
    expect(works.map(({ watcher }) => watcher)).toEqual([undefined, undefined, undefined]);
  });

  test("stops a batch of which all lost their locks before the sink looked, and one that leaves the others so", async () => {
    const [lost, over, early] = [new FakeWork(), new FakeWork(), new FakeWork()];
    early.stop("before");
    const seen: unknown[] = [];
    const { submit } = batcherOf({
      maxMessages: 3,
      process: async (batch: SinkMessage[], context: EarlySinkContext) => {
        lost.stop("now");
        const last = batch[1];
        if (last !== undefined) context.settled?.(last, done);
        seen.push(context.signal.reason);
        return batch.map(() => done);
      },
    });
    await Promise.all([submit("a", 1, lost), submit("b", 1, over), submit("c", 1, early)]);
    expect(seen).toEqual(["now"]);
  });

  test("does not stop a batch whose messages are all over", async () => {
    const seen: boolean[] = [];
    const { submit } = batcherOf({
      maxMessages: 2,
      process: async (batch: SinkMessage[], context: EarlySinkContext) => {
        for (const message of batch) context.settled?.(message, done);
        seen.push(context.signal.aborted);
        return batch.map(() => done);
      },
    });
    await Promise.all([submit("a"), submit("b")]);
    expect(seen).toEqual([false]);
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
    const [a, b] = [new FakeWork(), new FakeWork()];
    const both = Promise.all([submit("a", 1, a), submit("b", 1, b)]);
    await settled();
    const signal = batches[0]?.context.signal;
    a.stop("LockLost");
    expect(signal?.aborted).toBe(false);
    b.stop("LockLost");
    expect(signal?.aborted).toBe(true);
    answer.resolve([done, done]);
    await both;
  });
});

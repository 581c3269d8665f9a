import { errors, types } from "cassandra-driver";
import { describe, expect, it, vi } from "vitest";
import { defineTable } from "../../../runtime/contract/index.js";
import { TransactionLedger } from "../../../runtime/sinks/cassandra/ledger.js";
import { sinkContext } from "../../support/sinkContext.js";
import { deferred, FakeClock, settled } from "../bus/fakes.js";
import { always, message } from "./kit.js";
import { clientThat, row, smallSink, ToldMetrics, writerOn } from "./writerKit.js";

const { responseErrorCodes: code } = types;
const context = sinkContext();
const invalid = new errors.ResponseError(code.invalid, "value too large");
const idsOf = (sent: { ids: string[] }[]): string[][] => sent.map(({ ids }) => ids);
const kinds = (written: { kind: string; reason?: string; code?: string }[]) =>
  written.map(({ kind, reason, code }) => reason ?? code ?? kind);

function failAt(bad: string, error: Error) {
  return ({ ids }: { ids: string[] }): void => {
    if (ids.includes(bad)) throw error;
  };
}

describe("rows", () => {
  it("of one partition go together, across calls, and each call is told of its own", async () => {
    const clock = new FakeClock();
    const { client, sent } = clientThat(failAt("c", new errors.ResponseError(code.unavailableException, "one of two")));
    const writer = writerOn(client, { clock, sink: { flushMilliseconds: 20, batchMaxRows: 10 } });
    const first = writer.write([row("a", "p"), row("c", "q")], context);
    const second = writer.write([row("b", "p"), row("d", "q")], context);
    await clock.advance(19);
    expect(sent).toEqual([]);
    await clock.advance(1);
    expect(idsOf(sent)).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    expect(kinds(await first)).toEqual(["written", "StoreUnavailable"]);
    expect(kinds(await second)).toEqual(["written", "StoreUnavailable"]);
  });

  it("are told of each as soon as it is known, whatever others of their call wait for", async () => {
    const hang = deferred<void>();
    const { client } = clientThat(({ ids }) => (ids.includes("slow") ? hang.promise : undefined));
    const told: string[] = [];
    const rows = [row("slow", "p"), row("quick", "q")];
    const written = writerOn(client).write(rows, context, (place, { kind }) => told.push(`${place} ${kind}`));
    await settled();
    expect(told).toEqual(["1 written"]);
    hang.resolve();
    expect(kinds(await written)).toEqual(["written", "written"]);
    expect(told).toEqual(["1 written", "0 written"]);
  });

  it("do not wait for others once no more can come", async () => {
    const clock = new FakeClock();
    const { client, sent } = clientThat(() => undefined);
    const writer = writerOn(client, { clock, capacity: 3, sink: { flushMilliseconds: 1000, maxInFlight: 32 } });
    const first = writer.write([row("a", "p"), row("b", "q")], context);
    await settled();
    expect(sent).toEqual([]);
    const second = writer.write([row("c", "r")], context);
    expect(kinds([...(await first), ...(await second)])).toEqual(["written", "written", "written"]);
    expect(clock.pending).toBeLessThanOrEqual(1);
  });

  it("that delete go into the same batch as those that write, each with its own time", async () => {
    const { client, sent } = clientThat(() => undefined);
    const table = defineTable({
      keyspace: "ks",
      name: "t",
      columns: {
        value: { type: "text", body: "v" },
        device: { type: "text", body: "d" },
        at: { type: "text", body: "a" },
      },
      partitionKey: ["device"],
      clusteringKey: [{ column: "at" }],
      from: { time: { body: "at" }, deletes: { body: "gone", equals: "yes" } },
    });
    const [device, at] = [Buffer.from("d-1"), Buffer.from("noon")];
    const kept = row("a", "p", { cells: [Buffer.from("v"), device, at], timestamp: 5n });
    const gone = row("b", "p", { change: "delete", cells: [undefined, device, at], timestamp: 6n });
    await writerOn(client, { sink: { table } }).write([kept, gone], context);
    expect(sent[0]?.statements).toEqual([
      {
        query: 'INSERT INTO "ks"."t" ("value", "device", "at") VALUES (?, ?, ?) USING TIMESTAMP ?',
        params: [Buffer.from("v"), device, at, 5n],
      },
      { query: 'DELETE FROM "ks"."t" USING TIMESTAMP ? WHERE "device" = ? AND "at" = ?', params: [6n, device, at] },
    ]);
  });

  it("without a value leave its column unset, and carry what is left of their time to live when they are sent", async () => {
    const { client, sent } = clientThat(() => undefined);
    const table = { ...smallSink.table, timeToLive: "100s" as const };
    const metrics = new ToldMetrics();
    const writer = writerOn(client, { sink: { table }, now: () => 160_500, metrics });
    const rows = [row("a", "p", { eventTime: 70_000 }), row("b", "p", { eventTime: 60_400 })];
    expect(kinds(await writer.write(rows, context))).toEqual(["written", "expired"]);
    expect(sent.map(({ statements }) => statements.map(({ params }) => params))).toEqual([
      [[Buffer.from("a"), types.unset, 1n, 10]],
    ]);
    expect(metrics.times).toEqual(["expired"]);
  });
});

describe("a refused row", () => {
  const rows = [row("a", "p"), row("b", "p"), row("c", "p"), row("d", "q")];

  it("is found out in its batch by halves and is poison alone, with the column that is the likeliest cause", async () => {
    const { client, sent } = clientThat(failAt("b", invalid));
    const written = await writerOn(client).write(rows, context);
    expect(kinds(written)).toEqual(["written", "InvalidValue", "written", "written"]);
    expect(written[1]).toMatchObject({
      description:
        "Cassandra refuses the row: value too large. Its largest value is that of column id (text), 1 bytes.",
    });
    expect(idsOf(sent)).toEqual([["a", "b", "c"], ["d"], ["a"], ["b", "c"], ["b"], ["c"]]);
  });

  it.each([
    ["is not as it was", async () => false],
    ["cannot be looked at", async () => Promise.reject(new Error("gone"))],
  ])("is to be tried again with its whole batch where the table %s", async (_what, intact) => {
    const { client, sent } = clientThat(failAt("b", invalid));
    const written = await writerOn(client, { intact }).write(rows.slice(0, 3), context);
    expect(kinds(written)).toEqual(["StoreUnavailable", "StoreUnavailable", "StoreUnavailable"]);
    expect(sent).toHaveLength(1);
  });

  it("is never a batch's own size: that is split until it fits, and the table not suspected", async () => {
    const { client, sent } = clientThat(({ ids }) => {
      if (ids.length > 1) throw new errors.ResponseError(code.invalid, "Batch too large");
    });
    const intact = vi.fn(async () => true);
    const written = await writerOn(client, { intact }).write(rows, context);
    expect(kinds(written)).toEqual(["written", "written", "written", "written"]);
    expect(sent).toHaveLength(6);
    expect(intact).not.toHaveBeenCalled();
  });

  it("is no poison where the ring cannot hold the table's time to live at all", async () => {
    const answer = new errors.ResponseError(
      code.invalid,
      "Request on table ks.t with ttl of 630720000 seconds exceeds maximum supported expiration date of 2038-01-19T03:14:06+00:00",
    );
    const { client } = clientThat(failAt("a", answer));
    const [written] = await writerOn(client).write([row("a")], context);
    expect(written).toMatchObject({ kind: "retry", code: "StoreUnavailable" });
    expect(written).toMatchObject({ description: expect.stringMatching(/^The table's timeToLive is longer/) });
  });

  it("for its timestamp is out of the ring's time, not a wrong value", async () => {
    const answer = new errors.ResponseError(
      code.invalid,
      "Guardrail maximum_timestamp violated: The modification to table ks.t has a timestamp 4070908800000000 after the maximum allowable 1",
    );
    const { client } = clientThat(failAt("a", answer));
    expect(kinds(await writerOn(client).write([row("a")], context))).toEqual(["EventTimeOutOfRange"]);
  });
});

describe("a write", () => {
  const timeout = new errors.ResponseError(code.writeTimeout, "late");

  it("that is not answered in time is sent again, the very same, before it is a failure", async () => {
    const clock = new FakeClock();
    let left = 2;
    const { client, sent } = clientThat(() => {
      if (left-- > 0) throw timeout;
    });
    const written = writerOn(client, { clock }).write([row("a", "p"), row("b", "p")], context);
    await clock.advance(1_000);
    expect(kinds(await written)).toEqual(["written", "written"]);
    expect(sent).toHaveLength(3);
    expect(sent[2]?.statements).toEqual(sent[0]?.statements);
  });

  it.each<[string, Error, number, string]>([
    ["a time-out", timeout, 3, "StoreTimeout"],
    ["overload", new errors.ResponseError(code.overloaded, "busy"), 4, "StoreOverloaded"],
    ["too few replicas", new errors.ResponseError(code.unavailableException, "one of two"), 1, "StoreUnavailable"],
    ["a missing right", new errors.ResponseError(code.unauthorized, "no MODIFY"), 1, "StoreUnavailable"],
  ])(
    "that goes on to end in %s is left to the engine after its tries, for exactly its own rows",
    async (_what, error, tries, expected) => {
      const clock = new FakeClock();
      const { client, sent } = clientThat(failAt("b", error));
      const written = writerOn(client, { clock }).write([row("a", "p"), row("b", "p"), row("c", "q")], context);
      await clock.advance(10_000);
      expect(kinds(await written)).toEqual([expected, expected, "written"]);
      expect(sent).toHaveLength(tries + 1);
    },
  );

  it("is not tried again for a row whose time to live is over meanwhile; the others of its batch are", async () => {
    const clock = new FakeClock();
    const table = { ...smallSink.table, timeToLive: "100s" as const };
    let now = 160_000;
    const { client, sent } = clientThat(() => {
      if (sent.length > 1) return;
      now = 161_000;
      throw timeout;
    });
    const rows = [row("a", "p", { eventTime: 61_000 }), row("b", "p", { eventTime: 70_000 })];
    const written = writerOn(client, { clock, sink: { table }, now: () => now }).write(rows, context);
    await clock.advance(1_000);
    expect(kinds(await written)).toEqual(["expired", "written"]);
    expect(sent.map(({ ids }) => ids)).toEqual([["a", "b"], ["b"]]);
  });

  it("is not tried again in place once the store hangs for long", async () => {
    const clock = new FakeClock();
    const { client, sent } = clientThat(() => {
      clock.freeze(12_000);
      throw new errors.OperationTimedOutError("no answer");
    });
    const written = writerOn(client, { clock }).write([row("a")], context);
    await clock.advance(60_000);
    expect(kinds(await written)).toEqual(["StoreTimeout"]);
    expect(sent).toHaveLength(2);
  });

  it("that strains the store makes room: fewer are in flight", async () => {
    const clock = new FakeClock();
    const { client } = clientThat(failAt("a", new errors.ResponseError(code.unavailableException, "one of two")));
    const writer = writerOn(client, { clock, sink: { maxInFlight: 32 } });
    expect(writer.limit).toBe(8);
    await writer.write([row("a")], context);
    expect(writer.limit).toBe(4);
    await writer.write([row("b")], context);
    expect([writer.limit, writer.inFlight]).toEqual([4, 0]);
  });

  it("goes with up to four other partitions of the same replicas while there is little to write, then with up to nine", async () => {
    const end = deferred<void>();
    const { client, sent } = clientThat(() => end.promise);
    Object.assign(client, { getReplicas: () => [{ address: "127.0.0.1:9042", datacenter: "dc1" }] });
    const sink = { batchBy: "replicaSet", batchMaxRows: 100, batchMaxBytes: 40_000, maxInFlight: 32 } as const;
    const writer = writerOn(client, { sink, capacity: 40 });
    const rowsOf = (name: string, count: number) => Array.from({ length: count }, (_, n) => row(`${name}${n}`));
    const written = [writer.write(rowsOf("a", 12), context), writer.write(rowsOf("b", 8), context)];
    await settled();
    written.push(writer.write(rowsOf("c", 12), context));
    await settled();
    expect(idsOf(sent).map(({ length }) => length)).toEqual([5, 5, 2, 5, 3, 10, 2]);
    end.resolve();
    await Promise.all(written);
  });

  it("is not sent any more once its work is stopped, and what waits is given back at once", async () => {
    const stop = new AbortController();
    const end = deferred<void>();
    const { client, sent } = clientThat(() => end.promise);
    const writer = writerOn(client, { sink: { maxInFlight: 1 } });
    const rows = [row("a"), row("b")];
    const first = writer.write(rows, sinkContext(stop.signal));
    const other = writer.write([row("c")], context);
    stop.abort();
    end.resolve();
    expect(kinds(await first)).toEqual(["written", "Interrupted"]);
    expect(kinds(await other)).toEqual(["written"]);
    expect(idsOf(sent)).toEqual([["a"], ["c"]]);
    expect(kinds(await writer.write(rows, sinkContext(stop.signal)))).toEqual(["Interrupted", "Interrupted"]);
  });

  it("is given back when the writer is stopped, and none is begun", async () => {
    const clock = new FakeClock();
    const { client, sent } = clientThat(() => undefined);
    const writer = writerOn(client, { clock, sink: { flushMilliseconds: 50 } });
    const written = writer.write([row("a")], context);
    writer.stop();
    expect(kinds(await written)).toEqual(["Interrupted"]);
    expect(kinds(await writer.write([row("b")], context))).toEqual(["Interrupted"]);
    await clock.advance(100);
    expect([sent.length, clock.pending]).toEqual([0, 0]);
  });
});

describe("what the writer tells", () => {
  it("are its batches with their rows and bytes, again where they are sent again, and what is in flight", async () => {
    const clock = new FakeClock();
    const end = deferred<void>();
    const metrics = new ToldMetrics();
    let failed = false;
    const { client } = clientThat(async () => {
      await end.promise;
      if (failed) return;
      failed = true;
      throw new errors.ResponseError(code.writeTimeout, "late");
    });
    const writer = writerOn(client, { clock, metrics });
    const written = writer.write([row("a", "p"), row("b", "p")], context);
    expect(metrics.state?.inFlight).toBe(1);
    end.resolve();
    await clock.advance(1_000);
    await written;
    expect(metrics.batches).toEqual([
      { rows: 2, bytes: 200 },
      { rows: 2, bytes: 200 },
    ]);
    expect(metrics.state).toMatchObject({ inFlight: 0 });
  });

  it("is which partition gets more than its share, by name once, and its share all the time", async () => {
    const { client } = clientThat(() => undefined);
    const hot = vi.fn();
    const writer = writerOn(client, { hot, sink: { batchMaxRows: 500, batchMaxBytes: 1_000_000 }, capacity: 1 });
    expect(writer.hottestShare).toBe(0);
    for (let round = 0; round < 100; round++)
      await writer.write(
        Array.from({ length: 400 }, (_, n) => row(`${n}`, n % 2 === 0 ? "busy" : `p-${n}-${round}`)),
        context,
      );
    expect(writer.hottestShare).toBeGreaterThan(0.45);
    expect(writer.hottestShare).toBeLessThanOrEqual(0.5);
    expect(hot).toHaveBeenCalledExactlyOnceWith({ partition: "busy", share: expect.closeTo(0.5, 1) });
  });
});

describe("a claim", () => {
  it("that the ring refuses is never the message's fault", async () => {
    const { client } = clientThat(() => {
      throw new errors.ResponseError(code.invalid, "unconfigured table");
    });
    const [claim] = await new TransactionLedger(always(client), smallSink.table, "w").claim([message({})], context);
    expect(claim).toMatchObject({ kind: "settled", outcome: { kind: "retry", code: "StoreUnavailable" } });
  });
});

describe("the calls of the store", () => {
  it("are each claim, each batch and each look at the table, with what came of them", async () => {
    const calls: string[] = [];
    const measured = sinkContext(undefined, 1, calls);
    const { client } = clientThat(failAt("b", invalid));
    await new TransactionLedger(always(client), smallSink.table, "w").claim([message({})], measured);
    await writerOn(client).write([row("a", "p"), row("b", "q")], measured);
    expect(calls.sort()).toEqual(["check_schema ok", "claim ok", "write failed", "write ok"]);
  });
});

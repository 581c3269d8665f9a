import { Client, errors, types } from "cassandra-driver";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CassandraSink } from "../../../runtime/contract/index.js";
import { failureOf } from "../../../runtime/sinks/cassandra/failures.js";
import { TransactionLedger } from "../../../runtime/sinks/cassandra/ledger.js";
import { batches, type PendingRow, RowWriter } from "../../../runtime/sinks/cassandra/writer.js";
import { sinkContext } from "../../support/sinkContext.js";
import { always, message, tableOf } from "./kit.js";

const { responseErrorCodes: code } = types;
const context = sinkContext();
const sink: CassandraSink = {
  table: tableOf("text"),
  replication: { dc1: 1 },
  consistency: "LOCAL_QUORUM",
  batchMaxRows: 3,
  batchMaxBytes: 1000,
  flushMilliseconds: 0,
  maxInFlight: 2,
  batchBy: "partition" as const,
  ledger: false,
};

/** A client that is never connected: each request is answered by the test, from the ids of its rows. */
function clientThat(answer: (ids: string[]) => void): { client: Client; sent: string[][] } {
  const sent: string[][] = [];
  const take = async (ids: string[]) => {
    sent.push(ids);
    answer(ids);
  };
  const client = new Client({ contactPoints: ["127.0.0.1"], localDataCenter: "dc1" });
  const execute = (_query: string, params: unknown[]) => take([String(params[0])]);
  const batch = (queries: { params: unknown[] }[]) => take(queries.map(({ params }) => String(params[0])));
  return { client: Object.assign(client, { execute, batch }), sent };
}

function row(id: string, partition = id): PendingRow {
  return {
    row: {
      change: "write" as const,
      eventTime: 0,
      cells: [id, undefined],
      timestamp: 1n,
      partition,
      partitionKey: partition,
      bytes: 100,
    },
    timeToLive: 0,
  };
}

function fail(ids: string[], bad: string, error: Error): void {
  if (ids.includes(bad)) throw error;
}

describe("batches", () => {
  const rows = fc.array(
    fc
      .record({ partition: fc.constantFrom("a", "b", "c"), bytes: fc.integer({ min: 1, max: 400 }) })
      .map((r) => ({ row: r })),
  );
  it("hold every row once, in its order within the partition, one partition each, within the limits", () => {
    fc.assert(
      fc.property(rows, (list) => {
        const made = batches(list, sink);
        expect(new Set(made.flat())).toEqual(new Set(list));
        expect(made.flat()).toHaveLength(list.length);
        for (const batch of made) {
          expect(new Set(batch.map((each) => each.row.partition)).size).toBe(1);
          expect(batch.length).toBeLessThanOrEqual(sink.batchMaxRows);
          if (batch.length > 1)
            expect(batch.reduce((sum, each) => sum + each.row.bytes, 0)).toBeLessThanOrEqual(sink.batchMaxBytes);
        }
        for (const name of ["a", "b", "c"]) {
          const order = list.filter((each) => each.row.partition === name);
          expect(made.flat().filter((each) => each.row.partition === name)).toEqual(order);
        }
      }),
    );
  });
});

describe("a refused row", () => {
  const invalid = new errors.ResponseError(code.invalid, "too large");
  const rows = [row("a", "p"), row("b", "p"), row("c", "p"), row("d", "q")];

  it("is found out in its batch and is poison alone", async () => {
    const { client, sent } = clientThat((ids) => fail(ids, "b", invalid));
    const written = await new RowWriter(always(client), sink, async () => true).write(rows, context);
    expect(written.map((w) => (w.kind === "poison" ? w.reason : w.kind))).toEqual([
      "written",
      "InvalidValue",
      "written",
      "written",
    ]);
    expect(sent).toEqual([["a", "b", "c"], ["d"], ["a"], ["b"], ["c"]]);
  });

  it.each([
    ["is not as it was", async () => false],
    ["cannot be looked at", async () => Promise.reject(new Error("gone"))],
  ])("is to be tried again where the table %s", async (_what, intact) => {
    const { client } = clientThat((ids) => fail(ids, "b", invalid));
    const written = await new RowWriter(always(client), sink, intact).write([row("b")], context);
    expect(written).toMatchObject([{ kind: "retry", code: "StoreUnavailable" }]);
  });
});

describe("a failed batch", () => {
  it("is to be tried again for exactly its own rows", async () => {
    const { client, sent } = clientThat((ids) => fail(ids, "b", new errors.ResponseError(code.writeTimeout, "late")));
    const rows = [row("a", "p"), row("b", "p"), row("c", "q")];
    const written = await new RowWriter(always(client), sink, async () => true).write(rows, context);
    expect(written).toMatchObject([{ code: "StoreTimeout" }, { code: "StoreTimeout" }, { kind: "written" }]);
    expect(sent).toHaveLength(2);
  });

  it("is not sent any more once the work is stopped", async () => {
    const stop = new AbortController();
    const { client, sent } = clientThat(() => stop.abort());
    const one = { ...sink, maxInFlight: 1, batchBy: "partition" as const, ledger: false };
    const written = await new RowWriter(always(client), one, async () => true).write(
      [row("a"), row("b")],
      sinkContext(stop.signal),
    );
    expect(written).toMatchObject([{ kind: "written" }, { kind: "retry", code: "Interrupted" }]);
    expect(sent).toEqual([["a"]]);
  });
});

describe("an error of the driver", () => {
  it.each<[string, Error, string]>([
    ["a write time-out", new errors.ResponseError(code.writeTimeout, "x"), "StoreTimeout"],
    ["a transaction of unknown end", new errors.ResponseError(0x1700, "x"), "StoreTimeout"],
    ["no answer", new errors.OperationTimedOutError("x"), "StoreTimeout"],
    ["too few replicas", new errors.ResponseError(code.unavailableException, "x"), "StoreUnavailable"],
    ["overload", new errors.ResponseError(code.overloaded, "x"), "StoreUnavailable"],
    ["no node", new errors.NoHostAvailableError({}, "x"), "StoreUnavailable"],
    ["a missing right", new errors.ResponseError(code.unauthorized, "x"), "StoreUnavailable"],
    ["anything else", new Error("x"), "StoreUnavailable"],
  ])("that says %s means another attempt", (_what, error, expected) => {
    expect(failureOf(error)).toMatchObject({ kind: "retry", code: expected });
  });

  it("names each node that was asked and what it answered", () => {
    const error = new errors.NoHostAvailableError({ "10.0.0.1:9042": new Error("refused"), "10.0.0.2:9042": "down" });
    expect(failureOf(error)).toMatchObject({
      description: "Cassandra: 10.0.0.1:9042: refused; 10.0.0.2:9042: down.",
    });
  });

  it("that says the request is invalid, or cannot be written, is a refusal", () => {
    expect(failureOf(new errors.ResponseError(code.invalid, "x"))).toMatchObject({ kind: "refused" });
    expect(failureOf(new TypeError("x"))).toMatchObject({ kind: "refused" });
  });
});

describe("a claim", () => {
  it("that the ring refuses is never the message's fault", async () => {
    const { client } = clientThat(() => {
      throw new errors.ResponseError(code.invalid, "unconfigured table");
    });
    const [claim] = await new TransactionLedger(always(client), sink.table, "w").claim([message({})], context);
    expect(claim).toMatchObject({ kind: "settled", outcome: { kind: "retry", code: "StoreUnavailable" } });
  });
});

describe("the calls of the store", () => {
  it("are each claim, each batch and each look at the table, with what came of them", async () => {
    const calls: string[] = [];
    const measured = sinkContext(undefined, 1, calls);
    const { client } = clientThat((ids) => fail(ids, "b", new errors.ResponseError(code.invalid, "too large")));
    await new TransactionLedger(always(client), sink.table, "w").claim([message({})], measured);
    await new RowWriter(always(client), sink, async () => true).write([row("a", "p"), row("b", "q")], measured);
    expect(calls.sort()).toEqual(["check_schema ok", "claim ok", "write failed", "write ok"]);
  });
});

import { describe, expect, test } from "vitest";
import type { Sink, TableDefinition } from "../../runtime/contract/index.js";
import { traceMessage } from "../../runtime/ops/trace/index.js";
import { RowLookup } from "../../runtime/sinks/cassandra/index.js";
import { sinkContext } from "../support/sinkContext.js";
import { connectionOf, message, pipelineOf, reading, readings, startedSink } from "./cassandraHarness.js";
import { oneNode } from "./cassandraOneNode.js";

const EPOCH_MS = Date.UTC(2026, 0, 31);
const context = sinkContext();
const replication = { dc1: 1 };
const never = new AbortController().signal;
const claimed = { ledger: true };

const kit = oneNode("ledger");

function sinkOn(table: TableDefinition, worker = "worker-1", changes = {}): Promise<Sink> {
  return startedSink(kit.ring, table, { replication, ...changes }, worker);
}

describe("a message id", () => {
  test("that comes with two bodies to two workers at once is stored by one and poison to the other", async () => {
    const sinks = [
      await sinkOn(readings("raced"), "worker-1", claimed),
      await sinkOn(readings("raced"), "worker-2", claimed),
    ];
    const body = { device: "d", day: "2026-01-31", time: "2026-01-31T00:00:00Z", reading: { celsius: 1 } };
    const batch = (side: number) =>
      Array.from({ length: 100 }, (_, n) => message(`id-${n}`, { ...body, seq: n * 2 + side }));
    const [one = [], two = []] = await Promise.all(sinks.map((sink, side) => sink.process(batch(side), context)));
    for (const [n, outcome] of one.entries()) {
      const kinds = [outcome, two[n]].map((o) => (o?.kind === "poison" ? o.reason : o?.kind)).sort();
      expect(kinds).toEqual(["MessageIdReused", "done"]);
    }
    const winners = one.map((outcome) => (outcome.kind === "done" ? 0 : 1));
    const ledger = await kit.client.execute("SELECT message_id, worker FROM telemetry.raced_messages");
    const taken = new Map(ledger.rows.map((row) => [String(row["message_id"]), String(row["worker"])]));
    expect(winners.map((_, n) => taken.get(`id-${n}`))).toEqual(winners.map((side) => `worker-${side + 1}`));
    const rows = await kit.client.execute("SELECT seq FROM telemetry.raced");
    const stored = rows.rows.map((row) => Number(row["seq"])).sort((a, b) => a - b);
    expect(stored).toEqual(winners.map((side, n) => n * 2 + side));
    for (const sink of sinks) await sink.stop();
  });

  test("can be traced: who took it, and the row that its outcome names, as of its event", async () => {
    const table = readings("traced", {
      columns: { ...readings("traced").columns, raw: { type: "blob", body: "raw", required: true } },
      clusteringKey: [{ column: "seq", descending: true }, { column: "raw" }],
    });
    const [pipeline, connection] = [pipelineOf(table, replication, claimed), connectionOf(kit.ring)];
    const sink = await sinkOn(table, "worker-9", claimed);
    const body = { device: "d'1", day: "2026-01-31", seq: 7, time: "2026-01-31T00:00:00.500Z", raw: "AP8=" };
    const taken = message("traced-1", { ...body, reading: { celsius: 1 } });
    const [outcome] = await sink.process([taken], context);
    await sink.stop();
    const lookup = await RowLookup.open(pipeline, connection);
    try {
      expect(await lookup.entry("readings", "traced-1")).toMatchObject({
        worker: "worker-9",
        bodySha256: taken.bodySha256,
        sequenceNumber: "1",
      });
      expect(await lookup.entry("readings", "traced-2")).toBeUndefined();
      const object = outcome?.kind === "done" ? (outcome.object ?? "") : "";
      expect(object).toBe('telemetry.traced ["d\'1","2026-01-31","7","AP8="]');
      const key: string[] = JSON.parse(object.slice("telemetry.traced ".length));
      expect(await lookup.row(key)).toEqual({ writtenAs: new Date("2026-01-31T00:00:00.500Z") });
      expect(await lookup.row(key.with(2, "8"))).toBeUndefined();
    } finally {
      await lookup.close();
    }
    const wanted = { message: "traced-1", files: [], pipeline, connection, signal: never };
    expect((await traceMessage(wanted)).entries).toMatchObject([
      { source: "cassandra", where: "ledger of telemetry.traced" },
    ]);
  });

  test("that comes again with the same body is a duplicate, whichever worker gets it", async () => {
    const first = await sinkOn(readings("again"), "worker-1", claimed);
    const second = await sinkOn(readings("again"), "worker-2", claimed);
    expect(await first.process([reading(0, EPOCH_MS)], context)).toMatchObject([{ kind: "done", duplicate: false }]);
    expect(await second.process([reading(0, EPOCH_MS)], context)).toMatchObject([{ kind: "done", duplicate: true }]);
    await first.stop();
    await second.stop();
  });

  test("is claimed where the pipeline keeps a ledger, and nowhere else", async () => {
    const kept = await sinkOn(readings("kept_ledger"), "worker-1", claimed);
    const none = await sinkOn(readings("no_ledger"));
    const body = { device: "d", day: "2026-01-31", time: "2026-01-31T00:00:00Z", reading: { celsius: 1 } };
    const again = [message("same", { ...body, seq: 1 }), message("same", { ...body, seq: 2 })];
    await kept.process(again.slice(0, 1), context);
    expect(await kept.process(again.slice(1), context)).toMatchObject([{ reason: "MessageIdReused" }]);
    for (const each of again)
      expect(await none.process([each], context)).toMatchObject([{ kind: "done", duplicate: false }]);
    await none.probe();
    const lookup = await RowLookup.open(pipelineOf(readings("no_ledger"), replication), connectionOf(kit.ring));
    expect(await lookup.entry("readings", "same")).toBeUndefined();
    await lookup.close();
    const tables = await kit.client.execute(
      "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'telemetry'",
    );
    const names = tables.rows.map((row) => String(row["table_name"]));
    expect(names).toContain("kept_ledger_messages");
    expect(names).not.toContain("no_ledger_messages");
    for (const sink of [kept, none]) await sink.stop();
  });

  test("is in the ledger with the body's hash, the worker and the trace", async () => {
    const sink = await sinkOn(readings("audited"), "worker-7", claimed);
    const sent = { ...reading(0, EPOCH_MS), sequenceNumber: "9007199254740993", traceId: "f".repeat(32) };
    await sink.process([sent], context);
    const row = (await kit.client.execute("SELECT * FROM telemetry.audited_messages")).first();
    expect({ ...row }).toEqual({
      entity: "readings",
      message_id: "m-0",
      body_sha256: sent.bodySha256,
      worker: "worker-7",
      trace_id: "f".repeat(32),
      sequence_number: 9007199254740993n,
      claimed_at: expect.any(Date),
    });
    await sink.stop();
  });
});

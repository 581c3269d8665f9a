import { describe, expect, test } from "vitest";
import { BatchBy, type SinkMessage, type TableDefinition } from "../../../runtime/contract/index.js";
import { TimeRules } from "../../../runtime/sinks/cassandra/eventTime.js";
import { type Row, RowMapper } from "../../../runtime/sinks/cassandra/mapping.js";
import { sinkContext } from "../../support/sinkContext.js";
import { Seeded } from "../broker-fuzz/seeded.js";
import { CellModel } from "./cellModel.js";
import { delivered, drawEvents, type EventTable, eventTable, inCalls } from "./eventSets.js";
import { clientThat, writerOn } from "./writerKit.js";

/** Sets of messages, a third of them for each kind of table. */
const DRAWS = process.env["STOWAGE_LONG"] === "1" ? 60_000 : 1_500;
const NOW = Date.UTC(2026, 0, 31, 12);

/** What a table holds in the end, after messages in calls, each call at its own time. */
async function tableAfter(
  table: TableDefinition,
  calls: SinkMessage[][],
  random: Seeded,
  end: number,
  changed: (row: Row) => Row = (row) => row,
): Promise<string[]> {
  let now = NOW;
  const key = [...table.partitionKey.slice(1), ...table.clusteringKey.map(({ column }) => column)];
  const model = new CellModel([...key, "run"], () => now);
  // A replica takes the statements of a batch in any order.
  const { client } = clientThat(({ statements }) => {
    for (const statement of random.oneIn(2) ? statements : statements.toReversed()) model.apply(statement);
  });
  const [rules, mapper] = [new TimeRules(table), new RowMapper(table)];
  const batchBy = random.oneIn(2) ? BatchBy.Partition : BatchBy.ReplicaSet;
  const sink = { table, batchBy, batchMaxRows: 1 + random.below(8), batchMaxBytes: 200 + random.below(2_000) };
  const known = Object.assign(client, { getReplicas: () => [{ address: "a", datacenter: "dc1" }] });
  const writer = writerOn(known, { sink, rules, now: () => now });
  for (const [n, call] of calls.entries()) {
    now = NOW + Math.floor(((end - NOW) * n) / calls.length) + random.below(500);
    const rows = call.map((each) => mapper.row(each)).filter((row) => rules.refuses(row, now) === undefined);
    await writer.write(rows.map(changed), sinkContext());
  }
  now = end;
  return model.read().map((row) => row.replace(/\/run-\d/, ""));
}

describe.each<EventTable>([
  { name: "own", ownRows: true },
  { name: "cells", ownRows: false },
  { name: "ends", ownRows: false, timeToLive: "60s" },
])("a table of $name rows", (kind) => {
  const table = eventTable(kind);

  test("is the same after any order, any repetition and any cut of the same messages", {
    timeout: 600_000,
  }, async () => {
    let [rows, differing] = [0, 0];
    for (let seed = 0; seed < DRAWS / 3; seed++) {
      const random = new Seeded(seed);
      // Some end before they come, some while they come, and some live on.
      const times = [-70_000, -58_000, -57_999, -30_000, -1, 0].map((ago) => NOW + ago);
      const events = drawEvents({ seed, count: 4 + random.below(20), times });
      const end = NOW + random.below(40_000);
      const [first, second] = [
        await tableAfter(table, inCalls(delivered(events, "run-1", random), random), random, end),
        await tableAfter(table, inCalls(delivered(events, "run-2", random), random), random, end),
      ];
      expect(second, `seed ${seed}`).toEqual(first);
      rows += first.length;
      const written = await tableAfter(
        table,
        events.map((event) => delivered([event], "run-1", new Seeded(1))),
        random,
        end,
      );
      if (written.length < new Set(events.map(({ body }) => `${body["device"]}${body["slot"]}${body["event"]}`)).size)
        differing++;
    }
    // The draws are worth it: rows remain, and rows are deleted, replaced or over.
    expect(rows).toBeGreaterThan(DRAWS / 3);
    expect(differing).toBeGreaterThan(DRAWS / 10);
  });
});

describe("the draws", () => {
  test("would tell writes that carry the time of their delivery: hardly any table would be the same", async () => {
    const table = eventTable({ name: "cells", ownRows: false });
    let delivery = 0n;
    const late = (row: Row): Row => ({ ...row, timestamp: delivery++ });
    let differing = 0;
    for (let seed = 0; seed < 50; seed++) {
      const random = new Seeded(seed);
      const events = drawEvents({ seed, count: 20, times: [NOW, NOW - 1_000] });
      const run = (name: string) => inCalls(delivered(events, name, random), random);
      const first = await tableAfter(table, run("run-1"), random, NOW, late);
      const second = await tableAfter(table, run("run-2"), random, NOW, late);
      if (first.join() !== second.join()) differing++;
    }
    expect(differing).toBeGreaterThan(40);
  });
});

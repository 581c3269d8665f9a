import { describe, expect, it } from "vitest";
import { defineTable } from "../../../runtime/contract/index.js";
import {
  addColumn,
  claimMessage,
  createKeyspace,
  createTable,
  deleteRow,
  insertRow,
  ledgerTable,
  ledgerTimeToLive,
  quoted,
  readClaim,
  rowTable,
} from "../../../runtime/sinks/cassandra/cql.js";

const table = defineTable({
  keyspace: "telemetry",
  name: "readings",
  columns: {
    device: { type: "text", body: "device" },
    token: { type: "date", body: "day" },
    order: { type: "bigint", body: "seq" },
    celsius: { type: "double", body: "c" },
  },
  partitionKey: ["device", "token"],
  clusteringKey: [{ column: "order", descending: true }],
  from: { time: { body: "time" } },
});
const flat = { ...table, partitionKey: ["device"], clusteringKey: [] };

describe("statements", () => {
  it("create what the definition says, every name in quotes", () => {
    expect(createKeyspace("telemetry", { dc1: 3, "o'dc": 1 })).toBe(
      "CREATE KEYSPACE IF NOT EXISTS \"telemetry\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3, 'o''dc': 1}",
    );
    expect(createTable(rowTable(table))).toBe(
      'CREATE TABLE IF NOT EXISTS "telemetry"."readings" ("device" text, "token" date, "order" bigint, "celsius" double, ' +
        'PRIMARY KEY (("device", "token"), "order")) WITH CLUSTERING ORDER BY ("order" DESC)',
    );
    expect(createTable(rowTable(flat))).toMatch(/PRIMARY KEY \(\("device"\)\)\)$/);
    const [column] = rowTable(table).columns;
    expect(column && addColumn(rowTable(table), column)).toBe(
      'ALTER TABLE "telemetry"."readings" ADD IF NOT EXISTS "device" text',
    );
  });

  it("hold names that somebody else chose as names, whatever stands in them", () => {
    expect(quoted('admin" FROM x; --')).toBe('"admin"" FROM x; --"');
  });

  it("write a row as of its event's time, with a time to live where rows have one", () => {
    const columns = '("device", "token", "order", "celsius") VALUES (?, ?, ?, ?)';
    expect(insertRow(table)).toBe(`INSERT INTO "telemetry"."readings" ${columns} USING TIMESTAMP ?`);
    expect(insertRow({ ...table, timeToLive: "60s" })).toMatch(/USING TIMESTAMP \? AND TTL \?$/);
    expect(insertRow({ ...table, timeToLive: "0s" })).toMatch(/USING TIMESTAMP \?$/);
  });

  it("delete a row as of its event's time, by its whole primary key in order", () => {
    expect(deleteRow(table)).toBe(
      'DELETE FROM "telemetry"."readings" USING TIMESTAMP ? WHERE "device" = ? AND "token" = ? AND "order" = ?',
    );
  });

  it("claim a message once, under its entity and id", () => {
    expect(createTable(ledgerTable(table))).toBe(
      'CREATE TABLE IF NOT EXISTS "telemetry"."readings_messages" ("entity" text, "message_id" text, "body_sha256" text, ' +
        '"worker" text, "trace_id" text, "sequence_number" bigint, "claimed_at" timestamp, ' +
        'PRIMARY KEY (("entity", "message_id")))',
    );
    expect(claimMessage(table)).toMatch(/VALUES \(\?, \?, \?, \?, \?, \?, \?\) IF NOT EXISTS$/);
    expect(claimMessage({ ...table, timeToLive: "60s" })).toMatch(/IF NOT EXISTS USING TTL \?$/);
    expect(readClaim(table)).toContain('WHERE "entity" = ? AND "message_id" = ?');
  });
});

describe("the ledger", () => {
  it("has a name of its own for every table, never longer than Cassandra takes", () => {
    const names = ["a".repeat(38), "a".repeat(39), `${"a".repeat(47)}b`, `${"a".repeat(47)}c`];
    const ledgers = names.map((name) => ledgerTable({ ...table, name }).name);
    expect(ledgers[1]).toBe(`${"a".repeat(39)}_messages`);
    expect(ledgers.every((name) => name.length <= 48 && name.endsWith("_messages"))).toBe(true);
    expect(new Set(ledgers).size).toBe(names.length);
  });

  it("outlives its rows by the longest series of deliveries, within Cassandra's limit", () => {
    expect(ledgerTimeToLive(table)).toBe(0);
    expect(ledgerTimeToLive({ ...table, timeToLive: "60s" })).toBe(60 + 14 * 86_400);
    expect(ledgerTimeToLive({ ...table, timeToLive: "7300d" })).toBe(630_720_000);
  });
});

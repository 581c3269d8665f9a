import { describe, expect, it } from "vitest";
import { defineTable } from "../../../runtime/contract/index.js";

const columns = {
  device: { type: "text", body: "device" },
  id: { type: "text", message: "messageId" },
  track: { type: "frozen<list<double>>", body: "track" },
} as const;
const base = { keyspace: "ks", name: "t", columns, from: { time: { body: "time" } } } as const;

describe("defineTable", () => {
  it("takes a table whose keys are its columns, and keeps its literal type", () => {
    const table = defineTable({ ...base, partitionKey: ["device"], clusteringKey: [{ column: "id" }] });
    const name: "t" = table.name;
    const type: "frozen<list<double>>" = table.columns.track.type;
    expect([name, type]).toEqual(["t", "frozen<list<double>>"]);
  });

  it("does not compile where a key is no column, or a type is none", () => {
    // @ts-expect-error devise is no column
    defineTable({ ...base, partitionKey: ["devise"], clusteringKey: [{ column: "id" }] });
    // @ts-expect-error ident is no column
    defineTable({ ...base, partitionKey: ["device"], clusteringKey: [{ column: "ident" }] });
    const open = { device: { type: "list<text>", body: "x" } } as const;
    // @ts-expect-error a list has to be frozen
    defineTable({ ...base, columns: open, partitionKey: ["device"], clusteringKey: [] });
    expect(base.columns).toBe(columns);
  });
});

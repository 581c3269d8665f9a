import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TableDefinition } from "../../../runtime/contract/index.js";
import { ReplicaSets, routingKey } from "../../../runtime/sinks/cassandra/replicaSets.js";
import { FakeClock } from "../bus/fakes.js";
import { driverRoutingKey } from "./driver.js";
import { tableOf } from "./kit.js";

const MINUTE = 60_000;
const table: TableDefinition = {
  ...tableOf("text"),
  columns: { day: { type: "text", body: "day" }, id: { type: "text", body: "id" }, value: { type: "text", body: "v" } },
  partitionKey: ["id", "day"],
};
const rowOf = (id: string, day: string | undefined = "monday") => ({
  partition: `${id} ${day}`,
  cells: [day === undefined ? undefined : Buffer.from(day), Buffer.from(id), undefined],
});

/** The metadata of a ring whose replicas are as said, and what it was asked. */
function ring(...replicas: [address: string, datacenter: string][]) {
  const clock = new FakeClock();
  const asked: { keyspace: string; key: Buffer }[] = [];
  const state = { replicas };
  const getReplicas = (keyspace: string, key: Buffer) => {
    asked.push({ keyspace, key });
    return state.replicas.map(([address, datacenter]) => ({ address, datacenter }));
  };
  const metadata = { getReplicas: Object.assign(getReplicas) };
  const sets = new ReplicaSets(
    table,
    () => metadata,
    "dc1",
    () => clock.now(),
  );
  return { sets, clock, asked, state };
}

describe("the replicas of a partition", () => {
  test("are asked for by the bytes that its token is made of, the key's columns in the key's order", () => {
    const { sets, asked } = ring(["a", "dc1"]);
    sets.of(rowOf("x", "tue"));
    expect(asked).toEqual([{ keyspace: "ks", key: driverRoutingKey([Buffer.from("x"), Buffer.from("tue")]) }]);
  });

  test("are found by the same bytes as the driver's own, for a key of one column or several", () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 4 }), (values) => {
        expect(routingKey(values)).toEqual(driverRoutingKey(values));
      }),
    );
  });

  test("are one set in whatever order the driver names them", () => {
    const { sets, state } = ring(["b", "dc1"], ["a", "dc1"]);
    const first = sets.of(rowOf("x"));
    state.replicas.reverse();
    expect(first).toBeDefined();
    expect(sets.of(rowOf("y"))).toBe(first);
  });

  test("are those of the local datacenter: a coordinator there writes to these itself", () => {
    const { sets, state } = ring(["a", "dc1"], ["far 1", "dc2"]);
    const first = sets.of(rowOf("x"));
    state.replicas = [
      ["a", "dc1"],
      ["far 2", "dc2"],
    ];
    expect(sets.of(rowOf("y"))).toBe(first);
    state.replicas = [["far 2", "dc2"]];
    expect(sets.of(rowOf("z"))).toBeUndefined();
  });

  test("are asked for once a minute: rings grow and shrink", () => {
    const { sets, clock, asked, state } = ring(["a", "dc1"]);
    const before = sets.of(rowOf("x"));
    state.replicas = [["b", "dc1"]];
    clock.freeze(MINUTE);
    expect(sets.of(rowOf("x"))).toBe(before);
    expect(asked).toHaveLength(1);
    clock.freeze(1);
    expect(sets.of(rowOf("x"))).toBe("b");
  });

  test("are not known where the driver knows none or the key is not whole, and are asked for again", () => {
    const { sets, state } = ring();
    expect(sets.of(rowOf("x"))).toBeUndefined();
    state.replicas = [["a", "dc1"]];
    expect(sets.of(rowOf("x"))).toBe("a");
    expect(sets.of({ partition: "half", cells: [undefined, Buffer.from("x"), undefined] })).toBeUndefined();
  });
});

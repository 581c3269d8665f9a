import { describe, expect, it } from "vitest";
import { CassandraOperator, type CassandraRingArgs, ringTableProblems } from "../../../components/cassandra/index.js";
import { formatProblem, type TableDefinition } from "../../../runtime/contract/index.js";
import { ringArgs } from "./args.js";

function table(changed: Partial<TableDefinition> = {}): TableDefinition {
  return {
    keyspace: "telemetry",
    name: "readings",
    columns: { device: { type: "text", body: "device" }, id: { type: "text", message: "messageId" } },
    partitionKey: ["device"],
    clusteringKey: [{ column: "id" }],
    from: { time: { body: "at" } },
    ...changed,
  };
}

const said = (args: Partial<CassandraRingArgs>, tables: TableDefinition[]) =>
  ringTableProblems(ringArgs(args), tables).map(formatProblem);

describe("what of a ring does not fit its tables", () => {
  it("is nothing with the defaults of both", () => expect(said({}, [table()])).toEqual([]));

  it("is a repair that comes after the tombstones of a table are dropped", () => {
    expect(said({}, [table(), table({ name: "events", options: { gcGrace: "8d" } })])).toEqual([
      "repair.gcGrace.telemetry.events: must be at least repair.interval and repair.longestRun together, 7d + 2d: " +
        "tombstones of telemetry.events would be dropped before a repair brought them to every replica, and deleted rows " +
        'would be back (found "8d"). Raise it, or repair more often',
    ]);
    expect(said({ repair: { interval: "5d" } }, [table({ options: { gcGrace: "8d" } })])).toEqual([]);
    expect(said({ repair: { interval: "9d" } }, [table()])).toHaveLength(1);
  });

  it("leaves the time of repairs to whoever runs them", () => {
    const short = [table({ options: { gcGrace: "1h" } })];
    expect(said({ repair: { enabled: false } }, short)).toEqual([]);
    expect(said({ operator: CassandraOperator.CassOperator }, short)).toEqual([]);
  });

  it("is a node that refuses a timestamp which a worker takes", () => {
    const skewed = table({ from: { time: { body: "at" }, maxFutureSkew: "10m" } });
    expect(said({}, [skewed])).toEqual([
      "maxTimestampSkew: must be at least 60 seconds longer than maxFutureSkew of telemetry.readings, 10m: the nodes would " +
        'refuse events that the worker takes (found "10m"). Raise it, or lower maxFutureSkew',
    ]);
    expect(said({ maxTimestampSkew: "11m" }, [skewed])).toEqual([]);
    expect(said({ serverVersion: "4.1.10" }, [skewed])).toEqual([]);
  });
});

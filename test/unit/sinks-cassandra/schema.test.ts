import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CassandraSink, TableDefinition } from "../../../runtime/contract/index.js";
import { type Change, ChangeKind, changeLine, Need, planSchema } from "../../../runtime/sinks/cassandra/schema/plan.js";
import { type LiveSchema, type LiveTable, wantedSchema } from "../../../runtime/sinks/cassandra/schema/state.js";
import { liveOf, nodes, sinkOf, table } from "./liveSchema.js";

const asDefined = wantedSchema(sinkOf());
/** The plan for the table as defined, in a keyspace that differs from it. */
const changed = (change: (live: LiveSchema, readings: LiveTable) => void): Change[] =>
  planSchema(liveOf(asDefined, change), asDefined);
/** The plan for another definition, in a keyspace that is as the table was defined. */
const towards = (change: Partial<TableDefinition>, more: Partial<CassandraSink> = {}): Change[] =>
  planSchema(liveOf(asDefined), wantedSchema(sinkOf(change, more)));
const without = (name: keyof typeof table.columns): TableDefinition["columns"] => {
  const { [name]: _, ...others } = table.columns;
  return others;
};
const column = (live: LiveTable, name: string) => {
  const found = live.columns.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no column ${name}`);
  return found;
};

describe("what is there as it is wanted", () => {
  test("needs no change", () => {
    expect(changed(() => undefined)).toEqual([]);
  });

  test("is made from nothing: the keyspace, types behind those that they are made of, the tables", () => {
    const nothing: LiveSchema = { nodes, replication: undefined, types: [], tables: {} };
    const deep = { box: { corner: "frozen<position>" }, ...table.types } as const;
    const wanted = wantedSchema(sinkOf({ types: deep }, { ledger: true }));
    expect(planSchema(nothing, wanted).map(({ what }) => what)).toEqual([
      "create keyspace telemetry",
      "create type position",
      "create type box",
      "create type place",
      "create table readings",
      "create table readings_messages",
    ]);
    expect(planSchema(nothing, wanted).find(({ what }) => what === "create table readings")?.statement).toContain(
      'WITH CLUSTERING ORDER BY ("seq" DESC, "id" ASC) AND comment = \'readings of devices\' AND gc_grace_seconds = 864000 ' +
        "AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS'} AND compression = ",
    );
  });

  test("has no ledger where the pipeline keeps none", () => {
    expect(asDefined.tables.map(({ shape }) => shape.name)).toEqual(["readings"]);
  });
});

describe("a change that loses nothing is made", () => {
  const columns = { ...table.columns, battery: { type: "tinyint", body: "battery" } } as const;
  const options = (change: object): Partial<TableDefinition> => ({ options: { ...table.options, ...change } });
  test.each<[string, Change[], string]>([
    ["add column readings.battery tinyint", towards({ columns }), 'ADD IF NOT EXISTS "battery" tinyint'],
    [
      "add field position.z double",
      towards({ types: { ...table.types, position: { x: "double", y: "double", z: "double" } } }),
      'ALTER TYPE "telemetry"."position" ADD IF NOT EXISTS "z" double',
    ],
    ["set the comment of readings", towards(options({ comment: "it's new" })), "comment = 'it''s new'"],
    ["raise gc_grace_seconds of readings from 864000 to 1728000", towards(options({ gcGrace: "20d" })), "= 1728000"],
    [
      "set the compaction of readings",
      towards(options({ compaction: { class: "UnifiedCompactionStrategy" } })),
      "compaction = {'class': 'UnifiedCompactionStrategy'}",
    ],
    [
      "set the compression of readings",
      towards(options({ compression: { enabled: "false" } })),
      "{'enabled': 'false'}",
    ],
    [
      "raise the replication of telemetry in dc1 from 2 to 3",
      changed((live) => {
        live.replication = { strategy: "NetworkTopologyStrategy", replicas: { dc1: 2, dc2: 3 } };
      }).slice(0, 1),
      "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 3}",
    ],
    [
      "replicate telemetry in dc2, 3 times",
      towards({}, { replication: { dc1: 3, dc2: 3 } }),
      "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 3}",
    ],
    [
      "end default_time_to_live of readings, 60 s: the definition's rows live for ever",
      changed((_live, readings) => {
        readings.options = { ...readings.options, defaultTimeToLive: 60 };
      }),
      "default_time_to_live = 0",
    ],
  ])("%s", (what, plan, statement) => {
    expect(plan).toHaveLength(1);
    expect(plan[0]).toMatchObject({ kind: ChangeKind.Additive, what });
    expect(plan[0]?.statement).toContain(statement);
  });

  test("options that the definition does not state stay as they are", () => {
    expect(towards({ options: {} })).toEqual([]);
    // Its own time to live is in every write: the table's does not matter then.
    const wanted = wantedSchema(sinkOf({ timeToLive: "30d" }));
    const live = liveOf(wanted, (_live, readings) => {
      readings.options = { ...readings.options, defaultTimeToLive: 60 };
    });
    expect(planSchema(live, wanted)).toEqual([]);
  });

  test("raised replication says that a repair is needed", () => {
    const [raised] = changed((live) => {
      live.replication = { strategy: "NetworkTopologyStrategy", replicas: { dc1: 1 } };
    });
    expect(raised?.note).toMatch(/nodetool repair -full telemetry/);
  });

  test("a table with deletions keeps its tombstones as long as it says, by default too", () => {
    const deletes = { from: { ...table.from, deletes: { body: "gone", equals: "true" } }, options: {} };
    const wanted = wantedSchema(sinkOf(deletes));
    const live = liveOf(wanted, (_live, readings) => {
      readings.options = { ...readings.options, gcGraceSeconds: 3_600 };
    });
    expect(planSchema(live, wanted)).toMatchObject([
      { kind: ChangeKind.Additive, what: expect.stringMatching(/^raise gc_grace/) },
    ]);
  });
});

describe("a change that loses something is made only where its words allow it", () => {
  test.each<[string, Change[], Need, RegExp, string]>([
    [
      "drop column readings.celsius",
      towards({ columns: without("celsius") }),
      Need.Nobody,
      /its values are gone/,
      'ALTER TABLE "telemetry"."readings" DROP IF EXISTS "celsius"',
    ],
    [
      "lower gc_grace_seconds of readings from 864000 to 3600",
      towards({ options: { ...table.options, gcGrace: "1h" } }),
      Need.Definition,
      /deleted rows come back/,
      "gc_grace_seconds = 3600",
    ],
    [
      "lower the replication of telemetry in dc1 from 3 to 2",
      towards({}, { replication: { dc1: 2 } }),
      Need.Definition,
      /every row loses 1 of its replicas/,
      "{'class': 'NetworkTopologyStrategy', 'dc1': 2}",
    ],
    [
      "remove the replication of telemetry in dc2",
      changed((live) => {
        live.replication = { strategy: "NetworkTopologyStrategy", replicas: { dc1: 3, dc2: 1 } };
      }),
      Need.Definition,
      /dc2 loses its replica of every row/,
      "{'class': 'NetworkTopologyStrategy', 'dc1': 3}",
    ],
    [
      "add column readings.celsius double again",
      changed((_live, readings) => {
        readings.columns = readings.columns.filter(({ name }) => name !== "celsius");
        readings.dropped = [{ name: "celsius", type: "double", at: Date.UTC(2026, 0, 31) }];
      }),
      Need.Worker,
      /dropped at 2026-01-31T00:00:00.000Z: values of events from before then are written and never seen/,
      'ADD IF NOT EXISTS "celsius" double',
    ],
  ])("%s", (what, plan, need, note, statement) => {
    expect(plan).toHaveLength(1);
    expect(plan[0]).toMatchObject({ kind: ChangeKind.Lossy, need, what });
    expect(plan[0]?.note).toMatch(note);
    expect(plan[0]?.statement).toContain(statement);
    expect(plan.map(changeLine).join()).toContain(`Allow it with --allow "${what}".`);
  });
});

describe("a change that cannot be made is refused with the way out", () => {
  const another = /Define a table under another name with it, .*dual write/;
  test.each<[string, Change[], Need, RegExp]>([
    [
      "change the primary key of readings from (device text, day date, at frozen<place>), seq bigint desc, id text asc to " +
        "(device text, at frozen<place>), day date asc, seq bigint desc, id text asc",
      towards({ partitionKey: ["device", "at"], clusteringKey: [{ column: "day" }, ...table.clusteringKey] }),
      Need.Worker,
      another,
    ],
    [
      "change the primary key of readings from (device text, day date, at frozen<place>), seq bigint desc, id text asc to " +
        "(device text, day date, at frozen<place>), seq bigint asc, id text asc",
      towards({ clusteringKey: [{ column: "seq" }, { column: "id" }] }),
      Need.Worker,
      another,
    ],
    [
      "change the primary key of readings from (device text, day date, at frozen<place>), seq bigint desc, id text asc to " +
        "(device text, day date, at frozen<place>), seq int desc, id text asc",
      towards({ columns: { ...table.columns, seq: { type: "int", body: "seq" } } }),
      Need.Worker,
      another,
    ],
    [
      "change type of column readings.celsius from double to float",
      towards({ columns: { ...table.columns, celsius: { type: "float", body: "celsius" } } }),
      Need.Worker,
      /Cassandra changes no type.* another name/,
    ],
    [
      "change column readings.celsius from static to regular",
      changed((_live, readings) => {
        column(readings, "celsius").kind = "static";
      }),
      Need.Worker,
      /events would overwrite each other/,
    ],
    [
      "change type of field position.x from float to double",
      changed((live) => {
        live.types[0]?.fields.splice(0, 1, { name: "x", type: "float" });
      }),
      Need.Worker,
      /Add a field under another name/,
    ],
    [
      "drop field position.z",
      changed((live) => {
        live.types[0]?.fields.push({ name: "z", type: "double" });
      }),
      Need.Nobody,
      /it stays, unset/,
    ],
    [
      "add field place.floor int",
      towards({ types: { ...table.types, place: { name: "text", floor: "int" } } }),
      Need.Worker,
      /stands in a primary key: the same values would make another key/,
    ],
    [
      "add column readings.celsius double",
      changed((_live, readings) => {
        readings.columns = readings.columns.filter(({ name }) => name !== "celsius");
        readings.dropped = [{ name: "celsius", type: "text", at: 0 }];
      }),
      Need.Worker,
      /takes it back with that type only/,
    ],
    [
      "change the replication of telemetry from SimpleStrategy to NetworkTopologyStrategy",
      changed((live) => {
        live.replication = { strategy: "SimpleStrategy", replicas: {} };
      }),
      Need.Definition,
      /nodes that do not have them/,
    ],
    [
      "replicate telemetry 5 times in dc1",
      towards({}, { replication: { dc1: 5 } }),
      Need.Definition,
      /the datacenter has 3 nodes/,
    ],
    [
      "replicate telemetry 1 times in dc9",
      towards({}, { replication: { dc1: 3, dc9: 1 } }),
      Need.Definition,
      /the ring has no datacenter dc9; it has dc1, dc2/,
    ],
  ])("%s", (what, plan, need, note) => {
    expect(plan).toHaveLength(1);
    expect(plan[0]).toMatchObject({ kind: ChangeKind.Refused, need, what });
    expect(plan[0]?.statement).toBeUndefined();
    expect(plan[0]?.note).toMatch(note);
  });
});

test("what loses something comes last, after all that loses nothing, whichever part of the schema it is of", () => {
  const more = { ...table.columns, extra: { type: "text", body: "extra" } };
  const plan = towards({ columns: more }, { replication: { dc1: 2 } });
  expect(plan.map(({ kind, what }) => `${kind} ${what}`)).toEqual([
    "additive add column readings.extra text",
    "lossy lower the replication of telemetry in dc1 from 3 to 2",
  ]);
});

test("whatever is missing, doing the plan's first change again and again leads to what is wanted", () => {
  const wanted = wantedSchema(sinkOf({}, { ledger: true }));
  const whole = liveOf(wanted);
  const part = fc.record({
    columns: fc.subarray(asDefined.tables[0]?.shape.columns.filter(({ kind }) => kind === "regular") ?? []),
    types: fc.subarray(wanted.types),
    tables: fc.subarray(wanted.tables.map(({ shape }) => shape.name)),
    replicas: fc.constantFrom(undefined, 1, 2, 3),
  });
  fc.assert(
    fc.property(part, ({ columns, types, tables, replicas }) => {
      let live: LiveSchema = {
        nodes,
        replication: replicas && { strategy: "NetworkTopologyStrategy", replicas: { dc1: replicas } },
        types: replicas === undefined ? [] : types,
        tables: Object.fromEntries(
          (replicas === undefined ? [] : tables).map((name) => {
            const there = whole.tables[name];
            if (there === undefined) throw new Error(name);
            const kept = there.columns.filter(
              (one) => one.kind !== "regular" || name !== "readings" || columns.some((c) => c.name === one.name),
            );
            return [name, { ...there, columns: kept }];
          }),
        ),
      };
      for (let steps = 0; ; steps++) {
        const [next] = planSchema(live, wanted);
        if (next === undefined) break;
        expect(steps).toBeLessThan(20);
        expect(next.kind).toBe(ChangeKind.Additive);
        live = made(live, next, whole);
      }
      expect(planSchema(live, wanted)).toEqual([]);
    }),
  );
});

/** What an additive change leads to, in a world where only these occur. */
function made(live: LiveSchema, { what }: Change, whole: LiveSchema): LiveSchema {
  const [verb, kind, name = ""] = what.split(" ");
  if (kind === "keyspace" || verb === "raise") return { ...live, replication: whole.replication };
  if (kind === "type") return { ...live, types: [...live.types, ...whole.types.filter((type) => type.name === name)] };
  const [of = "", added] = name.split(".");
  const [there, full] = [live.tables[of], whole.tables[of]];
  if (full === undefined) throw new Error(what);
  const columns = added === undefined ? full.columns : [...(there?.columns ?? []), column(full, added)];
  return { ...live, tables: { ...live.tables, [of]: { ...full, columns } } };
}

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type CassandraSink,
  CONTRACT_VERSION,
  type Outcome,
  type Sink,
  type SinkMessage,
  type TableDefinition,
} from "../../../runtime/contract/index.js";
import { createSink } from "../../../runtime/sinks/cassandra/index.js";
import { wantedSchema } from "../../../runtime/sinks/cassandra/schema/state.js";
import { sinkContext } from "../../support/sinkContext.js";
import { pipelineTo } from "../support/pipelines.js";
import { message, tableOf } from "./kit.js";
import { asWanted, type ScriptedRing, scriptedRing } from "./scriptedRing.js";
import { smallSink, ToldMetrics } from "./writerKit.js";

const NOW = Date.UTC(2026, 0, 31, 12);
const DAY_MS = 86_400_000;
const connection = {
  contractVersion: CONTRACT_VERSION,
  serviceBus: { fullyQualifiedNamespace: "localhost", developmentEmulator: true },
  cassandra: { contactPoints: ["127.0.0.1"], port: 9042, localDatacenter: "dc1" },
};

let sink: Sink | undefined;
beforeEach(() => {
  sink = undefined;
});
afterEach(async () => {
  await sink?.stop();
  vi.restoreAllMocks();
});

/** A sink on a ring whose table is as wanted, what it told, and the ring. */
async function started(table: Partial<TableDefinition>, change: Partial<CassandraSink> = {}) {
  const cassandra = { ...smallSink, ...change, table: { ...tableOf("text"), ...table } };
  const ring = scriptedRing(["127.0.0.1:9042"], asWanted(wantedSchema(cassandra), { dc1: 1 }));
  const metrics = new ToldMetrics();
  const pipeline = pipelineTo("cassandra", { sink: { cassandra } });
  const made = createSink({ pipeline, connection, worker: "w", now: () => NOW, metrics: { cassandra: metrics } });
  sink = made;
  await made.start(new AbortController().signal);
  ring.asked.length = 0;
  return { ring, metrics, process: (...batch: SinkMessage[]) => made.process(batch, sinkContext()) };
}

/** A message about an event of so many milliseconds ago. */
const event = (ago: number, changes: Partial<SinkMessage> = {}) =>
  message({ id: "x", at: NOW - ago, value: "v" }, changes);
const said = (outcomes: Outcome[]) =>
  outcomes.map((outcome) => (outcome.kind === "done" ? `done ${outcome.duplicate}` : Object.values(outcome)[1]));
const statements = ({ asked }: ScriptedRing) => asked.map(({ cql }) => cql.split(" ")[0]);

describe("a message", () => {
  test("whose event is out of its table's time is not written, and told as what it is", async () => {
    const { ring, metrics, process } = await started({
      timeToLive: "1d",
      from: { time: { body: "at" }, maxAge: "7d" },
    });
    const outcomes = await process(event(DAY_MS), event(-301_000), event(8 * DAY_MS));
    // Over with its row's life it is as if it had been written in time.
    expect(said(outcomes)).toEqual(["done true", "EventTimeOutOfRange", "EventTimeOutOfRange"]);
    expect(metrics.times).toEqual(["expired", "ahead", "too_old"]);
    expect(ring.asked).toEqual([]);
  });

  test("whose event is in time is written once, and done", async () => {
    const { ring, metrics, process } = await started({ timeToLive: "1d" });
    expect(said(await process(event(DAY_MS - 1_000)))).toEqual(["done false"]);
    expect([statements(ring), metrics.times]).toEqual([["INSERT"], []]);
  });
});

describe("the ledger", () => {
  const claims = ({ asked }: ScriptedRing) => asked.map(({ cql }) => cql.includes("IF NOT EXISTS"));

  test("is kept only where the pipeline says so: then an id is claimed before its row is written", async () => {
    const without = await started({}, { ledger: false });
    expect(said(await without.process(event(0)))).toEqual(["done false"]);
    expect(claims(without.ring)).toEqual([false]);
    await sink?.stop();
    vi.restoreAllMocks();
    const kept = await started({}, { ledger: true });
    expect(said(await kept.process(event(0)))).toEqual(["done false"]);
    expect(claims(kept.ring)).toEqual([true, false]);
  });

  test("makes the same id with the same body a duplicate, and with another body poison that is not written", async () => {
    const { ring, process } = await started({}, { ledger: true });
    const first = event(0);
    ring.answers = (cql) =>
      cql.includes("IF NOT EXISTS")
        ? { rows: [{ "[applied]": false, body_sha256: first.bodySha256, worker: "another" }] }
        : { rows: [] };
    expect(said(await process(first))).toEqual(["done true"]);
    expect(claims(ring)).toEqual([true, false]);
    ring.asked.length = 0;
    expect(said(await process(event(1)))).toEqual(["MessageIdReused"]);
    expect(claims(ring)).toEqual([true]);
  });
});

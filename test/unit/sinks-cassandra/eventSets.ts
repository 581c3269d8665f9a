import type { Duration, SinkMessage, TableDefinition } from "../../../runtime/contract/index.js";
import { Seeded } from "../broker-fuzz/seeded.js";
import { message } from "./kit.js";

/** How the rows of a test's table are told apart. */
export interface EventTable {
  name: string;
  /** True where each event has a row of its own; otherwise the later of two wins cell by cell. */
  ownRows: boolean;
  timeToLive?: Duration;
}

/** A table of events with deletions; the partition key begins with the run, so that one table holds many of them. */
export function eventTable({ name, ownRows, timeToLive }: EventTable): TableDefinition {
  return {
    keyspace: "events",
    name,
    columns: {
      run: { type: "text", property: "run" },
      device: { type: "text", body: "device" },
      slot: { type: "text", body: "slot" },
      event: { type: "text", body: "event" },
      a: { type: "text", body: "a" },
      b: { type: "text", body: "b" },
    },
    partitionKey: ["run", "device"],
    clusteringKey: ownRows ? [{ column: "slot" }, { column: "event" }] : [{ column: "slot" }],
    ...(ownRows ? {} : { lastWriterPerCell: true }),
    ...(timeToLive === undefined ? {} : { timeToLive }),
    from: { time: { body: "at" }, deletes: { body: "op", equals: "delete" } },
  };
}

/** What a set of events is drawn from. */
export interface EventDraw {
  seed: number;
  count: number;
  /** Times of the events, in milliseconds since 1970: few, so that events collide. */
  times: readonly number[];
}

/** Bodies and ids of events that collide on purpose: in device, slot, time and, one time in five, in their microsecond. */
export function drawEvents({ seed, count, times }: EventDraw): { id: string; body: { [key: string]: unknown } }[] {
  const random = new Seeded(seed);
  return Array.from({ length: count }, (_, n) => {
    const at = new Date(random.pick(times)).toISOString();
    const values = ["", "x", "y", "zz"];
    const body = {
      device: random.pick(["d1", "d2"]),
      slot: random.pick(["s1", "s2", "s3"]),
      event: `e${random.below(Math.ceil(count / 2))}`,
      // With six digits of a second no hash tells events of one millisecond apart.
      at: random.oneIn(5) ? at.replace("Z", "500Z") : at,
      ...(random.oneIn(4) ? { op: "delete" } : {}),
      ...(random.oneIn(3) ? {} : { a: random.pick(values) }),
      ...(random.oneIn(3) ? {} : { b: random.pick(values) }),
    };
    return { id: `m-${seed}-${n}`, body };
  });
}

/** The events as messages of one run, in an order of their own, each at least once and some of them again and again. */
export function delivered(events: ReturnType<typeof drawEvents>, run: string, random: Seeded): SinkMessage[] {
  const messages = events.map(({ id, body }) => message(body, { messageId: id, properties: { run } }));
  const again = messages.filter(() => random.oneIn(2));
  const all = [...messages, ...again, ...again.filter(() => random.oneIn(3))];
  return all
    .map((each) => ({ each, rank: random.uint() }))
    .sort((one, other) => one.rank - other.rank)
    .map(({ each }) => each);
}

/** Cut at random into calls of one message to a third of them. */
export function inCalls(messages: SinkMessage[], random: Seeded): SinkMessage[][] {
  const calls: SinkMessage[][] = [];
  for (let from = 0; from < messages.length; ) {
    const size = 1 + random.below(Math.ceil(messages.length / 3));
    calls.push(messages.slice(from, from + size));
    from += size;
  }
  return calls;
}

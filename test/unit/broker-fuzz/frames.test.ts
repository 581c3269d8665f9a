import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { eventually } from "../broker/client.js";
import * as amqp from "./encode.js";
import { malformedFrame, malformedMessage, malformedRequest, mutated, oddFrame } from "./generate.js";
import { RawPeer } from "./rawPeer.js";
import { messagesIn, type Recording, recordClient } from "./recorded.js";
import { fuzzSeed, Seeded } from "./seeded.js";

/** How many of each kind are sent; together 100,000. */
const MESSAGES = 40_000;
const REQUESTS = 30_000;
const ODD = 15_000;
const MUTATED = 10_000;
const FRAMES = 4_000;
const BEFORE_SASL = 1_000;

/** Kept below the credit that the broker gives a sender. */
const ON_ONE_LINK = 900;
const ON_ONE_CONNECTION = 250;
const AT_ONCE = 16;
/** How long the broker may take to answer or to close one connection. */
const LIMIT_MS = 20_000;
/** What may be left of it all: the heap's own slack after a hundred thousand frames, not a byte for each. */
const MARGIN_BYTES = 4 * 1_024 * 1_024;

const TRANSFER = 0x14;
const DISPOSITION = 0x15;
const LAST_HANDLE = 255;
const LAST_NAME = "the-last-link";

/** Runs `one` so often, some at a time. */
async function manyTimes(times: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < times) await one(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

/** What the broker did on one connection. */
interface Outcome {
  /** It told, of what was sent last, what only a connection that lives is told. */
  readonly lives: boolean;
  /** Settlements and answers, one by one or for several in a row. */
  readonly judged: number;
}

/**
 * One connection: it sends what it is given, then an attach, and then nothing more. The broker answers the attach, or
 * has closed by then; and it closes in any case, since nothing more comes. Not to close is a failure.
 */
async function exchange(port: number, bytes: readonly Buffer[], what: string): Promise<Outcome> {
  const peer = new RawPeer(port);
  try {
    peer.write(Buffer.concat([...bytes, amqp.attach(LAST_HANDLE, LAST_NAME, "fuzz", false)]));
    peer.finish();
    if (!(await peer.until(() => peer.ended, LIMIT_MS))) {
      throw new Error(`${what}: neither answered nor closed within ${LIMIT_MS} ms`);
    }
    return { lives: peer.attached(LAST_NAME), judged: peer.count(TRANSFER) + peer.count(DISPOSITION) };
  } finally {
    peer.destroy();
  }
}

interface Run {
  readonly port: number;
  readonly seeded: Seeded;
  readonly real: readonly Buffer[];
  readonly recordings: readonly Recording[];
  /** One is everything. */
  readonly share: number;
}

/** Connections that lived to the end, and that the broker closed before; settlements and answers. */
type Told = Record<"lived" | "closed" | "judged", number>;
type Kind = "messages" | "requests" | "odd" | "mutated" | "frames" | "before SASL";

/** Sends all of it, and says what the broker did. */
async function fuzz({ port, seeded, real, recordings, share }: Run): Promise<ReadonlyMap<Kind, Told>> {
  const told = new Map<Kind, Told>();
  const send = async (kind: Kind, bytes: readonly Buffer[], index: number): Promise<void> => {
    const { lives, judged } = await exchange(port, bytes, `${kind} ${index}`);
    const sum = told.get(kind) ?? { lived: 0, closed: 0, judged: 0 };
    sum[lives ? "lived" : "closed"]++;
    sum.judged += judged;
    told.set(kind, sum);
  };
  const links = (count: number) => Math.ceil((count * share) / ON_ONE_LINK);
  const connections = (count: number) => Math.ceil((count * share) / ON_ONE_CONNECTION);
  const transfers = (make: () => Buffer) =>
    Array.from({ length: ON_ONE_LINK }, (_, id) => amqp.transfer(0, id, make(), seeded.oneIn(5) ? 0x8001_3700 : 0));

  await manyTimes(links(MESSAGES), async (i) => {
    const target = i % 2 === 0 ? "fuzz" : "fuzz-topic";
    const messages = transfers(() => malformedMessage(seeded, real));
    await send("messages", [amqp.PREFACE, amqp.attach(0, "in", target, false), ...messages], i);
  });
  await manyTimes(links(REQUESTS), async (i) => {
    const target = i % 5 === 4 ? "$cbs" : "fuzz/$management";
    const answers = [amqp.attach(1, "out", target, true, "reply"), amqp.credit(1, 10_000)];
    const requests = transfers(() => malformedRequest(seeded, real));
    await send("requests", [amqp.PREFACE, amqp.attach(0, "in", target, false), ...answers, ...requests], i);
  });
  await manyTimes(connections(ODD), async (i) => {
    const odd = Array.from({ length: ON_ONE_CONNECTION }, (_, handle) => oddFrame(seeded, handle));
    await send("odd", [amqp.PREFACE, ...odd], i);
  });
  await manyTimes(MUTATED * share * 0.25, async (i) => {
    const recording = seeded.pick(recordings);
    const whole = recording.length - 5;
    const from = 5 + seeded.below(Math.max(1, whole));
    // Four frames in a row are changed: the first that cannot be read ends the connection.
    const pieces = recording.map((piece, at) => (at >= from && at < from + 4 ? mutated(seeded, piece) : piece));
    await send("mutated", pieces, i);
  });
  await manyTimes((FRAMES * share) / 4, async (i) => {
    await send("frames", [amqp.PREFACE, ...Array.from({ length: 4 }, () => malformedFrame(seeded))], i);
  });
  await manyTimes(BEFORE_SASL * share, async (i) => {
    const first = seeded.pick([[], [amqp.PROTOCOL_SASL], [amqp.PROTOCOL_AMQP], [amqp.PROTOCOL_SASL, amqp.saslInit]]);
    await send("before SASL", [...first, malformedFrame(seeded)], i);
  });
  return told;
}

/** An unmodified client that goes on sending and receiving all the while, and what it saw. */
function bystander(connectionString: string) {
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0 } });
  const errors: string[] = [];
  const received = new Map<number, number>();
  let sent = 0;
  let slowest = 0;
  let stopped = false;
  const began = new Map<number, number>();
  client.createReceiver("calm").subscribe({
    processMessage: async ({ body }) => {
      received.set(body, (received.get(body) ?? 0) + 1);
      slowest = Math.max(slowest, performance.now() - (began.get(body) ?? 0));
    },
    processError: async ({ error }) => void errors.push(String(error)),
  });
  const sender = client.createSender("calm");
  const sending = (async () => {
    while (!stopped) {
      began.set(++sent, performance.now());
      await sender.sendMessages({ body: sent }).catch((error: unknown) => void errors.push(String(error)));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    errors,
    /** Ends, once everything that was sent has come. */
    async stop() {
      stopped = true;
      await sending;
      await eventually(
        () => received.size,
        (size) => size === sent || errors.length > 0,
      );
      await client.close();
      return { sent, received: [...received.values()], slowest };
    },
  };
}

async function clean(broker: BrokerProcess): Promise<void> {
  await broker.deleteQueue("fuzz");
  await broker.deleteTopic("fuzz-topic");
  await broker.deleteQueue("real");
  await broker.deleteQueue("real-sessions");
}

async function furnish(broker: BrokerProcess): Promise<void> {
  await broker.putQueue("fuzz");
  await broker.putTopic("fuzz-topic", "all");
  await broker.putQueue("real");
  await broker.putQueue("real-sessions", { requiresSession: true });
}

describe("100,000 malformed frames", () => {
  it("are answered with an error or end their connection; others are served on, and the memory is back", async () => {
    const seed = fuzzSeed();
    console.log(`fuzz: STOWAGE_FUZZ_SEED=${seed}`);
    const broker = await BrokerProcess.start({ queues: ["calm"] });
    onTestFinished(() => broker.kill());
    await furnish(broker);
    const { port, connectionString } = broker.address;
    const recordings = (await recordClient(port)).filter((recording) => recording.length > 8);
    const real = messagesIn(recordings);
    expect(real.length).toBeGreaterThan(10);
    const calm = bystander(connectionString);
    const run = { port, real, recordings };
    // What a first pass leaves is compiled code and grown tables, which stay; the second must leave nothing.
    await fuzz({ ...run, seeded: new Seeded(seed + 1), share: 0.1 });
    await clean(broker);
    const before = await broker.memory();
    await furnish(broker);
    const told = await fuzz({ ...run, seeded: new Seeded(seed), share: 1 });
    await clean(broker);
    const after = await broker.memory();
    const grown = after.heapUsed + after.external - before.heapUsed - before.external;
    const { sent, received, slowest } = await calm.stop();
    for (const [kind, { lived, closed, judged }] of told) {
      console.log(
        `fuzz: ${kind}: ${lived} connections lived, ${closed} were closed, ${judged} settlements and answers`,
      );
    }
    console.log(
      `fuzz: ${Math.round(grown / 1_024)} KiB more are held; beside it ${sent} messages, the slowest ${Math.round(slowest)} ms`,
    );
    expect(calm.errors).toEqual([]);
    expect(received).toEqual(Array.from({ length: sent }, () => 1));
    expect(slowest).toBeLessThan(10_000);
    // A message or a request that cannot be read costs its sender nothing but that: all were looked at.
    expect(told.get("messages")?.closed).toBe(0);
    expect(told.get("messages")?.judged).toBeGreaterThan(MESSAGES / 2);
    expect(told.get("requests")?.closed).toBe(0);
    expect(told.get("requests")?.judged).toBeGreaterThan(REQUESTS);
    expect(told.get("frames")?.closed).toBeGreaterThan(FRAMES / 8);
    expect(told.get("mutated")?.closed).toBeGreaterThan(MUTATED / 8);
    expect(grown).toBeLessThan(MARGIN_BYTES);
    expect(broker.child.exitCode).toBe(null);
    expect(broker.stderr).toBe("");
  }, 180_000);
});

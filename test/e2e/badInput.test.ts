import { join } from "node:path";
import fc from "fast-check";
import type { Message } from "rhea";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Connection, type Outcome, type Pipeline, PoisonReason } from "../../runtime/contract/index.js";
import { RowMapper } from "../../runtime/sinks/cassandra/mapping.js";
import { Unfit } from "../../runtime/sinks/cassandra/unfit.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { seedOf } from "../crash/seed.js";
import { tableOf } from "../unit/sinks-cassandra/kit.js";
import { SETTINGS, startCluster } from "../unit/sinks-linstor/setup.js";
import { asAmqp, type BadMessage, badMessages, hostileProperties, type Particular } from "./badInput/generate.js";
import { sendRaw, takeDeadLetters } from "./badInput/send.js";
import { BusKit, done, until } from "./workerKit.js";
import { buildBundle, ProcessKit } from "./workerProcess.js";

/** Of each sink; 10,000 in all. */
const BAD = { gluster: 3_400, linstor: 3_000, cassandra: 3_600 } as const;
/** Good ones among those of each sink. */
const GOOD = { gluster: 200, linstor: 40, cassandra: 200 } as const;
/** Sessions that the commands are spread over. */
const SESSIONS = 40;
const LIMIT = 180_000;
/**
 * What a worker may take whatever comes, in bytes. Bodies held are bounded at 16 MiB; with sessions most of the rest are
 * links that were opened and closed, until they are collected.
 */
const MOST_MEMORY = 400 * 1024 * 1024;
const REASONS: ReadonlySet<string> = new Set(Object.values(PoisonReason));
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

describe("10,000 messages that no sink can take", () => {
  const seed = seedOf();
  let bus: BusKit;
  let kit: ProcessKit;

  beforeAll(buildBundle);
  beforeEach(async () => {
    kit = await new ProcessKit().open();
  });
  afterEach(async () => {
    await kit.close();
    await bus.close();
  });

  /** Sends the bad and the good ones among each other, in the shape that `finish` gives them. */
  async function send(bad: BadMessage[], good: Message[], finish: (message: Message, place: number) => Message) {
    const every = Math.floor(bad.length / good.length);
    const messages = bad.flatMap((each, i) => {
      const beside = i % every === 0 ? good[i / every] : undefined;
      return beside === undefined ? [asAmqp(each)] : [asAmqp(each), beside];
    });
    await sendRaw(bus.port, "renders", messages.map(finish));
  }

  /** Good messages, with names of properties that mean something elsewhere. */
  function goodMessages(good: (number: number) => Buffer, count: number): Message[] {
    return fc.sample(hostileProperties, { numRuns: count, seed: seed + 1 }).map((application_properties, number) => ({
      ...asAmqp({ number, what: "good", messageId: `good-${number}`, body: { bytes: good(number) }, properties: {} }),
      application_properties,
    }));
  }

  /** Waits until all is settled; every bad message is dead then, once, with a reason of the list, its body untouched. */
  async function allAreDead(bad: BadMessage[]): Promise<void> {
    const told = `STOWAGE_SEED=${seed}`;
    await until("all are settled", () => bus.broker.counts("renders").active === 0, 150);
    const { deadLetter } = bus.broker.counts("renders");
    const dead = await takeDeadLetters(bus.broker.connectionString(), "renders", deadLetter);
    const strange = dead.filter(({ reason, description }) => !REASONS.has(reason) || description === "");
    expect(strange.slice(0, 5), told).toEqual([]);
    expect(dead.filter(({ reason }) => reason === PoisonReason.AttemptsExhausted).slice(0, 5), told).toEqual([]);
    const numbers = dead.map(({ number }) => Number(number)).sort((a, b) => a - b);
    expect(numbers, told).toEqual(bad.map(({ number }) => number));
    const changed = dead.filter(({ number, body }) => {
      const sent = bad[Number(number)]?.body;
      return sent !== undefined && "bytes" in sent && !(Buffer.isBuffer(body) && body.equals(sent.bytes));
    });
    expect(changed.map(({ number }) => number).slice(0, 5), told).toEqual([]);
    const seen = new Map<string, number>();
    for (const { reason } of dead) seen.set(reason, (seen.get(reason) ?? 0) + 1);
    process.stdout.write(`${told} ${JSON.stringify(Object.fromEntries(seen))}\n`);
    expect(seen.size).toBeGreaterThan(2);
  }

  /** The worker has lived through it, in bounds, and ends as it should. */
  async function isWell(worker: ReturnType<ProcessKit["start"]>): Promise<void> {
    const { status, text } = await worker.ask("/metrics");
    expect(status).toBe(200);
    const [, bytes] = /^process_resident_memory_bytes(?:\{[^\n]*\})? (\S+)$/m.exec(text) ?? [];
    expect(Number(bytes)).toBeGreaterThan(0);
    expect(Number(bytes)).toBeLessThan(MOST_MEMORY);
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(0);
    expect(worker.stderr).toBe("");
  }

  test("are dead-lettered with a reason beside jobs, and the worker lives", { timeout: LIMIT }, async () => {
    bus = await new BusKit().open({ maxDeliveryCount: 10 });
    const particular: Particular = {
      wrong: fc.record({ render: fc.oneof(fc.integer(), fc.constant(null), fc.array(fc.string()), fc.object()) }),
      good: (number) => json({ render: `frame ${number}` }),
    };
    const bad = badMessages(particular, BAD.gluster, seed);
    await send(bad, goodMessages(particular.good, GOOD.gluster), (message) => message);
    const pipeline = kit.pipeline("", (p) => {
      const job = {
        module: join(packageRoot(), "test/e2e/badInput/job.mjs"),
        timeoutSeconds: 10,
        maxOutputBytes: 1_000,
      };
      p.sink = { gluster: { volume: "results", mountPath: kit.volume, directory: "renders", job } };
      p.source.maxDeliveryCount = 10;
      p.delivery.concurrency = 32;
    });
    const worker = kit.start(pipeline, bus.connection);
    await allAreDead(bad);
    expect(kit.manifests().length).toBe(GOOD.gluster);
    await isWell(worker);
  });

  test("are dead-lettered with a reason beside storage commands, and the worker lives", {
    timeout: LIMIT,
  }, async () => {
    bus = await new BusKit().open({ maxDeliveryCount: 10, requiresSession: true, lockDurationSeconds: 30 });
    const cluster = await startCluster({ nodes: 3, capacityKib: 64 * 1_048_576 });
    try {
      const volume = (number: number): string => `vol${number}`;
      const particular: Particular = {
        wrong: fc.record(
          {
            action: fc.oneof(fc.string(), fc.integer(), fc.constant("create")),
            volume: fc.oneof(fc.constant("../x"), fc.integer(), fc.constant(null), fc.string({ unit: "binary" })),
            sizeKib: fc.oneof(fc.constant(-1), fc.constant(1.5), fc.constant("4096"), fc.constant(2 ** 60)),
          },
          { requiredKeys: ["volume", "sizeKib"] },
        ),
        good: (number) => json({ action: "create", volume: volume(number), sizeKib: 4096 }),
      };
      const bad = badMessages(particular, BAD.linstor, seed);
      // A command's session is its volume: of the bad ones it never is.
      await send(bad, goodMessages(particular.good, GOOD.linstor), (message, place) => {
        const [, number] = /^good-(\d+)$/.exec(String(message.message_id)) ?? [];
        return { ...message, group_id: number === undefined ? `s-${place % SESSIONS}` : volume(Number(number)) };
      });
      const pipeline: Pipeline = kit.pipeline("", (p) => {
        p.sink = { linstor: SETTINGS };
        p.source.sessions = true;
        p.source.lockDurationSeconds = 30;
        p.source.maxDeliveryCount = 10;
        p.delivery.concurrency = 32;
        p.delivery.sessionIdleMilliseconds = 50;
      });
      const connection: Connection = { ...bus.connection, linstor: { controllers: [cluster.url] } };
      const worker = kit.start(pipeline, connection);
      await allAreDead(bad);
      expect(cluster.volumes().length).toBe(GOOD.linstor);
      await isWell(worker);
    } finally {
      await cluster.close();
    }
  });

  test("are dead-lettered with a reason beside rows", { timeout: LIMIT }, async () => {
    bus = await new BusKit().open({ maxDeliveryCount: 10 });
    const particular: Particular = {
      wrong: fc.record(
        {
          id: fc.constantFrom<unknown>("x", "", 7, null, {}, "k".repeat(70_000)),
          at: fc.constantFrom<unknown>(0, "yesterday", null, -1e300),
          value: fc.constantFrom<unknown>(1.5, 2_147_483_648, "twelve", {}, [], true, 1e300),
        },
        { requiredKeys: ["value"] },
      ),
      good: (number) => json({ id: `row ${number}`, at: 0, value: number }),
    };
    const bad = badMessages(particular, BAD.cassandra, seed);
    await send(bad, goodMessages(particular.good, GOOD.cassandra), (message) => message);
    const mapper = new RowMapper(tableOf("int", { body: "value" }));
    const rows: string[] = [];
    const { value, stop } = await bus.engine(
      async (message): Promise<Outcome> => {
        try {
          rows.push(mapper.nameOf(mapper.row(message)));
          return done;
        } catch (error) {
          if (error instanceof Unfit) return error.outcome;
          throw error;
        }
      },
      (p) => {
        p.source.maxDeliveryCount = 10;
        p.delivery.concurrency = 64;
      },
      20,
    );
    await allAreDead(bad);
    expect(new Set(rows).size).toBe(GOOD.cassandra);
    expect(rows.length).toBe(GOOD.cassandra);
    expect(await value("stowage_lock_lost_total")).toBe(0);
    expect(await stop()).toBe(true);
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  });
});

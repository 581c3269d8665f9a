import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBus, openClient } from "../../runtime/bus/index.js";
import type { SessionReceiver } from "../../runtime/bus/session.js";
import { recordOf } from "../../runtime/bus/sessionState.js";
import type { Outcome, Pipeline } from "../../runtime/contract/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { effectsOf } from "./ordering/order.js";
import { BusKit, done, until } from "./workerKit.js";
import { buildBundle, ProcessKit } from "./workerProcess.js";

const SESSIONS = { requiresSession: true };
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Sessions at once, and a change of the pipeline. */
function sessions(concurrency: number, change: (p: Pipeline) => void = () => undefined): (p: Pipeline) => void {
  return (p) => {
    p.source.sessions = true;
    p.delivery.concurrency = concurrency;
    change(p);
  };
}

describe("sessions on the real client", () => {
  let kit: BusKit;
  afterEach(() => kit.close());

  const active = (): number => kit.broker.counts("renders").active;

  /** The state of a session that nobody holds. */
  const stateOf = async (id: string): Promise<unknown> => {
    const receiver = await kit.client.acceptSession("renders", id);
    const state = await receiver.getSessionState();
    await receiver.close();
    return state;
  };

  test("with more of them than places, and one that never ends, each is served within its share of quanta", async () => {
    kit = await new BusKit().open(SESSIONS);
    const [places, quantum, others] = [2, 300, 9];
    const served = new Map<string, number[]>();
    const accepted: string[] = [];
    let mostDeliveries = 0;
    const { stop } = await kit.engine(
      async ({ sessionId = "", deliveryCount }) => {
        served.set(sessionId, [...(served.get(sessionId) ?? []), Date.now()]);
        mostDeliveries = Math.max(mostDeliveries, deliveryCount);
        await pause(5);
        return done;
      },
      sessions(places, (p) => {
        p.delivery.sessionQuantumSeconds = quantum / 1_000;
      }),
      1,
      async (...args) => {
        const bus = await openBus(...args);
        const acceptNextSession = async (): Promise<SessionReceiver> => {
          const receiver = await bus.acceptNextSession();
          accepted.push(receiver.sessionId);
          return receiver;
        };
        return { ...bus, acceptNextSession };
      },
    );
    await kit.send("endless", numbers(2_000), "endless");
    const names = numbers(others).map((i) => `s-${i}`);
    await Promise.all(names.map((name) => kit.send(name, numbers(120), name)));
    const began = Date.now();
    const left = (name: string): number => 120 - (served.get(name)?.length ?? 0);
    await until("all but the endless one are served", () => names.every((name) => left(name) === 0), 60);
    const ended = Date.now();
    // The one that never ends had not come to its end, and had its turns beside the others.
    expect(served.get("endless")?.length).toBeLessThan(2_000);
    expect(await stop()).toBe(true);
    for (const name of ["endless", ...names]) {
      const turns = accepted.flatMap((id, at) => (id === name ? [at] : []));
      const between = turns.slice(1).map((at, i) => at - (turns[i] ?? at));
      // In turns, however fast the machine is: all of the others once, and those that have just had a place.
      expect(Math.max(0, ...between), `turns that ${name} waited`).toBeLessThanOrEqual(others + 1 + 2 * places);
      const times = [began, ...(served.get(name) ?? []).filter((at) => at >= began && at <= ended)];
      const waits = times.slice(1).map((at, i) => at - (times[i] ?? at));
      // In time: a machine with other work takes several times as long for a hand-over.
      const share = ((others + 1) / places) * quantum;
      expect(Math.max(...waits), `${name} waited`).toBeLessThan(share * 3 + 2_000);
    }
    expect(accepted.filter((id) => id === "endless").length).toBeGreaterThan(1);
    expect(mostDeliveries).toBe(1);
    expect(kit.broker.counts("renders")).toMatchObject({ locked: 0, deadLetter: 0 });
  }, 90_000);

  test("a message that fails for good is dead-lettered at the entity's limit, and the next ones only then begun", async () => {
    kit = await new BusKit().open({ ...SESSIONS, maxDeliveryCount: 3 });
    const runs: [string, number][] = [];
    await kit.engine(
      async ({ messageId, deliveryCount }): Promise<Outcome> => {
        runs.push([messageId, deliveryCount]);
        return messageId === "a-0" ? { kind: "retry", code: "JobFailed", description: "exit status 3" } : done;
      },
      sessions(2, (p) => {
        p.delivery.attempts = 2;
        p.delivery.retryBaseMilliseconds = 10;
      }),
    );
    await kit.send("a", [0, 1, 2], "a");
    const [dead] = await kit.deadLetters(1);
    expect(dead).toMatchObject({ messageId: "a-0", deadLetterReason: "AttemptsExhausted" });
    expect(dead?.deadLetterErrorDescription).toMatch(/Delivery 3 of 3.*exit status 3/);
    await until("the others are completed", () => active() === 0);
    expect(runs).toEqual([
      ...[1, 1, 2, 2, 3, 3].map((delivery) => ["a-0", delivery]),
      ["a-1", expect.any(Number)],
      ["a-2", expect.any(Number)],
    ]);
  });

  test("a message whose settlement is lost after its effect is completed by the next holder without another run", async () => {
    kit = await new BusKit().open(SESSIONS);
    const runs: string[] = [];
    const { value, stop } = await kit.engine(
      async ({ messageId }) => {
        runs.push(messageId);
        return done;
      },
      sessions(2, (p) => {
        p.delivery.client = {
          maxRetries: 0,
          retryDelayMilliseconds: 50,
          maxRetryDelayMilliseconds: 50,
          timeoutSeconds: 1,
        };
      }),
    );
    kit.broker.faults.loseSettlements("renders", { times: 1 });
    await kit.send("a", [0, 1, 2], "a");
    await until("all are completed", () => active() === 0);
    expect(runs).toEqual(["a-0", "a-1", "a-2"]);
    expect(await value("stowage_messages_total", { outcome: "duplicate" })).toBe(1);
    expect(await stop()).toBe(true);
    expect(recordOf(await stateOf("a")).position).toMatchObject({ messageId: "a-2", settled: 3 });
  });

  test("what an application keeps in a session's state is there afterwards, beside the position", async () => {
    kit = await new BusKit().open(SESSIONS);
    await kit.send("a", [0, 1], "a");
    await kit.send("b", [0, 1], "b");
    for (const [name, state] of [
      ["a", { theirs: { step: 7 } }],
      ["b", Buffer.from([1, 0, 255])],
    ] as const) {
      const receiver = await kit.client.acceptSession("renders", name);
      await receiver.setSessionState(state);
      await receiver.close();
    }
    const { stop } = await kit.engine(async () => done, sessions(2));
    await until("all are completed", () => active() === 0);
    await stop();
    const state = await stateOf("a");
    expect(state).toMatchObject({ theirs: { step: 7 }, stowage: { position: { messageId: "a-1", settled: 2 } } });
    expect(await stateOf("b")).toEqual(Buffer.from([1, 0, 255]));
  });

  test("the state of an empty session is cleared where the pipeline says so, but for what others keep there", async () => {
    kit = await new BusKit().open(SESSIONS);
    const receiver = await kit.client.acceptSession("renders", "a");
    await receiver.setSessionState({ theirs: { step: 7 } });
    await receiver.close();
    for (const name of ["a", "b"]) await kit.send(name, [0, 1], name);
    const { value } = await kit.engine(
      async () => done,
      sessions(2, (p) => {
        p.delivery.sessionIdleMilliseconds = 100;
        p.delivery.emptySessionState = "clear";
      }),
    );
    const over = async (): Promise<boolean> => active() === 0 && (await value("stowage_open_sessions")) === 0;
    await until("both sessions came and went", over);
    expect(await stateOf("a")).toEqual({ theirs: { step: 7 } });
    expect((await stateOf("b")) ?? undefined).toBeUndefined();
  });

  test("a link of the client that is gone has no address, where the client itself throws out of a timer", async () => {
    kit = await new BusKit().open(SESSIONS);
    const { client, close } = await openClient(kit.connection);
    await kit.send("a", [0], "a");
    const link: object = Reflect.get(Reflect.get(await client.acceptNextSession("renders"), "_messageSession"), "link");
    expect(Reflect.get(link, "address")).toBe("renders");
    const gone = Object.create(Object.getPrototypeOf(link), { _link: { value: {} } });
    expect(Reflect.get(gone, "address")).toBeUndefined();
    await close();
  });

  test("nothing of 500 sessions that came and went is left at the broker or in the client", async () => {
    kit = await new BusKit().open(SESSIONS);
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    const accepted: object[] = [];
    let bare: ClientInside | undefined;
    const { value, stop } = await kit.engine(
      async () => done,
      sessions(20, (p) => {
        p.delivery.sessionIdleMilliseconds = 300;
      }),
      1,
      async (...args) => {
        const bus = await openBus(...args);
        return {
          ...bus,
          acceptNextSession: async () => {
            const receiver = await bus.acceptNextSession();
            accepted.push(receiver);
            bare ??= insideOf(receiver);
            return receiver;
          },
        };
      },
    );
    const idle = async (): Promise<boolean> => active() === 0 && (await value("stowage_open_sessions")) === 0;
    await kit.send("first", [0], "first");
    await until("the first session came and went", idle);
    const { context, counts } = bare ?? expect.fail("no session was accepted");
    const before = counts();
    for (const round of numbers(5)) {
      const names = numbers(100).map((i) => `s-${round}-${i}`);
      await Promise.all(names.map((name) => kit.send(name, [0, 1], name)));
      await until(`half of round ${round} is done`, () => active() < 100, 60);
      // Sessions that end by an error are among them.
      if (round % 2 === 1) kit.broker.faults.detachLinks("renders");
      await until(`round ${round} is over`, idle, 60);
    }
    expect(accepted.length).toBeGreaterThanOrEqual(501);
    await until("the receivers are closed", () =>
      accepted.every((receiver) => Reflect.get(receiver, "isClosed") === true),
    );
    expect(Object.keys(context.messageSessions)).toEqual([]);
    // Requests for the next session are out, as many as before or as many as there may be: 8 at once.
    const after = counts();
    expect(after.sessions).toBeLessThanOrEqual(before.sessions + 8);
    expect(after.listeners).toBeLessThanOrEqual(before.listeners + 8);
    // All links to the queue that are left at the broker, counted by cutting them: what renews and keeps states.
    expect(kit.broker.faults.detachLinks("renders")).toBe(0);
    expect(warnings).toEqual([]);
    process.off("warning", onWarning);
    expect(await stop()).toBe(true);
  }, 150_000);
});

/** What a test looks at inside of the client. */
interface ClientInside {
  context: { messageSessions: object };
  /** AMQP sessions of the connection, and listeners on it. */
  counts(): { sessions: number; listeners: number };
}

/** The client keeps its links in a context that each of its receivers knows. */
function insideOf(receiver: object): ClientInside {
  const context = Reflect.get(receiver, "_context");
  const connection = Reflect.get(context, "connection");
  const inner = Reflect.get(connection, "_connection");
  return {
    context,
    counts: () => ({
      sessions: Object.keys(inner.local_channel_map).length,
      listeners: [connection, inner].reduce(
        (sum, emitter) =>
          sum + emitter.eventNames().reduce((n: number, name: string) => n + emitter.listenerCount(name), 0),
        0,
      ),
    }),
  };
}

describe("a message that kills its worker every time", () => {
  let bus: BusKit;
  let kit: ProcessKit;
  beforeAll(buildBundle);
  afterEach(async () => {
    await kit.close();
    await bus.close();
  });

  test("is dead-lettered within the entity's limit, though the broker counts no delivery, and its session goes on", async () => {
    bus = await new BusKit().open({ ...SESSIONS, maxDeliveryCount: 3 });
    kit = new ProcessKit();
    const log = join(kit.folder, "effects.log");
    const pipeline = kit.pipeline("unused", (p) => {
      p.source.sessions = true;
      p.delivery.expectedRestarts = 1;
      p.sink = { module: { path: join(packageRoot(), "test/e2e/ordering/sink.mjs"), options: { log } } };
    });
    const body = (number: number): object => ({ number, before: 0, after: 0, kills: number === 2 });
    await bus.send("a", numbers(5).map(body), "a");
    await bus.send("b", numbers(2).map(body), "b");
    let kills = 0;
    let over = false;
    while (!over) {
      const worker = kit.start(pipeline, bus.connection, { STOWAGE_LOG_LEVEL: "warn" });
      const settled = until("all are settled", () => bus.broker.counts("renders").active === 0, 30).then(
        () => "settled",
      );
      const ending = await Promise.race([settled, worker.ended]);
      over = ending === "settled";
      if (over) worker.signal("SIGTERM");
      else expect([ending, ++kills]).toEqual(["SIGKILL", expect.any(Number)]);
      if (kills > 5) expect.fail("the message goes on killing workers");
    }
    // The first hold began with an earlier message, so that it does not count.
    expect(kills).toBeLessThanOrEqual(4);
    const [dead] = await bus.deadLetters(1);
    expect(dead).toMatchObject({ messageId: "a-2", deadLetterReason: "AttemptsExhausted" });
    expect(dead?.deliveryCount).toBe(0);
    const effects = existsSync(log) ? effectsOf(readFileSync(log, "utf8")) : [];
    // A kill may have caught a neighbour between effect and settlement: its newest message is done again then.
    const of = (session: string): number[] => {
      const all = effects.filter((effect) => effect.session === session).map((effect) => effect.number);
      return all.filter((number, at) => number !== all[at - 1]);
    };
    expect([of("a"), of("b")]).toEqual([
      [0, 1, 3, 4],
      [0, 1],
    ]);
    expect(bus.broker.counts("renders").deadLetter).toBe(1);
  }, 60_000);
});

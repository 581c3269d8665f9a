import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Consumer } from "../../../stacks/local/broker/core/consumer.js";
import { type Deadline, Deadlines } from "../../../stacks/local/broker/core/deadlines.js";
import type { Lock } from "../../../stacks/local/broker/core/message.js";
import type { Queue } from "../../../stacks/local/broker/core/queue.js";
import { ReadyList } from "../../../stacks/local/broker/core/readyList.js";
import type { SessionLock } from "../../../stacks/local/broker/core/sessions.js";
import { bench, content, FakeClock, Recorder, type SettledRecord } from "./helpers.js";

/** What may happen to a queue, as data. Numbers choose among what there is. */
type Step =
  | { readonly do: "send"; readonly session: number; readonly ttl: number; readonly delay: number }
  | { readonly do: "open"; readonly which: number; readonly delete: boolean }
  | { readonly do: "credit"; readonly which: number; readonly credit: number }
  | { readonly do: "close"; readonly which: number }
  | { readonly do: "settle"; readonly which: number; readonly how: number }
  | { readonly do: "renew"; readonly which: number }
  | { readonly do: "deferred"; readonly which: number }
  | { readonly do: "time"; readonly seconds: number };

const nat = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      session: fc.nat({ max: 2 }),
      ttl: fc.constantFrom(0, 0, 0, 20),
      delay: fc.constantFrom(0, 0, 0, 15),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("open" as const), which: nat, delete: fc.constantFrom(false, false, true) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("credit" as const), which: nat, credit: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), which: nat }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("settle" as const), which: nat, how: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("renew" as const), which: nat }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deferred" as const), which: nat }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("time" as const), seconds: fc.nat({ max: 12 }) }) },
);

const SETTLEMENTS = [
  { kind: "complete" },
  { kind: "abandon" },
  { kind: "deadLetter", reason: "r" },
  { kind: "defer" },
  { kind: "release" },
] as const;

/** Outcomes after which a message is no longer in its queue. */
const FINAL = new Set<string>(["completed", "consumed", "expired", "deadLettered"]);

interface Receiver {
  readonly consumer: Consumer;
  readonly sink: Recorder;
  readonly session: SessionLock | undefined;
}

/** Runs steps on a queue, checking after each; returns what was sent and what became of it. */
class Run {
  readonly sent: string[] = [];
  readonly deferred: number[] = [];
  readonly receivers: Receiver[] = [];
  readonly byNumber: Lock[] = [];
  readonly made = bench(10_000_000);
  readonly queue: Queue;
  readonly sessions: boolean;

  constructor(sessions: boolean) {
    this.sessions = sessions;
    this.made.namespace.putQueue("q", {
      requiresSession: sessions,
      lockDurationSeconds: 10,
      maxDeliveryCount: 3,
      deadLetteringOnMessageExpiration: true,
    });
    this.queue = this.made.queue("q");
  }

  get locks(): Lock[] {
    return [
      ...this.receivers.flatMap(({ sink }) => sink.received.flatMap(({ lock }) => (lock === undefined ? [] : [lock]))),
      ...this.byNumber,
    ];
  }

  do(next: Step): void {
    const { clock } = this.made;
    switch (next.do) {
      case "send": {
        const id = `m${this.sent.length}`;
        this.sent.push(id);
        this.queue.send([
          content(id, {
            ...(this.sessions ? { sessionId: `s${next.session}` } : {}),
            ...(next.ttl > 0 ? { timeToLiveMs: next.ttl * 1_000 } : {}),
            ...(next.delay > 0 ? { scheduledAt: clock.now() + next.delay * 1_000 } : {}),
          }),
        ]);
        break;
      }
      case "open":
        this.#open(next.which, next.delete);
        break;
      case "credit":
        pick(this.receivers, next.which)?.consumer.setCredit(next.credit);
        break;
      case "close":
        pick(this.receivers, next.which)?.consumer.close();
        break;
      case "settle": {
        const lock = pick(this.locks, next.which);
        const settlement = SETTLEMENTS[next.how];
        if (lock !== undefined && settlement !== undefined) {
          const open = lock.open;
          const settles = attempt(() => this.queue.settle(lock, settlement));
          // A lock that has ended settles nothing; one that has not always does.
          expect(settles).toBe(open);
          if (settles && settlement.kind === "defer") {
            this.deferred.push(lock.message.sequenceNumber);
          }
        }
        break;
      }
      case "renew": {
        const lock = pick(this.locks, next.which);
        if (lock !== undefined) {
          attempt(() => this.queue.renew(lock));
        }
        break;
      }
      case "deferred": {
        const number = pick(this.deferred, next.which);
        const session = pick(this.receivers, next.which)?.session;
        if (number !== undefined) {
          attempt(() => {
            for (const { lock } of this.queue.receiveDeferred([number], "peekLock", session)) {
              if (lock !== undefined) {
                this.byNumber.push(lock);
              }
            }
          });
        }
        break;
      }
      case "time":
        clock.advance(next.seconds * 1_000);
        break;
    }
    this.check();
  }

  #open(which: number, remove: boolean): void {
    attempt(() => {
      const session = this.sessions ? this.queue.acceptSession(`s${which % 3}`) : undefined;
      const sink = new Recorder();
      const consumer = this.queue.open(sink, remove ? "receiveAndDelete" : "peekLock", session);
      this.receivers.push({ consumer, sink, session });
    });
  }

  /** Every message is in exactly one place: in the queue, or gone by one final outcome. */
  check(): void {
    const inQueue = this.queue.peek(0, { messages: 10_000, bytes: 1e9 }).map((message) => message.content.messageId);
    const gone = finals(this.made.settled, "q");
    expect([...inQueue, ...gone].sort()).toEqual([...this.sent].sort());
    const { active, deferred, scheduled, locked } = this.queue.counts();
    expect(active + deferred + scheduled).toBe(inQueue.length);
    expect(locked).toBe(this.locks.filter((lock) => lock.open).length);
    // What was dead-lettered lies in the dead-letter queue, once.
    const dead = this.made.queue("q/$DeadLetterQueue").peek(0, { messages: 10_000, bytes: 1e9 });
    const deadLettered = this.made.settled.filter(({ outcome }) => outcome === "deadLettered");
    expect(dead.map((message) => message.content.messageId).sort()).toEqual(
      deadLettered.map((event) => event.messageId).sort(),
    );
    // No two receivers hold one message.
    const held = this.locks.filter((lock) => lock.open).map((lock) => lock.message.content.messageId);
    expect(new Set(held).size).toBe(held.length);
    // A message in a session is held under that session's lock only.
    for (const { session } of this.receivers) {
      expect(session === undefined || session.open || session.locks.size === 0).toBe(true);
    }
    // The memory counted is that of what is there.
    const costs = [...this.queue.peek(0, { messages: 10_000, bytes: 1e9 }), ...dead].map((message) => message.cost);
    expect(this.made.namespace.memory.used).toBe(costs.reduce((sum, cost) => sum + cost, 0));
  }

  /** Takes out all that is left, with time passing until every lock and session is free. */
  drain(): void {
    for (const { consumer } of this.receivers) {
      consumer.close();
    }
    this.made.clock.advance(60_000);
    const numbers = this.queue
      .peek(0, { messages: 10_000, bytes: 1e9 })
      .filter((message) => message.state === "deferred");
    for (const message of numbers) {
      const id = message.content.sessionId;
      const session = id === undefined ? undefined : this.queue.acceptSession(id);
      this.queue.receiveDeferred([message.sequenceNumber], "receiveAndDelete", session);
      if (session !== undefined) {
        this.queue.sessions?.release(session);
      }
    }
    const order: string[] = [];
    const take = (session?: SessionLock): void => {
      const sink = new Recorder();
      const consumer = this.queue.open(sink, "receiveAndDelete", session);
      consumer.setCredit(10_000);
      consumer.close();
      const got = sink.received.map(({ message }) => message.sequenceNumber);
      expect(got).toEqual([...got].sort((a, b) => a - b));
      order.push(...sink.ids);
    };
    if (this.sessions) {
      for (const id of ["s0", "s1", "s2"]) {
        take(this.queue.acceptSession(id));
      }
    } else {
      take();
    }
    this.check();
    expect(this.queue.counts()).toMatchObject({ active: 0, deferred: 0, scheduled: 0, locked: 0, bytes: 0 });
    expect(this.made.namespace.locks.size).toBe(0);
    expect(this.made.namespace.deadlines.size).toBe(0);
  }
}

function finals(settled: readonly SettledRecord[], path: string): string[] {
  return settled.filter((event) => event.path === path && FINAL.has(event.outcome)).map((event) => event.messageId);
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from.length === 0 ? undefined : from[which % from.length];
}

function attempt(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "BrokerError") {
      return false;
    }
    throw error;
  }
}

describe("whatever happens", () => {
  it.each([false, true])("no message is lost, doubled or held twice (sessions: %s)", (sessions) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const run = new Run(sessions);
        for (const next of steps) {
          run.do(next);
        }
        run.drain();
      }),
      { numRuns: 150 },
    );
  });
});

describe("the list of waiting messages", () => {
  it("gives the oldest first, whatever was taken, put back or dropped", () => {
    const action = fc.oneof(fc.constant("new"), fc.constant("take"), fc.constant("back"), fc.constant("drop"));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 400 }), (actions) => {
        const { namespace, queue } = bench();
        namespace.putQueue("q", {});
        const source = queue("q");
        const list = new ReadyList();
        const waiting: number[] = [];
        const taken: number[] = [];
        source.send(Array.from({ length: actions.length }, (_, i) => content(`m${i}`)));
        const messages = source.peek(0, { messages: actions.length, bytes: 1e9 });
        let next = 0;
        for (const what of actions) {
          const message = messages[next];
          if (what === "new" && message !== undefined) {
            list.append(message);
            waiting.push(message.sequenceNumber);
            next++;
          } else if (what === "take") {
            const got = list.take();
            expect(got?.sequenceNumber).toBe(waiting.length === 0 ? undefined : Math.min(...waiting));
            if (got !== undefined) {
              waiting.splice(waiting.indexOf(got.sequenceNumber), 1);
              taken.push(got.sequenceNumber);
            }
          } else if (what === "back") {
            const number = taken.pop();
            const back = messages.find((candidate) => candidate.sequenceNumber === number);
            if (back !== undefined) {
              list.giveBack(back);
              waiting.push(back.sequenceNumber);
            }
          } else if (what === "drop") {
            const number = waiting.splice(Math.floor(waiting.length / 2), 1)[0];
            const dropped = messages.find((candidate) => candidate.sequenceNumber === number);
            if (dropped !== undefined) {
              dropped.state = "gone";
              list.dropped();
            }
          }
          expect(list.size).toBe(waiting.length);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("deadlines", () => {
  class Item implements Deadline {
    deadlineAt = 0;
    deadlineSlot = -1;
    readonly fired: number[] = [];
    due(now: number): void {
      this.fired.push(now);
    }
  }

  it("come due in order, once each, at their moment, however they were moved and cleared", () => {
    const change = fc.record({ item: fc.nat({ max: 15 }), at: fc.option(fc.nat({ max: 1_000 })) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 100 }), (changes) => {
        const clock = new FakeClock();
        const start = clock.now();
        const deadlines = new Deadlines(clock);
        const items = Array.from({ length: 16 }, () => new Item());
        const expected = new Map<Item, number>();
        for (const { item, at } of changes) {
          const chosen = items[item];
          if (chosen !== undefined && at !== null) {
            deadlines.set(chosen, start + at);
            expected.set(chosen, start + at);
          } else if (chosen !== undefined) {
            deadlines.clear(chosen);
            expected.delete(chosen);
          }
        }
        expect(deadlines.size).toBe(expected.size);
        clock.advance(1_000);
        for (const item of items) {
          const at = expected.get(item);
          expect(item.fired).toEqual(at === undefined ? [] : [at]);
        }
        expect([deadlines.size, clock.pending]).toEqual([0, 0]);
      }),
      { numRuns: 200 },
    );
  });

  it("of a mass expiry run in turns, and all of them run", () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const items = Array.from({ length: 5_000 }, () => new Item());
    for (const item of items) {
      deadlines.set(item, clock.now() + 10);
    }
    clock.advance(10);
    expect(items.every((item) => item.fired.length === 1)).toBe(true);
  });

  it("are gone after closing, with their timer", () => {
    const clock = new FakeClock();
    const deadlines = new Deadlines(clock);
    const item = new Item();
    deadlines.set(item, clock.now() + 10);
    deadlines.close();
    clock.advance(20);
    expect([item.fired.length, clock.pending]).toEqual([0, 0]);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countQueue } from "../../../stacks/local/broker/core/entityInfo.js";
import { BrokerError } from "../../../stacks/local/broker/core/errors.js";
import type { Lock } from "../../../stacks/local/broker/core/message.js";
import type { Queue } from "../../../stacks/local/broker/core/queue.js";
import type { QueueSettings } from "../../../stacks/local/broker/core/settings.js";
import { SettledOutcome } from "../../../stacks/local/broker/core/settlement.js";
import type { Topic } from "../../../stacks/local/broker/core/topic.js";
import { type Transaction, Transactions } from "../../../stacks/local/broker/core/transactions.js";
import { ViaTarget } from "../../../stacks/local/broker/core/viaTarget.js";
import { bench, content, receive } from "../broker/helpers.js";

const ALL = { messages: 100_000, bytes: 1e9 };

/** Queues that feed each other, by name: settings that stay, beside the status that the steps change. */
const QUEUES: Readonly<Record<string, QueueSettings>> = {
  start: { forwardTo: "middle" },
  middle: {
    forwardDeadLetteredMessagesTo: "graves",
    maxDeliveryCount: 2,
    lockDurationSeconds: 10,
    deadLetteringOnMessageExpiration: true,
  },
  round: { forwardTo: "middle", forwardDeadLetteredMessagesTo: "start", timeToLive: 30 },
  end: { lockDurationSeconds: 10, maxDeliveryCount: 3, requiresDuplicateDetection: true },
  graves: { forwardTo: "end", timeToLive: 60 },
};
const NAMES = Object.keys(QUEUES);
const RECEIVED = ["middle", "end", "events/Subscriptions/kept"];
const STATUSES = ["Active", "Active", "SendDisabled", "ReceiveDisabled", "Disabled"] as const;
const SETTLEMENTS = [
  { kind: "complete" },
  { kind: "abandon" },
  { kind: "deadLetter", reason: "r" },
  { kind: "defer" },
  { kind: "release" },
] as const;

const nat = fc.nat({ max: 50 });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      to: nat,
      ttl: fc.constantFrom(0, 0, 15),
      delay: fc.constantFrom(0, 0, 0, 20),
      transaction: fc.constantFrom(0, 0, 1),
      via: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("receive" as const), from: nat, take: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      which: nat,
      how: fc.nat({ max: 4 }),
      transaction: fc.constantFrom(0, 0, 1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("discharge" as const), which: nat, commit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("declare" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("time" as const), seconds: fc.nat({ max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("status" as const), of: nat, status: fc.nat({ max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("purge" as const), from: nat, most: fc.nat({ max: 3 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Outcomes after which a message is nowhere any more. */
const GONE = new Set<string>(["completed", "consumed", "expired", "purged"]);

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from.length === 0 ? undefined : from[which % from.length];
}

class Run {
  readonly made = bench(10_000_000);
  readonly topic: Topic;
  readonly queues: readonly Queue[];
  readonly locks: { readonly queue: Queue; readonly lock: Lock }[] = [];
  readonly transactions: Transactions;
  readonly open: { readonly transaction: Transaction; readonly sends: { id: string; copies: number }[] }[] = [];
  /** How many copies there must be of each message that was taken. */
  readonly expected = new Map<string, number>();
  committed = 0;
  #ids = 0;

  constructor() {
    const { namespace, queue } = this.made;
    for (const name of NAMES) {
      namespace.putQueue(name, QUEUES[name] ?? {});
    }
    namespace.putTopic("events", {});
    namespace.putSubscription("events", "on", { forwardTo: "end" });
    namespace.putSubscription("events", "kept", { timeToLive: 40 });
    const found = namespace.find("events");
    if (found?.kind !== "topic") {
      throw new Error("There is no topic.");
    }
    this.topic = found.topic;
    this.queues = [...NAMES, "events/Subscriptions/on", "events/Subscriptions/kept"].map((name) => queue(name));
    this.transactions = new Transactions(namespace);
  }

  /** Runs something that may be refused; true if it was not. */
  #attempt(run: () => void): boolean {
    try {
      run();
      return true;
    } catch (error) {
      if (error instanceof BrokerError) {
        return false;
      }
      throw error;
    }
  }

  do(next: Step): void {
    const { clock, namespace, queue } = this.made;
    switch (next.do) {
      case "send":
        this.#send(next);
        break;
      case "receive":
        this.#attempt(() => {
          const from = queue(RECEIVED[next.from % RECEIVED.length] ?? "end");
          const { sink, consumer } = receive(from, 2, next.take ? "receiveAndDelete" : "peekLock");
          consumer.close();
          for (const { lock } of sink.received) {
            if (lock !== undefined) {
              this.locks.push({ queue: from, lock });
            }
          }
        });
        break;
      case "settle": {
        // Mostly one that still holds, sometimes one that does not.
        const holding = this.locks.filter(({ lock }) => lock.open);
        const held = pick(next.which % 5 === 0 || holding.length === 0 ? this.locks : holding, next.which);
        const settlement = SETTLEMENTS[next.how];
        const enlisting = next.transaction === 1 ? pick(this.open, next.which) : undefined;
        if (held !== undefined && settlement !== undefined) {
          const { lock, queue: from } = held;
          const could = lock.open && lock.enlistedIn === undefined;
          const part = { entity: from.path, acrossEntities: true };
          const did = this.#attempt(() =>
            enlisting === undefined
              ? from.settle(lock, settlement)
              : enlisting.transaction.settle(from, lock, settlement, part),
          );
          expect(did && !could).toBe(false);
        }
        break;
      }
      case "declare": {
        const entry = { sends: [] as { id: string; copies: number }[] };
        const transaction = this.transactions.declare(`t${++this.#ids}`, () => {
          const index = this.open.findIndex((other) => other.sends === entry.sends);
          this.open.splice(index, 1);
        });
        this.open.push({ transaction, sends: entry.sends });
        break;
      }
      case "discharge": {
        const chosen = pick(this.open, next.which);
        if (chosen !== undefined && !next.commit) {
          chosen.transaction.rollback();
        } else if (chosen !== undefined && this.#attempt(() => chosen.transaction.commit())) {
          this.committed += chosen.sends.length;
          for (const { id, copies } of chosen.sends) {
            this.expected.set(id, copies);
          }
        }
        break;
      }
      case "time":
        clock.advance(next.seconds * 1_000);
        break;
      case "status": {
        const name = NAMES[next.of % NAMES.length] ?? "end";
        namespace.putQueue(name, { ...QUEUES[name], status: STATUSES[next.status] ?? "Active" });
        break;
      }
      case "purge":
        this.#attempt(() =>
          queue(RECEIVED[next.from % RECEIVED.length] ?? "end").purge(next.most, Number.POSITIVE_INFINITY, undefined),
        );
        break;
    }
    this.check();
  }

  #send(next: Extract<Step, { do: "send" }>): void {
    const { clock, queue } = this.made;
    const id = `m${++this.#ids}`;
    const message = content(id, {
      size: 100 + (this.#ids % 7),
      ...(next.ttl > 0 ? { timeToLiveMs: next.ttl * 1_000 } : {}),
      ...(next.delay > 0 ? { scheduledAt: clock.now() + next.delay * 1_000 } : {}),
    });
    const which = next.to % (NAMES.length + 1);
    const name = NAMES[which];
    const end = name === undefined ? this.topic : queue(name);
    const target = next.via === 1 ? new ViaTarget(queue("middle"), end) : end;
    // A topic gives a copy to each of its two subscriptions, at once or when it is due; via another entity it may refuse.
    const copies = name === undefined ? 2 : 1;
    const enlisting = next.transaction === 1 ? pick(this.open, next.to) : undefined;
    const part = { entity: target.path, acrossEntities: true };
    const did = this.#attempt(() =>
      enlisting === undefined ? target.send([message]) : enlisting.transaction.send(target, [message], part),
    );
    if (did && enlisting === undefined) {
      this.expected.set(id, copies);
    } else if (did) {
      enlisting?.sends.push({ id, copies });
    }
  }

  check(): void {
    const { namespace, settled } = this.made;
    const found = new Map<string, number>();
    const count = (id: string, copies: number): void => {
      found.set(id, (found.get(id) ?? 0) + copies);
    };
    let cost = 0;
    let size = 0;
    const look = (queue: Queue | undefined, weight = 1): void => {
      for (const message of queue?.peek(0, ALL) ?? []) {
        count(message.content.messageId, weight);
        cost += message.cost;
        size += message.content.size;
      }
    };
    for (const queue of this.queues) {
      const before = size;
      look(queue);
      look(queue.deadLetters);
      look(queue.transferDeadLetters?.made);
      // What is counted is what is there.
      const counts = countQueue(queue);
      expect(counts.sizeInBytes).toBe(size - before);
      const lies = queue.peek(0, ALL);
      expect(counts.active + queue.counts().transfer + counts.deferred + counts.scheduled).toBe(lies.length);
      expect(counts.deadLetter + (queue.deadLetters?.counts().transfer ?? 0)).toBe(
        queue.deadLetters?.peek(0, ALL).length,
      );
      expect(counts.transferDeadLetter).toBe(queue.transferDeadLetters?.made?.peek(0, ALL).length ?? 0);
      expect(counts.locked).toBe(this.locks.filter(({ queue: of, lock }) => of === queue && lock.open).length);
    }
    // A scheduled message of a topic stands for its copies.
    look(this.topic.queue, 2);
    for (const { messageId, outcome } of settled) {
      if (GONE.has(outcome)) {
        count(messageId, 1);
      }
    }
    expect([...found].sort()).toEqual([...this.expected].sort());
    // Memory holds what lies somewhere, what a transaction keeps, and what duplicates are told by.
    const seen = [...this.made.queue("end").progress.seen].reduce((sum, [id]) => sum + id.length * 2 + 96, 0);
    if (this.open.every(({ sends }) => sends.length === 0)) {
      expect(namespace.memory.used).toBe(cost + seen);
    }
    const held = this.locks.filter(({ lock }) => lock.open).map(({ lock }) => lock.message);
    expect(new Set(held).size).toBe(held.length);
    expect(namespace.locks.size).toBe(held.length);
  }

  /** Opens every entity, ends every transaction and lets every lock and time to live run out. */
  settleDown(): void {
    const { clock, namespace } = this.made;
    for (const { transaction } of [...this.open]) {
      transaction.rollback();
    }
    for (const name of NAMES) {
      namespace.putQueue(name, QUEUES[name] ?? {});
    }
    clock.advance(200_000);
    this.check();
    for (const queue of this.queues) {
      expect(queue.counts()).toMatchObject({ transfer: 0, locked: 0, scheduled: 0 });
    }
    expect(namespace.deadlines.size).toBe(0);
  }
}

describe("whatever is sent, forwarded, settled, expired and discharged", () => {
  it("no message is lost or doubled, and the counts are the truth", () => {
    const seen = new Set<string>();
    let committed = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 120, size: "max" }), (steps) => {
        const run = new Run();
        for (const next of steps) {
          run.do(next);
        }
        run.settleDown();
        committed += run.committed;
        for (const { outcome } of run.made.settled) {
          seen.add(outcome);
        }
      }),
      { numRuns: 80 },
    );
    // All of it came about: nothing above was true for want of it.
    expect([...seen].sort()).toEqual(Object.values(SettledOutcome).sort());
    expect(committed).toBeGreaterThan(10);
  });
});

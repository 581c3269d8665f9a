import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Suspects, suspectAfter } from "../../../runtime/bus/suspects.js";
import { RETURNS_PROPERTY, type SinkMessage } from "../../../runtime/contract/index.js";
import { FakeClock, settled, sinkMessage } from "./fakes.js";

const GATHER = 2_500;

/** A lock that notes what became of its time limit. */
class LockOfTest {
  private readonly controller = new AbortController();
  limit = "running";
  readonly signal = this.controller.signal;

  suspendLimit(): void {
    this.limit = "suspended";
  }

  restartLimit(): void {
    this.limit = "restarted";
  }

  lose(): void {
    this.controller.abort();
  }
}

function suspectsOn(clock: FakeClock, after = 1): Suspects {
  return new Suspects({ after, gatherMilliseconds: GATHER, waits: () => undefined, clock });
}

function suspect(number: number, deliveryCount = 2): SinkMessage {
  return sinkMessage({ messageId: `m-${number}`, sequenceNumber: `${number}`, deliveryCount });
}

/** One worker's life with these messages: those begun in time and done, until the killer begins and takes all others. */
async function lifeOf(messages: SinkMessage[], isKiller: (message: SinkMessage) => boolean): Promise<Set<SinkMessage>> {
  const clock = new FakeClock();
  const suspects = suspectsOn(clock);
  const done = new Set<SinkMessage>();
  let dead = false;
  for (const message of messages)
    void suspects.turn(message, new LockOfTest()).then(() => {
      if (dead) return;
      if (isKiller(message)) dead = true;
      else {
        done.add(message);
        suspects.leave(message);
      }
    });
  await clock.advance(GATHER);
  return done;
}

describe("messages that may be killing their workers", () => {
  test("are those with more deliveries than one and the restarts that are expected, and the last three of few", () => {
    expect(suspectAfter(10, 3)).toBe(4);
    expect(suspectAfter(10, 9)).toBe(7);
    expect(suspectAfter(5, 4)).toBe(2);
    expect([suspectAfter(3, 2), suspectAfter(1, 0)]).toEqual([1, 1]);
  });

  test("are not those that workers gave back themselves, however often", () => {
    const suspects = suspectsOn(new FakeClock(), 4);
    const found = (deliveryCount: number, returns?: unknown): boolean =>
      suspects.includes(sinkMessage({ deliveryCount, properties: { [RETURNS_PROPERTY]: returns } as never }));
    expect([found(4), found(5)]).toEqual([false, true]);
    expect([found(9, 5), found(9, 4)]).toEqual([false, true]);
    expect([found(9, -7), found(9, "5"), found(9, 0.5), found(9, Number.NaN)]).toEqual([true, true, true, true]);
  });

  test("are begun one at a time, once those that crashed with them could be back", async () => {
    const clock = new FakeClock();
    const suspects = suspectsOn(clock);
    const begun: string[] = [];
    const messages = [suspect(9), suspect(10), suspect(100)];
    for (const message of messages)
      void suspects.turn(message, new LockOfTest()).then(() => begun.push(message.sequenceNumber));
    await clock.advance(GATHER - 1);
    expect(begun).toEqual([]);
    await clock.advance(1);
    expect(begun).toEqual(["9"]);
    suspects.leave(suspect(10));
    await settled();
    expect(begun).toEqual(["9"]);
    for (const message of messages.slice(0, 2)) {
      suspects.leave(message);
      await settled();
    }
    expect(begun).toEqual(["9", "10", "100"]);
  });

  test("use up none of their time while they wait, and go without a turn where the lock is lost", async () => {
    const clock = new FakeClock();
    const suspects = suspectsOn(clock);
    const [first, second, third] = [new LockOfTest(), new LockOfTest(), new LockOfTest()];
    const messages = [suspect(1), suspect(2), suspect(3)] as const;
    const over = suspects.turn(messages[0], first);
    const lost = suspects.turn(messages[1], second);
    const last = suspects.turn(messages[2], third);
    await clock.advance(GATHER);
    await over;
    expect([first.limit, second.limit]).toEqual(["restarted", "suspended"]);
    second.lose();
    await lost;
    suspects.leave(messages[1]);
    suspects.leave(messages[0]);
    await last;
    expect(third.limit).toBe("restarted");
    second.signal.throwIfAborted = () => undefined;
    await suspects.turn(messages[1], second);
    expect(clock.pending).toBe(0);
  });

  test("are all done within three crashes, except the one that kills, wherever it stands", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 24 }),
        fc.array(fc.integer({ min: 2, max: 5 }), { minLength: 24, maxLength: 24 }),
        fc.nat(),
        async (numbers, counts, which) => {
          const killer = numbers[which % numbers.length];
          let left = numbers.map((number, i) => suspect(number, counts[i] ?? 2));
          for (let crash = 1; crash <= 3; crash++) {
            const done = await lifeOf(left, ({ sequenceNumber }) => sequenceNumber === `${killer}`);
            left = left
              .filter((message) => !done.has(message))
              .map((message) => suspect(Number(message.sequenceNumber), message.deliveryCount + 1));
          }
          expect(left.map(({ sequenceNumber }) => sequenceNumber)).toEqual([`${killer}`]);
        },
      ),
      { numRuns: 100 },
    );
  });
});

import { describe, expect, test } from "vitest";
import { ORIGINAL_ID_PROPERTY, type Outcome, type Pipeline } from "../../../runtime/contract/index.js";
import { type EngineKit, engineKit } from "./engineKit.js";
import { type FakeReceiver, received } from "./fakeBus.js";
import { settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const failed: Outcome = { kind: "retry", code: "JobFailed", description: "exit status 1" };

type Started = EngineKit & { receiver: FakeReceiver };

/** An engine that has started, with the link that its messages come over. */
async function started(...options: Parameters<typeof engineKit>): Promise<Started> {
  const kit = engineKit(...options);
  kit.engine.start();
  await settled();
  const [receiver] = kit.receivers;
  if (receiver === undefined) throw new Error("the engine has no receiver");
  return Object.assign(kit, { receiver });
}

/** Milliseconds from the first time to each of them. */
const since = (times: number[]): number[] => times.map((time) => time - (times[0] ?? 0));

const never = (): Promise<Outcome> => new Promise(() => undefined);

describe("an option of the pipeline, as the engine takes it", () => {
  test("attempts is how often a delivery is tried before it is given back", async () => {
    const kit = await started(
      async () => failed,
      (p) => {
        p.delivery.attempts = 5;
      },
    );
    kit.receiver.send(received());
    await kit.clock.advance(20_000);
    expect(kit.began).toHaveLength(5);
    expect(kit.receiver.settlements).toMatchObject([{ how: "abandoned" }]);
  });

  const waits = (p: Pipeline): void => {
    Object.assign(p.delivery, { attempts: 5, retryBaseMilliseconds: 300, retryMaxMilliseconds: 900 });
  };

  test("retryBaseMilliseconds and retryMaxMilliseconds are the first and the longest wait between attempts", async () => {
    const times: number[] = [];
    const kit: Started = await started(async () => {
      times.push(kit.clock.now());
      return failed;
    }, waits);
    kit.receiver.send(received());
    await kit.clock.advance(20_000);
    expect(since(times)).toEqual([0, 300, 900, 1_800, 2_700]);
  });

  test("retryBaseMilliseconds and retryMaxMilliseconds are the waits between looks at a store that is down, too", async () => {
    const looks: number[] = [];
    const kit: Started = await started(
      async () => ({ kind: "retry", code: "StoreUnavailable", description: "no quorum" }),
      waits,
      async () => {
        looks.push(kit.clock.now());
        throw new Error("no quorum");
      },
    );
    kit.receiver.send(received());
    await kit.clock.advance(3_000);
    expect(since(looks)).toEqual([0, 300, 900, 1_800, 2_700]);
  });

  test.each([
    ["hold", []],
    ["schedule", ["completed"]],
  ] as const)(
    "delayedRetry %s says what becomes of a message whose sink asks for a delay",
    async (delayedRetry, how) => {
      const kit = await started(
        async () => ({ ...failed, delayMilliseconds: 5_000 }),
        (p) => {
          p.delivery.delayedRetry = delayedRetry;
        },
      );
      kit.receiver.send(received());
      await kit.clock.advance(1_000);
      expect(kit.receiver.settlements.map((settlement) => settlement.how)).toEqual(how);
    },
  );

  test.each([
    [false, "m-1", undefined],
    [true, expect.stringMatching(/^[0-9a-f]{64}$/), "m-1"],
  ])("duplicateDetection %s says whether a copy may keep its message's id", async (known, messageId, original) => {
    const kit = await started(
      async () => ({ ...failed, delayMilliseconds: 5_000 }),
      (p) => {
        p.delivery.delayedRetry = "schedule";
        p.source.duplicateDetection = known;
      },
    );
    kit.receiver.send(received());
    await settled();
    expect(kit.scheduled.map(({ properties }) => properties?.messageId)).toEqual([messageId]);
    expect(kit.scheduled[0]?.applicationProperties?.[ORIGINAL_ID_PROPERTY]).toBe(original);
  });

  test("expectedRestarts is how many deliveries a message may lose before it is begun alone", async () => {
    const kit = await started(never, (p) => {
      p.source.maxDeliveryCount = 20;
      p.delivery.expectedRestarts = 5;
    });
    const lost = (messageId: string, deliveryCount: number) =>
      received({ messageId, deliveryCount, applicationProperties: {} });
    kit.receiver.send(lost("five restarts", 5), lost("six restarts", 6));
    await settled();
    expect(kit.began).toEqual(["five restarts"]);
  });

  test.each([
    [4, 60, 29_900],
    [1, 60, 0],
  ])(
    "concurrency %i and lockDurationSeconds %i are how long such a message waits for those that crashed with it",
    async (concurrency, lockDurationSeconds, waits) => {
      const kit = await started(never, (p) => {
        Object.assign(p.source, { maxDeliveryCount: 20, lockDurationSeconds });
        p.delivery.concurrency = concurrency;
      });
      kit.receiver.send(received({ deliveryCount: 9, applicationProperties: {} }));
      await kit.clock.advance(waits);
      expect(kit.began).toEqual(waits === 0 ? ["m-1"] : []);
      await kit.clock.advance(200);
      expect(kit.began).toEqual(["m-1"]);
    },
  );

  test("maxProcessingSeconds is how long a message may take", async () => {
    const stops: number[] = [];
    const kit: Started = await started(
      (_message, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            stops.push(kit.clock.now());
            resolve({ kind: "retry", code: "Interrupted", description: "stop" });
          }),
        ),
      (p) => {
        p.delivery.maxProcessingSeconds = 70;
      },
    );
    const began = kit.clock.now();
    kit.receiver.send(received());
    await kit.clock.advance(200_000);
    expect(stops.map((time) => time - began)).toEqual([70_000]);
    expect(kit.receiver.settlements).toMatchObject([{ how: "abandoned" }]);
  });

  /** An engine that gets nothing although a message waits, so long after its start, in seconds. */
  async function stuckFor(seconds: number, change: (pipeline: Pipeline) => void) {
    const kit = await started(never, change);
    kit.waits("7");
    await kit.clock.advance(seconds * 1_000);
    return { receivers: kit.receivers.length, ended: kit.codes };
  }

  test("noProgressSeconds is how long nothing comes before the receiver is replaced, and two locks are at least", async () => {
    const times = (noProgressSeconds: number, lockDurationSeconds: number) => (p: Pipeline) => {
      p.delivery.noProgressSeconds = noProgressSeconds;
      p.source.lockDurationSeconds = lockDurationSeconds;
    };
    expect(await stuckFor(85, times(90, 10))).toMatchObject({ receivers: 1 });
    expect(await stuckFor(110, times(90, 10))).toMatchObject({ receivers: 2 });
    expect(await stuckFor(195, times(90, 100))).toMatchObject({ receivers: 1 });
    expect(await stuckFor(235, times(90, 100))).toMatchObject({ receivers: 2 });
  });

  test("maxProcessingSeconds is how long a message may be another worker's before a stuck one ends", async () => {
    const hold = (p: Pipeline): void => {
      Object.assign(p.delivery, { noProgressSeconds: 90, maxProcessingSeconds: 500 });
    };
    expect((await stuckFor(550, hold)).ended).toEqual([]);
    expect((await stuckFor(600, hold)).ended).toEqual([4]);
  });

  test("slowSeconds beyond the entity's lock is warned about", async () => {
    const kit = await started(never, (p) => {
      p.delivery.slowSeconds = 45;
    });
    expect(kit.lines).toContainEqual(expect.objectContaining({ lockDurationSeconds: 30, slowSeconds: 45 }));
    expect(await kit.value("stowage_lock_short")).toBe(1);
  });

  test("shutdownGraceSeconds is how long a stop waits for what is in work", async () => {
    const kit = await started(never, (p) => {
      p.delivery.shutdownGraceSeconds = 7;
    });
    kit.receiver.send(received());
    await settled();
    let empty: boolean | undefined;
    void kit.engine.stop().then((found) => {
      empty = found;
    });
    await kit.clock.advance(6_900);
    expect(empty).toBeUndefined();
    await kit.clock.advance(200);
    expect(empty).toBe(false);
  });

  test("lockDurationSeconds is what renewals go by, and is shown", async () => {
    const kit = await started(never, (p) => {
      p.source.lockDurationSeconds = 60;
    });
    kit.receiver.send(received());
    await kit.clock.advance(29_000);
    expect(kit.receiver.renewed).toEqual([]);
    await kit.clock.advance(2_000);
    expect(kit.receiver.renewed).toEqual(["m-1"]);
    expect(await kit.value("stowage_lock_duration_seconds")).toBe(60);
  });

  test("maxDeliveryCount says which delivery is the last", async () => {
    const kit = await started(
      async () => failed,
      (p) => {
        p.source.maxDeliveryCount = 5;
      },
    );
    kit.receiver.send(
      received({ messageId: "fourth", deliveryCount: 3 }),
      received({ messageId: "fifth", deliveryCount: 4 }),
    );
    await kit.clock.advance(5_000);
    expect(kit.receiver.settlements).toMatchObject([
      { messageId: "fourth", how: "abandoned" },
      { messageId: "fifth", how: "deadLettered", reason: "AttemptsExhausted" },
    ]);
  });

  test("replyQueues are the queues that a message may ask an answer to, and that a sink may answer to", async () => {
    const kit = await started(
      async ({ messageId }) => ({
        ...done,
        replies: [{ queue: messageId === "strays" ? "answers" : "results", kind: "outcome", body: {} }],
      }),
      (p) => {
        p.replyQueues = ["results"];
      },
    );
    kit.receiver.send(
      received({ messageId: "asks", replyTo: "results" }),
      received({ messageId: "asks elsewhere", replyTo: "answers" }),
      received({ messageId: "strays" }),
    );
    await settled();
    expect(
      Object.fromEntries(kit.receiver.settlements.map(({ messageId, how, reason }) => [messageId, reason ?? how])),
    ).toEqual({ asks: "completed", "asks elsewhere": "ReplyNotAllowed", strays: "ReplyNotAllowed" });
  });

  test.each([true, false])("observe %s says whether the exact counts are asked for", async (observe) => {
    const kit = await started(never, (p) => {
      p.observe = observe;
    });
    await kit.clock.advance(60_000);
    expect(kit.metrics.registry.getSingleMetric("stowage_queue_messages") !== undefined).toBe(observe);
  });
});

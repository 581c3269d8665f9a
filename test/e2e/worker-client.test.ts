import { afterEach, describe, expect, test } from "vitest";
import { errorCode } from "../../runtime/bus/errors.js";
import { openBus } from "../../runtime/bus/index.js";
import { type ClientRetries, DELIVERY_DEFAULTS } from "../../runtime/contract/index.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import { BusKit } from "./workerKit.js";

/** A pipeline whose client tries again as told. */
const pipelineWith = (retries: Partial<ClientRetries>) =>
  pipelineOf((p) => {
    p.delivery.client = { ...DELIVERY_DEFAULTS.client, ...retries };
  });

describe("the client's retries", () => {
  let kit: BusKit | undefined;
  afterEach(async () => {
    await kit?.close();
    kit = undefined;
  });

  /** Sends one message to a queue that is busy so often; gives the time that took, in milliseconds. */
  async function sending(busy: number, retries: Partial<ClientRetries>): Promise<number> {
    kit ??= await new BusKit().open();
    const bus = await openBus(kit.connection, pipelineWith(retries));
    try {
      const sender = bus.createSender("answers");
      await sender.sendMessages({ messageId: "first", body: 1 });
      kit.broker.faults.answerBusy("answers", { times: busy, at: ["send"] });
      const began = performance.now();
      await sender.sendMessages({ messageId: "second", body: 2 });
      return performance.now() - began;
    } finally {
      kit.broker.faults.clear();
      await bus.close();
    }
  }

  test("are as many as the pipeline says", async () => {
    const quick = { retryDelayMilliseconds: 10, maxRetryDelayMilliseconds: 10 };
    await expect(sending(2, { ...quick, maxRetries: 1 })).rejects.toSatisfy((e) => errorCode(e) === "ServiceBusy");
    expect(await sending(2, { ...quick, maxRetries: 2 })).toBeGreaterThan(0);
  });

  test("wait as long as the pipeline says, and never longer than its longest", async () => {
    const twice = { maxRetries: 2, retryDelayMilliseconds: 1_000 };
    expect(await sending(2, { ...twice, maxRetryDelayMilliseconds: 60_000 })).toBeGreaterThan(1_500);
    expect(await sending(2, { ...twice, maxRetryDelayMilliseconds: 10 })).toBeLessThan(1_500);
    expect(await sending(2, { ...twice, retryDelayMilliseconds: 10, maxRetryDelayMilliseconds: 60_000 })).toBeLessThan(
      1_500,
    );
  }, 20_000);

  test("give an operation as long as the pipeline says", async () => {
    kit = await new BusKit().open({ requiresSession: true });
    const bus = await openBus(kit.connection, pipelineWith({ maxRetries: 0, timeoutSeconds: 1 }));
    const began = performance.now();
    await expect(bus.acceptNextSession()).rejects.toMatchObject({ code: "ServiceTimeout" });
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(5_000);
    await bus.close();
  }, 20_000);
});

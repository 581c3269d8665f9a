import { describe, expect, test } from "vitest";
import { BUS_DOWN_MILLISECONDS } from "../../../runtime/bus/engine.js";
import { isRefusal, PROPAGATION_MILLISECONDS } from "../../../runtime/bus/propagation.js";
import type { Outcome, Pipeline } from "../../../runtime/contract/index.js";
import { engineKit } from "./engineKit.js";
import { received } from "./fakeBus.js";
import { clientError, settled } from "./fakes.js";

const done: Outcome = { kind: "done", duplicate: false };
const refused = () => clientError("UnauthorizedAccess", "Unauthorized access. 'Listen' claim(s) are required");
const sessions = (p: Pipeline) => {
  p.source.sessions = true;
};
const kinds: [string, (p: Pipeline) => void][] = [
  ["a queue", () => undefined],
  ["a queue with sessions", sessions],
];

describe("what counts as a refusal", () => {
  test("is the bus's answer, Entra's answer, and either as the last of the client's own retries", () => {
    const entra = Object.assign(new Error("AADSTS70021: no match"), { name: "AuthenticationError" });
    expect([refused(), entra, new AggregateError([new Error("lost"), refused()])].map(isRefusal)).toEqual([
      true,
      true,
      true,
    ]);
    const others = [clientError("ServiceCommunicationProblem"), new Error("x"), new AggregateError([]), undefined];
    expect(others.map(isRefusal)).toEqual([false, false, false, false]);
  });
});

describe.each(kinds)("a worker on %s whose rights have not reached the bus", (_, change) => {
  test("lives, is not ready and says why, for as long as rights may take", async () => {
    const kit = engineKit(async () => done, change);
    kit.refuse(refused());
    kit.engine.start();
    const until = new Date(kit.clock.now() + PROPAGATION_MILLISECONDS).toISOString();
    await kit.clock.advance(PROPAGATION_MILLISECONDS - 5_000);
    expect(kit.noProgress).toEqual([]);
    expect(kit.engine.live().ok).toBe(true);
    const ready = await kit.engine.ready();
    expect(ready.ok).toBe(false);
    expect(ready.reason).toContain("the bus refuses this worker");
    expect(ready.reason).toContain(`tried again until ${until}`);
    expect(ready.reason).toContain("renders: UnauthorizedAccess: Unauthorized access. 'Listen' claim(s) are required");
  });

  test("asks again after waits that grow to half a minute, not in a loop", async () => {
    const kit = engineKit(async () => done, change);
    kit.refuse(refused());
    kit.engine.start();
    const errors = () => kit.value("stowage_receiver_errors_total", { code: "UnauthorizedAccess" });
    await kit.clock.advance(PROPAGATION_MILLISECONDS - 5_000);
    const asked = await errors();
    expect(asked).toBeGreaterThanOrEqual(20);
    // Eight session requests wait side by side, each with the same growing wait.
    expect(asked).toBeLessThan(8 * 30);
    const before = await errors();
    await kit.clock.advance(31_000);
    expect((await errors()) - before).toBeLessThanOrEqual(8 * 2);
  });

  test("works as soon as they have", async () => {
    const kit = engineKit(async () => done, change);
    kit.refuse(refused());
    kit.engine.start();
    await kit.clock.advance(300_000);
    kit.refuse(undefined);
    await kit.clock.advance(31_000);
    expect(await kit.engine.ready()).toEqual({ ok: true, reason: "ready" });
    await kit.clock.advance(PROPAGATION_MILLISECONDS);
    expect(kit.noProgress).toEqual([]);
  });

  test("ends with the status for it when they have not come in time", async () => {
    const kit = engineKit(async () => done, change);
    kit.refuse(refused());
    kit.engine.start();
    await kit.clock.advance(PROPAGATION_MILLISECONDS + 2_000);
    expect(kit.codes).toEqual([5]);
    expect(kit.noProgress[0]).toContain("UnauthorizedAccess");
    expect(kit.engine.live().ok).toBe(false);
  });

  test("gives up as before where the bus is away and does not refuse", async () => {
    const kit = engineKit(async () => done, change);
    kit.refuse(clientError("ServiceCommunicationProblem", "connection refused"));
    kit.engine.start();
    await kit.clock.advance(BUS_DOWN_MILLISECONDS + 2_000);
    expect(kit.codes).toEqual([4]);
  });
});

describe("a worker whose rights are taken away later", () => {
  test("ends with the status for it after two minutes, not after ten", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await kit.clock.advance(PROPAGATION_MILLISECONDS + 1_000);
    kit.refuse(refused());
    const [receiver] = kit.receivers;
    if (receiver !== undefined) receiver.refusal = refused();
    await receiver?.attach(4);
    await kit.clock.advance(BUS_DOWN_MILLISECONDS - 2_000);
    expect(kit.codes).toEqual([]);
    expect((await kit.engine.ready()).reason).toMatch(/^the bus refuses this worker: renders: UnauthorizedAccess/);
    await kit.clock.advance(4_000);
    expect(kit.codes).toEqual([5]);
  });

  test("closes every link that is refused, and opens one in their place when it may again", async () => {
    const kit = engineKit(async () => done);
    kit.engine.start();
    await settled();
    kit.refuse(refused());
    const [receiver] = kit.receivers;
    if (receiver !== undefined) receiver.refusal = refused();
    await receiver?.attach(4);
    await kit.clock.advance(20_000);
    kit.refuse(undefined);
    await kit.clock.advance(31_000);
    expect(kit.receivers.slice(0, -1).map(({ closed, unsubscribed }) => [closed, unsubscribed])).toEqual(
      kit.receivers.slice(0, -1).map(() => [1, 1]),
    );
    kit.receivers.at(-1)?.send(received({ messageId: "a" }));
    await settled();
    expect(kit.began).toEqual(["a"]);
  });

  test("asks no more once it is stopped", async () => {
    const kit = engineKit(async () => done);
    kit.refuse(refused());
    kit.engine.start();
    await kit.clock.advance(5_000);
    const stopped = kit.engine.stop();
    await kit.clock.advance(1_000);
    expect(await stopped).toBe(true);
    const asked = kit.receivers.length;
    await kit.clock.advance(120_000);
    expect(kit.receivers.length).toBe(asked);
  });
});

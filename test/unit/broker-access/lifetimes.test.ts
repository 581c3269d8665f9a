import type { ServiceBusReceiver } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { AccessRight } from "../../../stacks/local/broker/index.js";
import { errorCodes, eventually, failure, take } from "../broker/client.js";
import { roundTrip, startGuarded } from "./kit.js";

function subscribe(receiver: ServiceBusReceiver) {
  const errors: { code: string; message: string }[] = [];
  const got: unknown[] = [];
  receiver.subscribe({
    processMessage: async ({ body }) => {
      got.push(body);
    },
    processError: async ({ error }) => {
      errors.push({ code: "code" in error ? String(error.code) : error.name, message: error.message });
    },
  });
  return { errors, got };
}

describe("a right that is taken away", () => {
  it("ends open links at once when the broker is told, and only those", async () => {
    const { broker, directory, client, log } = await startGuarded();
    broker.putQueue("other");
    for (const who of ["worker", "stays"]) {
      directory.grant(who, "orders", AccessRight.Listen, AccessRight.Send);
    }
    directory.grant("worker", "other", AccessRight.Send);
    const worker = client("worker");
    const listening = subscribe(worker.createReceiver("orders"));
    const sender = worker.createSender("orders");
    const other = worker.createSender("other");
    await sender.sendMessages({ body: 1 });
    await other.sendMessages({ body: 1 });
    await eventually(
      () => listening.got,
      (got) => got.length === 1,
    );
    directory.revoke("worker", "orders");
    broker.accessChanged();
    await eventually(
      () => listening.errors,
      (errors) => errors.some(({ code }) => code === "UnauthorizedAccess"),
    );
    expect(listening.errors[0]?.message).toMatch(/'Listen' claim\(s\) are required/);
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("UnauthorizedAccess");
    await other.sendMessages({ body: 2 });
    const stays = client("stays");
    await stays.createSender("orders").sendMessages({ body: 3 });
    expect((await take(stays.createReceiver("orders"), 1)).map(({ body }) => body)).toEqual([3]);
    expect(
      log.filter(({ action }) => action === "revoked").map(({ who, right, entity }) => [who, right, entity]),
    ).toEqual(
      expect.arrayContaining([
        ["worker", "listen", "orders"],
        ["worker", "send", "orders"],
      ]),
    );
  });

  it("is noticed within five seconds where nobody tells the broker, and given back it counts again", async () => {
    const { directory, client, clock } = await startGuarded();
    directory.grant("worker", "orders", AccessRight.Send);
    const worker = client("worker");
    const sender = worker.createSender("orders");
    await sender.sendMessages({ body: 1 });
    directory.revoke("worker", "orders");
    clock.advance(5_000);
    await roundTrip(worker);
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("UnauthorizedAccess");
    directory.grant("worker", "orders", AccessRight.Send);
    await sender.sendMessages({ body: 3 });
  });

  it("ends a link that still waits for a session", async () => {
    const { broker, directory, client, log } = await startGuarded();
    broker.putQueue("sessions", { requiresSession: true });
    directory.grant("worker", "sessions", AccessRight.Listen);
    const waiting = failure(client("worker").acceptNextSession("sessions"));
    await eventually(
      () => log.filter(({ action, outcome }) => action === "attach" && outcome === "allowed").length,
      (attached) => attached === 1,
    );
    directory.revoke("worker", "sessions");
    broker.accessChanged();
    expect(await waiting).toBe("UnauthorizedAccess");
  });

  it("stops requests to $management on a link that was open", async () => {
    const { broker, directory, client } = await startGuarded();
    directory.grant("worker", "orders", AccessRight.Listen, AccessRight.Send);
    const worker = client("worker");
    const receiver = worker.createReceiver("orders");
    expect(await receiver.peekMessages(1)).toEqual([]);
    directory.grant("worker", "orders", AccessRight.Send);
    broker.accessChanged();
    expect(await failure(receiver.peekMessages(1))).toBe("UnauthorizedAccess");
    await worker.createSender("orders").scheduleMessages({ body: 1 }, new Date(Date.now() + 60_000));
    expect(broker.counts("orders").scheduled).toBe(1);
  });
});

describe("a token's time", () => {
  it("ends open links with a forced detach that says RenewToken", async () => {
    const { directory, client, clock, log } = await startGuarded({ linkIdleMs: Number.POSITIVE_INFINITY });
    directory.grant("worker", "orders", AccessRight.Listen);
    const { errors } = subscribe(client("worker").createReceiver("orders"));
    await eventually(
      () => log.filter(({ action }) => action === "attach").length,
      (attached) => attached === 1,
    );
    clock.advance(3_599_000);
    expect(log.some(({ action }) => action === "expired")).toBe(false);
    clock.advance(2_000);
    expect(log.at(-1)).toMatchObject({ action: "expired", who: "worker", right: "listen", entity: "orders" });
    // The client takes a forced detach for something that passes: it comes back with a new token, and says nothing.
    await eventually(
      () => log.filter(({ action, outcome }) => action === "attach" && outcome === "allowed").length,
      (attached) => attached === 2,
    );
    expect(
      errors.filter(({ message }) => !/force detached\. Code: RenewToken\. Details: Unauthorized access/.test(message)),
    ).toEqual([]);
  });

  it("is renewed on the same connection without the link noticing", async () => {
    const { directory, clientWith, clock, log } = await startGuarded({ linkIdleMs: Number.POSITIVE_INFINITY });
    directory.grant("worker", "orders", AccessRight.Listen, AccessRight.Send);
    // The client renews two minutes before the end that it believes in: here after half a second.
    const client = clientWith(() => directory.token("worker", clock.now() + 3_600_000), { believesFor: 120_500 });
    const errors = errorCodes();
    const got: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => {
        got.push(body);
      },
      processError: errors.processError,
    });
    const puts = (): number => log.filter(({ action }) => action === "put-token").length;
    await eventually(
      () => log.filter(({ action }) => action === "attach").length,
      (attached) => attached === 1,
    );
    clock.advance(3_000_000);
    const before = puts();
    await eventually(puts, (count) => count > before);
    clock.advance(3_000_000);
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 1 });
    await eventually(
      () => got.length,
      (length) => length === 1,
    );
    expect(errors.codes).toEqual([]);
    expect(log.filter(({ action }) => action === "expired")).toEqual([]);
    expect(log.filter(({ action, right }) => action === "attach" && right === "listen")).toHaveLength(1);
  });

  it("that is over already is refused as ExpiredToken", async () => {
    const { directory, clientWith, clock, log } = await startGuarded();
    directory.grant("worker", "orders", AccessRight.Send);
    const client = clientWith(() => directory.token("worker", clock.now() - 1_000));
    expect(await failure(client.createSender("orders").sendMessages({ body: 1 }))).toBe("UnauthorizedAccess");
    expect(log).toMatchObject([{ action: "put-token", outcome: "refused", who: "worker" }]);
    expect(log[0]?.reason).toMatch(/^ExpiredToken: The token is expired\./);
  });
});

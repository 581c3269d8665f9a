import type { ServiceBusError } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { AccessRight } from "../../../stacks/local/broker/index.js";
import { type Bus, failure, numberOf, startBus, takeOne } from "../broker/client.js";
import { startGuarded } from "./kit.js";

/** How each refusal comes about; what is thrown is what the unmodified client makes of it. */
interface Row {
  readonly code: ServiceBusError["code"];
  readonly how: string;
  readonly attempt: (bus: Bus) => Promise<unknown>;
}

async function lockedMessage({ broker, client, clock }: Bus) {
  broker.putQueue("orders", { lockDurationSeconds: 30 });
  await client.createSender("orders").sendMessages({ body: 1 });
  const receiver = client.createReceiver("orders");
  const message = await takeOne(receiver);
  return { receiver, message, expire: () => clock.advance(30_001) };
}

async function session({ broker, client, clock }: Bus) {
  broker.putQueue("orders", { requiresSession: true, lockDurationSeconds: 30 });
  await client.createSender("orders").sendMessages({ body: 1, sessionId: "a" });
  const receiver = await client.acceptSession("orders", "a", { maxAutoLockRenewalDurationInMs: 0 });
  return { receiver, expire: () => clock.advance(30_001) };
}

const ROWS: readonly Row[] = [
  {
    code: "MessageLockLost",
    how: "completing after the lock's end",
    attempt: async (bus) => {
      const { receiver, message, expire } = await lockedMessage(bus);
      expire();
      return receiver.completeMessage(message);
    },
  },
  {
    code: "MessageLockLost",
    how: "renewing after the lock's end",
    attempt: async (bus) => {
      const { receiver, message, expire } = await lockedMessage(bus);
      expire();
      return receiver.renewMessageLock(message);
    },
  },
  {
    code: "SessionLockLost",
    how: "renewing a session after its lock's end",
    attempt: async (bus) => {
      const { receiver, expire } = await session(bus);
      expire();
      return receiver.renewSessionLock();
    },
  },
  {
    code: "SessionLockLost",
    how: "setting the state of a session after its lock's end",
    attempt: async (bus) => {
      const { receiver, expire } = await session(bus);
      expire();
      return receiver.setSessionState("late");
    },
  },
  {
    code: "SessionCannotBeLocked",
    how: "accepting a session that another holds",
    attempt: async (bus) => {
      await session(bus);
      return bus.connect().acceptSession("orders", "a");
    },
  },
  {
    code: "MessagingEntityNotFound",
    how: "sending to what is not there",
    attempt: ({ client }) => client.createSender("none").sendMessages({ body: 1 }),
  },
  {
    code: "MessagingEntityNotFound",
    how: "receiving from a subscription that is not there",
    attempt: ({ broker, client }) => {
      broker.putTopic("events");
      return client.createReceiver("events", "none").receiveMessages(1);
    },
  },
  {
    code: "MessagingEntityDisabled",
    how: "sending to a disabled queue",
    attempt: ({ broker, client }) => {
      broker.putQueue("orders", { status: "Disabled" });
      return client.createSender("orders").sendMessages({ body: 1 });
    },
  },
  {
    code: "MessageSizeExceeded",
    how: "sending more than the limit",
    attempt: ({ broker, client }) => {
      broker.putQueue("orders");
      return client.createSender("orders").sendMessages({ body: "x".repeat(300_000) });
    },
  },
  {
    code: "QuotaExceeded",
    how: "sending to a broker that is full",
    attempt: async ({ client }) => {
      const sender = client.createSender("full");
      for (let i = 0; i < 10; i++) await sender.sendMessages({ body: "x".repeat(200_000) });
    },
  },
  {
    code: "MessageNotFound",
    how: "receiving a deferred message that is not there",
    attempt: async (bus) => {
      const { receiver, message } = await lockedMessage(bus);
      await receiver.completeMessage(message);
      return receiver.receiveDeferredMessages(numberOf(message));
    },
  },
  {
    code: "ServiceBusy",
    how: "sending to an entity that is throttled",
    attempt: ({ broker, client }) => {
      broker.putQueue("orders");
      broker.faults.answerBusy("orders");
      return client.createSender("orders").sendMessages({ body: 1 });
    },
  },
  {
    code: "ServiceTimeout",
    how: "waiting for a session that does not come",
    attempt: async ({ broker, client, clock }) => {
      broker.putQueue("orders", { requiresSession: true });
      const timer = setInterval(() => clock.advance(1_000), 5);
      return client.acceptNextSession("orders").finally(() => clearInterval(timer));
    },
  },
];

describe("the official client's error code", () => {
  it.each(ROWS)("is $code for $how", async ({ code, attempt }) => {
    const bus = await startBus({ maxBytes: 1_000_000 });
    bus.broker.putQueue("full");
    expect(await failure(attempt(bus))).toBe(code);
  });

  it("is UnauthorizedAccess for a right that is missing, and for a token that is not believed", async () => {
    const { directory, client, clientWith } = await startGuarded();
    directory.grant("worker", "orders", AccessRight.Listen);
    expect(await failure(client("worker").createSender("orders").sendMessages({ body: 1 }))).toBe("UnauthorizedAccess");
    const nobody = clientWith(async () => "a.b.c");
    expect(await failure(nobody.createReceiver("orders").receiveMessages(1))).toBe("UnauthorizedAccess");
  });
});

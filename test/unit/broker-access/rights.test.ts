import { describe, expect, it } from "vitest";
import { AccessRight } from "../../../stacks/local/broker/index.js";
import { failure, takeOne } from "../broker/client.js";
import { refusedWith, startGuarded } from "./kit.js";

describe("a token of the directory", () => {
  it("lets its holder do what the rights at that entity say, and nothing else", async () => {
    const { directory, client } = await startGuarded();
    directory.grant("producer", "orders", AccessRight.Send);
    directory.grant("worker", "orders", AccessRight.Listen);
    const producer = client("producer");
    const worker = client("worker");
    await producer.createSender("orders").sendMessages({ body: 1 });
    const receiver = worker.createReceiver("orders");
    await receiver.completeMessage(await takeOne(receiver));
    const refused = [
      () => worker.createSender("orders").sendMessages({ body: 2 }),
      () => producer.createReceiver("orders").receiveMessages(1, { maxWaitTimeInMs: 300 }),
      () => producer.createReceiver("orders").peekMessages(1),
      () => producer.createReceiver("orders", { subQueueType: "deadLetter" }).receiveMessages(1),
      () => worker.createSender("orders").scheduleMessages({ body: 3 }, new Date(Date.now() + 60_000)),
      () => producer.createSender("events").sendMessages({ body: 4 }),
      () => worker.createReceiver("events", "audit").receiveMessages(1, { maxWaitTimeInMs: 300 }),
    ];
    for (const attempt of refused) {
      expect(await failure(attempt())).toBe("UnauthorizedAccess");
    }
  });

  it("reaches dead letters, peek and deferred ones with Listen, and scheduling with Send", async () => {
    const { directory, client, clock, broker } = await startGuarded();
    directory.grant("producer", "orders", AccessRight.Send);
    directory.grant("worker", "orders", AccessRight.Listen);
    const sender = client("producer").createSender("orders");
    await sender.sendMessages({ body: 1 });
    const [number] = await sender.scheduleMessages({ body: 2 }, new Date(clock.now() + 60_000));
    expect(broker.counts("orders").scheduled).toBe(1);
    if (number === undefined) throw new Error("no number");
    await sender.cancelScheduledMessages(number);
    const receiver = client("worker").createReceiver("orders");
    expect((await receiver.peekMessages(1)).map(({ body }) => body)).toEqual([1]);
    await receiver.deadLetterMessage(await takeOne(receiver));
    const dead = client("worker").createReceiver("orders", { subQueueType: "deadLetter" });
    expect((await takeOne(dead)).body).toBe(1);
  });

  it("counts at a subscription, its topic and the namespace, as the rights are given", async () => {
    const { directory, client, broker } = await startGuarded();
    broker.putSubscription("events", "other");
    directory.grant("auditor", "events/Subscriptions/audit", AccessRight.Listen);
    directory.grant("topic", "events", AccessRight.Send, AccessRight.Listen);
    directory.grant("owner", "", AccessRight.Manage);
    await client("topic").createSender("events").sendMessages({ body: 1 });
    await client("owner").createSender("events").sendMessages({ body: 2 });
    expect((await takeOne(client("auditor").createReceiver("events", "audit"))).body).toBe(1);
    expect((await takeOne(client("topic").createReceiver("events", "audit"))).body).toBe(2);
    expect((await takeOne(client("owner").createReceiver("events", "other"))).body).toBe(1);
    expect(
      await failure(client("auditor").createReceiver("events", "other").receiveMessages(1, { maxWaitTimeInMs: 300 })),
    ).toBe("UnauthorizedAccess");
  });

  it("is refused in the service's words, which name the right and the entity", async () => {
    const { directory, client, port } = await startGuarded();
    directory.grant("worker", "orders", AccessRight.Listen);
    const { message } = await refusedWith(client("worker").createSender("orders").sendMessages({ body: 1 }));
    expect(message).toMatch(
      /^Unauthorized access\. 'Send' claim\(s\) are required to perform this operation\. Resource: 'sb:\/\/localhost\/orders'\. TrackingId:[0-9a-f-]{36}, SystemTracker:stowage-broker, Timestamp:\d{4}-/,
    );
    expect(port).toBeGreaterThan(0);
  });

  it("does not tell strangers which entities there are", async () => {
    const { directory, client } = await startGuarded();
    directory.grant("owner", "", AccessRight.Manage);
    directory.grant("stranger", "elsewhere", AccessRight.Send);
    expect(await failure(client("owner").createSender("none").sendMessages({ body: 1 }))).toBe(
      "MessagingEntityNotFound",
    );
    expect(await failure(client("stranger").createSender("none").sendMessages({ body: 1 }))).toBe("UnauthorizedAccess");
    expect(await failure(client("stranger").createSender("orders").sendMessages({ body: 1 }))).toBe(
      "UnauthorizedAccess",
    );
  });

  it.each([
    ["of a foreign issuer", { claims: { iss: "https://sts.example/other/" } }, /InvalidIssuer/],
    ["for another audience", { claims: { aud: "https://storage.azure.com/" } }, /InvalidAudience/],
    ["with a signature of another key", { signedBy: "foreign" as const }, /InvalidSignature/],
  ])("%s is refused, and the refusal is in the log with who and why", async (_what, changes, text) => {
    const { directory, clientWith, clock, log } = await startGuarded();
    directory.grant("producer", "orders", AccessRight.Send);
    const client = clientWith(() => directory.token("producer", clock.now() + 3_600_000, changes));
    const { code, message } = await refusedWith(client.createSender("orders").sendMessages({ body: 1 }));
    expect(code).toBe("UnauthorizedAccess");
    expect(message).toMatch(text);
    expect(log).toEqual([
      {
        at: clock.now(),
        action: "put-token",
        outcome: "refused",
        who: "producer",
        entity: "orders",
        reason: expect.stringMatching(text),
      },
    ]);
  });

  it("that was changed on its way is refused, and so is what is no token at all", async () => {
    const { directory, clientWith, clock } = await startGuarded();
    directory.grant("producer", "orders", AccessRight.Send);
    directory.grant("boss", "orders", AccessRight.Manage);
    const tampered = async (): Promise<string> => {
      const [head, body, signature] = (await directory.token("producer", clock.now() + 3_600_000)).split(".");
      const claims: unknown = JSON.parse(Buffer.from(body ?? "", "base64url").toString());
      const changed = JSON.stringify({ ...(typeof claims === "object" ? claims : {}), oid: "boss" });
      return [head, Buffer.from(changed).toString("base64url"), signature].join(".");
    };
    for (const token of [tampered, async () => "no token", async () => "", async () => "x".repeat(70_000)]) {
      expect(await failure(clientWith(token).createSender("orders").sendMessages({ body: 1 }))).toBe(
        "UnauthorizedAccess",
      );
    }
  });

  it("is written down without the token: who, which right, where, allowed or not", async () => {
    const { directory, client, log, clock } = await startGuarded();
    directory.grant("producer", "orders", AccessRight.Send);
    const producer = client("producer");
    await producer.createSender("orders").sendMessages({ body: 1 });
    await failure(producer.createReceiver("orders").receiveMessages(1, { maxWaitTimeInMs: 300 }));
    const at = clock.now();
    const who = "producer";
    expect(log).toEqual([
      { at, action: "put-token", outcome: "allowed", who, entity: "orders" },
      { at, action: "attach", outcome: "allowed", who, right: "send", entity: "orders" },
      { at, action: "put-token", outcome: "allowed", who, entity: "orders" },
      {
        at,
        action: "attach",
        outcome: "refused",
        who,
        right: "listen",
        entity: "orders",
        reason: expect.stringMatching(/'Listen' claim/),
      },
    ]);
    expect(JSON.stringify(log)).not.toMatch(/eyJ/);
  });
});

describe("a broker without access control", () => {
  it("takes any token and looks at no right, but writes down what it is told", async () => {
    const { clientOf, log, broker } = await startGuarded({ access: undefined } as object);
    await clientOf("anything", "whatever").createSender("orders").sendMessages({ body: 1 });
    expect(broker.counts("orders").active).toBe(1);
    expect(log.map(({ action, outcome, who, entity }) => [action, outcome, who, entity])).toEqual([
      ["put-token", "allowed", "anything", "orders"],
      ["attach", "allowed", "anything", "orders"],
    ]);
    expect(() => broker.putSharedAccessPolicy("", { name: "a", rights: ["send"], primaryKey: "k" })).toThrow(
      /takes any token/,
    );
  });
});

import { createHmac } from "node:crypto";
import { AzureNamedKeyCredential, AzureSASCredential } from "@azure/core-auth";
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it } from "vitest";
import { AccessRight, tokensRefused } from "../../../stacks/local/broker/index.js";
import { failure, takeOne } from "../broker/client.js";
import { FIRST_ANSWER, refusedWith, roundTrip, startGuarded } from "./kit.js";

const KEY = "Zm9yIHRlc3RzIG9ubHk6IG5vdCBhIHNlY3JldCBhdCBhbGw=";

function sign(resource: string, expiry: number, name: string, key = KEY): string {
  const encoded = encodeURIComponent(resource);
  const signature = createHmac("sha256", key).update(`${encoded}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${encoded}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${name}`;
}

describe("a shared access policy", () => {
  it("of the namespace lets whoever signs with its primary or secondary key do what it says", async () => {
    const { broker, clientOf } = await startGuarded({ access: tokensRefused });
    broker.putSharedAccessPolicy("", {
      name: "Root",
      rights: [AccessRight.Manage],
      primaryKey: KEY,
      secondaryKey: "second",
    });
    await clientOf("Root", KEY).createSender("orders").sendMessages({ body: 1 });
    expect((await takeOne(clientOf("Root", "second").createReceiver("orders"))).body).toBe(1);
    const { code, message } = await refusedWith(
      clientOf("Root", "third").createSender("orders").sendMessages({ body: 1 }),
    );
    expect([code, message]).toEqual(["UnauthorizedAccess", expect.stringMatching(/^InvalidSignature: /)]);
    expect(await failure(clientOf("Nobody", KEY).createSender("orders").sendMessages({ body: 1 }))).toBe(
      "UnauthorizedAccess",
    );
  });

  it("is taken as a named key and as a ready signature, too", async () => {
    const { broker, host } = await startGuarded({ access: tokensRefused });
    broker.putSharedAccessPolicy("orders", { name: "sender", rights: [AccessRight.Send], primaryKey: KEY });
    const send = async (credential: AzureNamedKeyCredential | AzureSASCredential): Promise<string> => {
      const client = new ServiceBusClient(host, credential, { retryOptions: FIRST_ANSWER });
      try {
        return await failure(client.createSender("orders").sendMessages({ body: 1 }));
      } finally {
        await client.close();
      }
    };
    expect(await send(new AzureNamedKeyCredential("sender", KEY))).toBe("it did not fail");
    expect(await send(new AzureNamedKeyCredential("sender", "wrong"))).toBe("UnauthorizedAccess");
    const signature = sign(`sb://${host}/orders`, Math.floor(Date.now() / 1_000) + 600, "sender");
    expect(await send(new AzureSASCredential(signature))).toBe("it did not fail");
    expect(broker.counts("orders").active).toBe(2);
  });

  it("of an entity holds there and not beside it, with the rights it names", async () => {
    const { broker, clientOf } = await startGuarded({ access: tokensRefused });
    broker.putQueue("other");
    broker.putSharedAccessPolicy("orders", { name: "send only", rights: [AccessRight.Send], primaryKey: KEY });
    broker.putSharedAccessPolicy("events", { name: "listen", rights: [AccessRight.Listen], primaryKey: KEY });
    const sending = clientOf("send only", KEY);
    await sending.createSender("orders").sendMessages({ body: 1 });
    expect(await failure(sending.createReceiver("orders").peekMessages(1))).toBe("UnauthorizedAccess");
    expect(await failure(sending.createSender("other").sendMessages({ body: 1 }))).toBe("UnauthorizedAccess");
    expect(await clientOf("listen", KEY).createReceiver("events", "audit").peekMessages(1)).toEqual([]);
  });

  it("of a queue says nothing of another whose name begins with it", async () => {
    const { broker, clientOf, directory, client } = await startGuarded();
    broker.putQueue("orders/late");
    broker.putSharedAccessPolicy("orders", { name: "sender", rights: [AccessRight.Send], primaryKey: KEY });
    const signing = clientOf("sender", KEY);
    await signing.createSender("orders").sendMessages({ body: 1 });
    expect(await failure(signing.createSender("orders/late").sendMessages({ body: 1 }))).toBe("UnauthorizedAccess");
    directory.grant("owner", "orders/late", AccessRight.Send);
    await client("owner").createSender("orders/late").sendMessages({ body: 1 });
  });

  it("is refused where local authentication is off, in so many words, and open links end when it is turned off", async () => {
    const { broker, clientOf, log } = await startGuarded({ access: tokensRefused, disableLocalAuth: true });
    broker.putSharedAccessPolicy("", { name: "Root", rights: [AccessRight.Send], primaryKey: KEY });
    const { code, message } = await refusedWith(clientOf("Root", KEY).createSender("orders").sendMessages({ body: 1 }));
    expect([code, message]).toEqual([
      "UnauthorizedAccess",
      expect.stringMatching(/SAS authentication has been disabled/),
    ]);
    expect(log.at(-1)).toMatchObject({ action: "put-token", outcome: "refused", who: "Root" });
    broker.setLocalAuth(true);
    const client = clientOf("Root", KEY);
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: 1 });
    broker.setLocalAuth(false);
    await roundTrip(client);
    expect(await failure(sender.sendMessages({ body: 2 }))).toBe("UnauthorizedAccess");
    expect(log.filter(({ action }) => action === "revoked")).toHaveLength(1);
  });

  it("that is changed or deleted ends the links that live on what is gone; a rolled key leaves the other", async () => {
    const { broker, clientOf } = await startGuarded({ access: tokensRefused });
    const policy = { name: "Root", rights: [AccessRight.Send], primaryKey: "one", secondaryKey: "two" };
    broker.putSharedAccessPolicy("", policy);
    const clients = [clientOf("Root", "one"), clientOf("Root", "two")] as const;
    const first = clients[0].createSender("orders");
    const second = clients[1].createSender("orders");
    await first.sendMessages({ body: 1 });
    await second.sendMessages({ body: 2 });
    broker.putSharedAccessPolicy("", { ...policy, primaryKey: "new" });
    await roundTrip(clients[0]);
    expect(await failure(first.sendMessages({ body: 3 }))).toBe("UnauthorizedAccess");
    await second.sendMessages({ body: 4 });
    broker.deleteSharedAccessPolicy("", "root");
    await roundTrip(clients[1]);
    expect(await failure(second.sendMessages({ body: 5 }))).toBe("UnauthorizedAccess");
    expect(broker.counts("orders").active).toBe(3);
    expect(() => broker.deleteSharedAccessPolicy("", "root")).toThrow(/could not be found/);
  });

  it("that cannot be is refused: no name, no key, no right, an entity that is not there, a thirteenth", async () => {
    const { broker } = await startGuarded();
    const put = (scope: string, change: object) => (): void =>
      broker.putSharedAccessPolicy(scope, { name: "a", rights: [AccessRight.Send], primaryKey: "k", ...change });
    expect(put("", { name: "" })).toThrow(/1 to 256/);
    expect(put("", { primaryKey: "" })).toThrow(/empty key/);
    expect(put("", { rights: [] })).toThrow(/at least one of the rights/);
    expect(put("none", {})).toThrow(/could not be found/);
    for (let i = 0; i < 12; i++) put("orders", { name: `policy${i}` })();
    expect(put("orders", { name: "one more" })).toThrow(/12 shared access policies/);
  });
});

describe("a shared access signature", () => {
  it("made beforehand works until it expires, for what it was signed for and what lies below", async () => {
    const { broker, host, clock } = await startGuarded({ access: tokensRefused });
    broker.putSharedAccessPolicy("", { name: "Root", rights: [AccessRight.Send], primaryKey: KEY });
    const inTenMinutes = Math.floor(clock.now() / 1_000) + 600;
    const attempt = async (token: string, queue = "orders"): Promise<string> => {
      const client = new ServiceBusClient(`Endpoint=sb://${host}/;SharedAccessSignature=${token}`, {
        retryOptions: FIRST_ANSWER,
      });
      try {
        await client.createSender(queue).sendMessages({ body: 1 });
        return "sent";
      } catch (error) {
        return error instanceof Error ? (error.message.split(":")[0] ?? "") : "";
      } finally {
        await client.close();
      }
    };
    expect(await attempt(sign(`https://${host}/orders`, inTenMinutes, "Root"))).toBe("sent");
    expect(await attempt(sign(`sb://${host}/`, inTenMinutes, "Root"))).toBe("sent");
    expect(await attempt(sign(`sb://${host}/order`, inTenMinutes, "Root"))).toBe("InvalidAudience");
    expect(await attempt(sign("sb://elsewhere.example/orders", inTenMinutes, "Root"))).toBe("InvalidAudience");
    const longer = sign(`sb://${host}/`, inTenMinutes, "Root").replace(`se=${inTenMinutes}`, `se=${inTenMinutes + 1}`);
    expect(await attempt(longer)).toBe("InvalidSignature");
    expect(await attempt("SharedAccessSignature sr=nothing")).toBe("MalformedToken");
    clock.advance(601_000);
    expect(await attempt(sign(`sb://${host}/`, inTenMinutes, "Root"))).toBe("ExpiredToken");
  });
});

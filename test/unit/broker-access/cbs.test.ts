import { once } from "node:events";
import { type Connection, create_container, generate_uuid, message } from "rhea";
import { describe, expect, it, onTestFinished } from "vitest";
import { TokenQueue } from "../../../stacks/local/broker/amqp/cbs.js";
import { ConnectionAccess } from "../../../stacks/local/broker/amqp/connectionAccess.js";
import { decodeRequest } from "../../../stacks/local/broker/amqp/requests.js";
import { AccessGuard } from "../../../stacks/local/broker/core/accessGuard.js";
import { Namespace } from "../../../stacks/local/broker/core/namespace.js";
import { type AccessControl, AccessRight, type Principal } from "../../../stacks/local/broker/index.js";
import { eventually } from "../broker/client.js";
import { FakeClock } from "../broker/helpers.js";
import { type Guarded, startGuarded } from "./kit.js";

// What the JavaScript client never does: tokens of another audience than the link's, several at once, none at all.

interface TokenAnswer {
  readonly status: number;
  readonly description: string;
  readonly condition: string | undefined;
}

async function dial({ port }: Guarded) {
  const container = create_container();
  for (const event of ["connection_error", "disconnected", "sender_error", "receiver_error", "error"]) {
    container.on(event, () => {});
  }
  const connection = container.connect({ host: "127.0.0.1", port, reconnect: false, username: "a" });
  onTestFinished(() => connection.close());
  await once(connection, "connection_open");
  const answers = new Map<string, (answer: TokenAnswer) => void>();
  const receiver = connection.open_receiver({ source: "$cbs", target: "me" });
  receiver.on("message", ({ message: answer }) => {
    const properties = answer.application_properties;
    answers.get(answer.correlation_id)?.({
      status: properties["status-code"],
      description: properties["status-description"],
      condition: properties["error-condition"],
    });
  });
  const sender = connection.open_sender("$cbs");
  await once(sender, "sendable");
  const ask = (properties: Record<string, string>, body: unknown): Promise<TokenAnswer> =>
    new Promise((resolve) => {
      const id = generate_uuid();
      answers.set(id, resolve);
      sender.send({ message_id: id, reply_to: "me", application_properties: properties, body });
    });
  const put = (name: string, body: unknown, type = "jwt"): Promise<TokenAnswer> =>
    ask({ operation: "put-token", name, type }, body);
  return { connection, ask, put };
}

/** `attached`, or the condition with which a link is refused or ended. */
async function attach(connection: Connection, address: string, receives = false): Promise<string> {
  const link = receives
    ? connection.open_receiver({ source: address, credit_window: 0 })
    : connection.open_sender({ target: address });
  return new Promise((resolve) => {
    const refused = (): void => {
      const { error } = link;
      resolve(error !== undefined && "condition" in error ? String(error.condition) : "closed");
    };
    link.on("sender_error", refused);
    link.on("receiver_error", refused);
    // A refusal is an attach that is answered, and a detach right behind it.
    link.on("sender_open", () => setTimeout(() => link.is_open() && resolve("attached"), 50));
    link.on("receiver_open", () => setTimeout(() => link.is_open() && resolve("attached"), 50));
  });
}

async function hourToken({ directory, clock }: Guarded, who: string): Promise<string> {
  return directory.token(who, clock.now() + 3_600_000);
}

describe("$cbs", () => {
  it("lets nobody attach without a token, with one for another entity, or on another connection", async () => {
    const guarded = await startGuarded();
    guarded.broker.putQueue("other");
    guarded.directory.grant("owner", "", AccessRight.Manage);
    const first = await dial(guarded);
    expect(await attach(first.connection, "orders")).toBe("amqp:unauthorized-access");
    expect(await attach(first.connection, "orders/$management")).toBe("amqp:unauthorized-access");
    const token = await hourToken(guarded, "owner");
    expect(await first.put("sb://localhost/other", token)).toEqual({
      status: 202,
      description: "Accepted",
      condition: undefined,
    });
    expect(await attach(first.connection, "orders")).toBe("amqp:unauthorized-access");
    expect(await attach(first.connection, "other")).toBe("attached");
    const second = await dial(guarded);
    expect(await attach(second.connection, "other")).toBe("amqp:unauthorized-access");
  });

  it.each([
    "sb://localhost",
    "sb://localhost/",
    "amqps://localhost:5671/",
    "sb://localhost/events",
    "amqp://LOCALHOST/EVENTS/subscriptions/AUDIT",
    "sb://localhost/events/Subscriptions/audit/$management",
    "https://localhost/events%2FSubscriptions%2Faudit",
  ])("takes a token for %s, and it covers what lies below", async (audience) => {
    const guarded = await startGuarded();
    guarded.directory.grant("worker", "events", AccessRight.Listen);
    const { connection, put } = await dial(guarded);
    // A right on the topic lets its holder put a token for the namespace, and counts for the topic alone.
    expect((await put(audience, await hourToken(guarded, "worker"))).status).toBe(202);
    expect(await attach(connection, "events/Subscriptions/audit", true)).toBe("attached");
    expect(await attach(connection, "orders", true)).toBe("amqp:unauthorized-access");
  });

  it("asks for Send at both ends of a link that sends via another entity, for as long as it is there", async () => {
    const guarded = await startGuarded();
    guarded.broker.putQueue("end");
    guarded.directory.grant("worker", "orders", AccessRight.Send);
    const { connection, put } = await dial(guarded);
    const token = await hourToken(guarded, "worker");
    await put("sb://localhost/", token);
    const via = () =>
      connection.open_sender({
        target: "orders",
        properties: { "com.microsoft:transfer-destination-address": "end" },
      });
    const [refused] = await once(via(), "sender_error");
    expect(refused.sender.error).toMatchObject({
      condition: "amqp:unauthorized-access",
      description: expect.stringContaining("sb://localhost/end"),
    });
    guarded.directory.grant("worker", "end", AccessRight.Send);
    const sender = via();
    await once(sender, "sendable");
    guarded.directory.revoke("worker", "end");
    const ended = once(sender, "sender_error");
    guarded.broker.accessChanged();
    await ended;
    expect(sender.error).toMatchObject({ condition: "amqp:unauthorized-access" });
  });

  it("answers 401 with the service's condition and reason, 404, and what it does not know", async () => {
    const guarded = await startGuarded();
    guarded.directory.grant("owner", "", AccessRight.Manage);
    const { ask, put } = await dial(guarded);
    const expired = await guarded.directory.token("owner", guarded.clock.now() - 5_000);
    expect(await put("sb://localhost/orders", expired)).toEqual({
      status: 401,
      description: expect.stringMatching(/^ExpiredToken: The token is expired\./),
      condition: "com.microsoft:auth-failed",
    });
    expect(await put("sb://localhost/orders", "a.b.c")).toMatchObject({
      status: 401,
      condition: "com.microsoft:auth-failed",
    });
    expect(await put("sb://localhost/none", await hourToken(guarded, "owner"))).toEqual({
      status: 404,
      description: "The messaging entity 'sb://localhost/none' could not be found.",
      condition: "amqp:not-found",
    });
    expect(await put("sb://localhost/orders", "x", "saml")).toMatchObject({ status: 400 });
    expect(await put("sb://localhost/orders", 17)).toMatchObject({ status: 401 });
    expect(await put(`sb://localhost/${"a".repeat(3_000)}`, "x")).toMatchObject({ status: 400 });
    expect(await ask({ operation: "delete-token", name: "sb://localhost/orders" }, "x")).toMatchObject({ status: 501 });
  });

  it("answers tokens in the order they came, though a later one is known sooner", async () => {
    const waiting: (() => void)[] = [];
    const slow: AccessControl = {
      identify: async (token, now): Promise<Principal> => {
        if (token === "slow") await new Promise<void>((resolve) => waiting.push(resolve));
        return { id: token, name: token, expiresAt: now + 60_000 };
      },
      allows: () => true,
    };
    const { put } = await dial(await startGuarded({ access: slow }));
    const order: string[] = [];
    const all = ["slow", "quick"].map(async (token) => {
      expect((await put("sb://localhost/orders", token)).status).toBe(202);
      order.push(token);
    });
    await eventually(
      () => waiting.length,
      (length) => length === 1,
    );
    expect(order).toEqual([]);
    waiting[0]?.();
    await Promise.all(all);
    expect(order).toEqual(["slow", "quick"]);
  });

  it("goes on after one that cannot be answered", async () => {
    const clock = new FakeClock();
    const namespace = new Namespace({ clock, maxBytes: 1_000, settled: () => {} });
    const guard = new AccessGuard({ clock, deadlines: namespace.deadlines, disableLocalAuth: false });
    const access = new ConnectionAccess(guard, namespace.deadlines, () => "localhost");
    const queue = new TokenQueue({ guard, access, namespace });
    const request = decodeRequest(
      message.encode({
        message_id: "1",
        reply_to: "me",
        application_properties: { operation: "put-token", name: "sb://localhost", type: "jwt" },
        body: "token",
      }),
    );
    queue.answer(request, () => {
      throw new RangeError("an id that cannot be encoded");
    });
    const answered = await new Promise((resolve) => queue.answer(request, resolve));
    expect(answered).toMatchObject({ status: 202 });
  });

  it("gives up on a directory that does not answer, after 20 seconds", async () => {
    let asked = 0;
    const silent: AccessControl = {
      identify: () => {
        asked += 1;
        return new Promise(() => {});
      },
      allows: () => true,
    };
    const guarded = await startGuarded({ access: silent });
    const { put } = await dial(guarded);
    const answer = put("sb://localhost/orders", "x");
    await eventually(
      () => asked,
      (count) => count === 1,
    );
    guarded.clock.advance(20_001);
    expect(await answer).toMatchObject({ status: 408, description: expect.stringContaining("within 20 s") });
  });

  it("keeps a link on the token that is still good, though another for it has run out", async () => {
    const guarded = await startGuarded({ linkIdleMs: Number.POSITIVE_INFINITY });
    guarded.directory.grant("worker", "orders", AccessRight.Send);
    const { connection, put } = await dial(guarded);
    await put("sb://localhost/orders", await guarded.directory.token("worker", guarded.clock.now() + 60_000));
    await put("sb://localhost/", await hourToken(guarded, "worker"));
    const sender = connection.open_sender({ target: "orders" });
    await once(sender, "sendable");
    guarded.clock.advance(61_000);
    expect(await attach(connection, "orders")).toBe("attached");
    expect(sender.is_open()).toBe(true);
    const ended = once(sender, "sender_error");
    guarded.clock.advance(3_600_000);
    await ended;
    expect(sender.error).toMatchObject({
      condition: "amqp:link:detach-forced",
      description: expect.stringMatching(
        /^The link '.+' is force detached\. Code: RenewToken\. Details: Unauthorized access\. 'Send' claim\(s\) are required to perform this operation\. Resource: 'sb:\/\/localhost\/orders'\. TrackingId:/,
      ),
    });
  });
});

import { describe, expect, it } from "vitest";
import { AccessRight } from "../../../stacks/local/broker/index.js";
import { adminOf, refusal, startGuardedAdmin } from "./kit.js";

const KEY = "c2VjcmV0LWtleS1vZi10aGUtdGVzdHM=";

describe("administration of a broker that looks at rights", () => {
  it("is for who holds Manage on the namespace", async () => {
    const { directory, as } = await startGuardedAdmin();
    directory.grant("owner", "", AccessRight.Manage);
    const admin = as("owner");
    expect((await admin.getQueueRuntimeProperties("orders")).activeMessageCount).toBe(0);
    await admin.createQueue("more");
    expect(await admin.queueExists("more")).toBe(true);
    expect((await admin.getNamespaceProperties()).name).toBe("stowage");
  });

  it("lets who holds Manage on one entity read and change that one only", async () => {
    const { broker, directory, as } = await startGuardedAdmin();
    broker.putQueue("others");
    directory.grant("scaler", "orders", AccessRight.Manage);
    const admin = as("scaler");
    const queue = await admin.getQueue("orders");
    await admin.updateQueue({ ...queue, maxDeliveryCount: 4 });
    expect((await admin.getQueue("orders")).maxDeliveryCount).toBe(4);
    expect(await refusal(admin.getQueueRuntimeProperties("others"))).toBe("UnauthorizedRequestError 401");
    expect(await refusal(admin.createQueue("new"))).toBe("UnauthorizedRequestError 401");
    expect(await refusal(admin.getNamespaceProperties())).toBe("UnauthorizedRequestError 401");
    expect(await refusal(admin.listQueues().next())).toBe("UnauthorizedRequestError 401");
  });

  it("lets who holds Manage on a subscription read that, and who holds it on the topic all of them", async () => {
    const { broker, directory, as } = await startGuardedAdmin();
    broker.putSubscription("events", "mail");
    directory.grant("scaler", "events/Subscriptions/audit", AccessRight.Manage);
    directory.grant("keeper", "events", AccessRight.Manage);
    const counts = (who: string, name: string) => as(who).getSubscriptionRuntimeProperties("events", name);
    expect((await counts("scaler", "audit")).activeMessageCount).toBe(0);
    expect(await refusal(counts("scaler", "mail"))).toBe("UnauthorizedRequestError 401");
    expect((await counts("keeper", "mail")).activeMessageCount).toBe(0);
    await as("keeper").createSubscription("events", "third");
    expect(await refusal(as("scaler").createRule("events", "mail", "r", { sqlExpression: "1=0" }))).toBe(
      "UnauthorizedRequestError 401",
    );
    await as("scaler").createRule("events", "audit", "r", { sqlExpression: "1=0" });
  });

  it("refuses Send and Listen, and writes down who asked for what", async () => {
    const { directory, as, log } = await startGuardedAdmin();
    directory.grant("worker", "orders", AccessRight.Send, AccessRight.Listen);
    expect(await refusal(as("worker").getQueue("orders"))).toBe("UnauthorizedRequestError 401");
    directory.grant("owner", "", AccessRight.Manage);
    await as("owner").getQueue("orders");
    expect(log.filter((event) => event.action === "admin")).toMatchObject([
      { outcome: "refused", who: "worker", right: "manage", entity: "orders", reason: expect.stringMatching(/Manage/) },
      { outcome: "allowed", who: "owner", right: "manage", entity: "orders" },
    ]);
    expect(JSON.stringify(log)).not.toMatch(/eyJ/);
  });

  it("refuses no token, an expired one and one that was tampered with", async () => {
    const { adminHost, clock, directory, withToken, log } = await startGuardedAdmin();
    directory.grant("owner", "", AccessRight.Manage);
    const bare = await fetch(`https://${adminHost}/orders`);
    expect(bare.status).toBe(401);
    expect(await bare.text()).toMatch(/<Code>401<\/Code><Detail>MissingToken/);
    expect((await fetch(`https://${adminHost}/%ff`)).status).toBe(400);
    const expired = await directory.token("owner", clock.now() - 1_000);
    expect(await refusal(withToken(async () => expired).getQueue("orders"))).toBe("UnauthorizedRequestError 401");
    const foreign = await directory.token("owner", clock.now() + 3_600_000, { signedBy: "foreign" });
    expect(await refusal(withToken(async () => foreign).getQueue("orders"))).toBe("UnauthorizedRequestError 401");
    expect(log.map((event) => event.reason?.split(":")[0])).toEqual([
      "MissingToken",
      "The path '/%ff' is not encoded as addresses are.",
      "ExpiredToken",
      "InvalidSignature",
    ]);
  });

  it("takes a policy's key where local authentication is on, at the policy's scope", async () => {
    const { adminHost, broker } = await startGuardedAdmin();
    broker.putSharedAccessPolicy("", { name: "root", rights: [AccessRight.Manage], primaryKey: KEY });
    broker.putSharedAccessPolicy("orders", { name: "mine", rights: [AccessRight.Manage], primaryKey: KEY });
    broker.putSharedAccessPolicy("", { name: "reader", rights: [AccessRight.Listen], primaryKey: KEY });
    const root = adminOf(adminHost, "root", KEY);
    expect((await root.getQueue("orders")).name).toBe("orders");
    await root.createRule("events", "audit", "r", { sqlExpression: "1=0" });
    expect((await root.getRule("events", "audit", "r")).name).toBe("r");
    for await (const queue of root.listQueues()) {
      expect(queue.name).toBe("orders");
    }
    expect((await adminOf(adminHost, "mine", KEY).getQueue("orders")).name).toBe("orders");
    expect(await refusal(adminOf(adminHost, "mine", KEY).getNamespaceProperties())).toBe(
      "UnauthorizedRequestError 401",
    );
    expect(await refusal(adminOf(adminHost, "reader", KEY).getQueue("orders"))).toBe("UnauthorizedRequestError 401");
    expect(await refusal(adminOf(adminHost, "root", "bm90IHRoZSBrZXk=").getQueue("orders"))).toBe(
      "UnauthorizedRequestError 401",
    );
    broker.setLocalAuth(false);
    expect(await refusal(root.getQueue("orders"))).toBe("UnauthorizedRequestError 401");
  });

  it("lets an entity forward only to where the request's principal may send", async () => {
    const { broker, directory, as, log } = await startGuardedAdmin();
    broker.putQueue("archive");
    directory.grant("keeper", "orders", AccessRight.Manage);
    const admin = as("keeper");
    const queue = await admin.getQueue("orders");
    expect(await refusal(admin.updateQueue({ ...queue, forwardTo: "archive" }))).toBe("UnauthorizedRequestError 401");
    expect(log.at(-1)).toMatchObject({ outcome: "refused", who: "keeper", right: "send", entity: "archive" });
    directory.grant("keeper", "archive", AccessRight.Send);
    const changed = await admin.updateQueue({ ...queue, forwardTo: "archive" });
    expect(changed.forwardTo).toMatch(/^sb:\/\/localhost:\d+\/archive$/);
  });

  it("makes policies that a description brings keys of the entity, until another description takes them away", async () => {
    const { adminHost, directory, as } = await startGuardedAdmin();
    directory.grant("owner", "", AccessRight.Manage);
    const owner = as("owner");
    const rule = { claimType: "SharedAccessKey", keyName: "mine", primaryKey: KEY, secondaryKey: `${KEY}2` };
    const made = await owner.createQueue("keyed", { authorizationRules: [{ ...rule, accessRights: ["Manage"] }] });
    expect(made.authorizationRules).toMatchObject([{ keyName: "mine", primaryKey: KEY, accessRights: ["Manage"] }]);
    const keyed = adminOf(adminHost, "mine", KEY);
    expect((await keyed.getQueue("keyed")).name).toBe("keyed");
    expect(await refusal(keyed.getQueue("orders"))).toBe("UnauthorizedRequestError 401");
    await owner.updateQueue({ ...made, authorizationRules: [] });
    expect(await refusal(keyed.getQueue("keyed"))).toBe("UnauthorizedRequestError 401");
  });
});

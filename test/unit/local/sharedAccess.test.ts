import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalCloud } from "../../../stacks/local/cloud.js";
import { armInvokes } from "../../../stacks/local/providers/azure-native/invokes.js";
import type { PropertyMap } from "../../../stacks/local/providers/base/index.js";
import { trust } from "../../support/trust.js";

const BUS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
const NOW = { maxRetries: 0, timeoutInMs: 3_000 };
let dir: string;
let cloud: LocalCloud;
const opened: ServiceBusClient[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "stowage-keys-"));
  cloud = await LocalCloud.start({ dir, issuerUrl: "https://issuer.stowage.invalid/" });
  trust(cloud.entra.authority.cert);
  await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: false }, BUS);
  await cloud.namespaces.putQueue("bus", "orders", {});
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()));
  await cloud.close();
  rmSync(dir, { recursive: true, force: true });
});

/** What Azure's own function gives of a rule's keys. */
function keys(token: string, args: PropertyMap): { primaryConnectionString: string } {
  const settings = { subscriptionId: "s", tenantId: "t", location: undefined, resourceGroups: undefined };
  const effects = { serviceBus: cloud.namespaces };
  const invokes = armInvokes({ ...settings, effects, now: () => new Date() }, undefined);
  const context = { state: cloud.azure.state, signal: new AbortController().signal };
  const given = { resourceGroupName: "g", namespaceName: "bus", ...args };
  return invokes[`azure-native:servicebus:${token}`]?.(given, context) as { primaryConnectionString: string };
}

function client(connectionString: string): ServiceBusClient {
  const made = new ServiceBusClient(connectionString.replace(/;EntityPath=.*/, ""), { retryOptions: NOW });
  opened.push(made);
  return made;
}

const tried = (action: Promise<unknown>) =>
  action.then(
    () => "allowed",
    (error: { code?: string }) => error.code,
  );
const sends = (bus: ServiceBusClient) => tried(bus.createSender("orders").sendMessages({ body: "x" }));
const peeks = (bus: ServiceBusClient) => tried(bus.createReceiver("orders").peekMessages(1));

describe("a shared access rule, where local authentication is on", () => {
  it("lets in who has its key, for its rights and its entity alone, until it goes", async () => {
    await cloud.namespaces.putSharedAccessRule("bus", "orders", "publisher", ["Send"]);
    const { primaryConnectionString } = keys("listQueueKeys", {
      queueName: "orders",
      authorizationRuleName: "publisher",
    });
    expect(primaryConnectionString).toMatch(
      /^Endpoint=sb:\/\/localhost:\d+\/;SharedAccessKeyName=publisher;.*;EntityPath=orders$/,
    );
    const bus = client(primaryConnectionString);
    expect([await sends(bus), await peeks(bus)]).toEqual(["allowed", "UnauthorizedAccess"]);
    await cloud.namespaces.deleteSharedAccessRule("bus", "orders", "publisher");
    expect(await sends(client(primaryConnectionString))).toBe("UnauthorizedAccess");
    expect(() => keys("listQueueKeys", { queueName: "orders", authorizationRuleName: "publisher" })).toThrow(
      'Status=404 Code="ResourceNotFound"',
    );
  });

  it("of the namespace is there from the beginning, keeps its keys, and means nothing once local authentication is off", async () => {
    const root = () => keys("listNamespaceKeys", { authorizationRuleName: "RootManageSharedAccessKey" });
    const { primaryConnectionString } = root();
    const bus = client(primaryConnectionString);
    expect([await sends(bus), await peeks(bus)]).toEqual(["allowed", "allowed"]);
    await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: true }, BUS);
    expect(root().primaryConnectionString).toBe(primaryConnectionString);
    expect(await sends(client(primaryConnectionString))).toBe("UnauthorizedAccess");
    await cloud.accessLog.flushed();
    expect(readFileSync(cloud.accessLog.path, "utf8")).not.toContain("SharedAccessSignature");
  });
});

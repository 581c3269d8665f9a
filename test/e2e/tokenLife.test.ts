import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { afterEach, describe, expect, it } from "vitest";
import { type CloudOptions, LocalCloud } from "../../stacks/local/cloud.js";
import { trust } from "../support/trust.js";
import { credentialOf } from "./rightsWorld.js";
import { until } from "./workerKit.js";

const BUS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
const PRINCIPAL = "5a4d1e00-0000-4000-8000-0000000000b1";
const OWNER = "/providers/Microsoft.Authorization/roleDefinitions/090c5cfd-751d-490a-894a-3ce6f1109419";
const NOW = { maxRetries: 0, timeoutInMs: 3_000, maxRetryDelayInMs: 100 };

let close: () => Promise<void> = async () => undefined;
afterEach(() => close());

/** The login of the client, as in a pod. */
const login = async (cloud: LocalCloud) => credentialOf(await cloud.loginOf(cloud.register("client", PRINCIPAL)));

/** A bus with one queue, and a client that may do everything there, with its own login. */
async function bus(options: Partial<CloudOptions> = {}): Promise<{ cloud: LocalCloud; client: ServiceBusClient }> {
  const dir = mkdtempSync(join(tmpdir(), "stowage-tokens-"));
  const cloud = await LocalCloud.start({ dir, issuerUrl: "https://issuer.stowage.invalid/", ...options });
  trust(cloud.entra.authority.cert);
  await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: true }, BUS);
  await cloud.namespaces.putQueue("bus", "orders", {});
  const assignment = { scope: `${BUS}/queues/orders`, principalId: PRINCIPAL, roleDefinitionId: OWNER, madeAt: 0 };
  cloud.identities.putRoleAssignment("a", assignment);
  const credential = await login(cloud);
  const client = new ServiceBusClient(cloud.namespaces.host, credential, { retryOptions: NOW });
  close = async () => {
    await client.close();
    await cloud.close();
    rmSync(dir, { recursive: true, force: true });
  };
  return { cloud, client };
}

describe("a client on an open link", () => {
  it("renews the shortest token that it bears before its end, in a few seconds and without haste", async () => {
    const { cloud, client } = await bus({ tokenLifetimeSeconds: 125 });
    const exchanges: number[] = [];
    const tokens: number[] = [];
    const add = cloud.accessLog.add.bind(cloud.accessLog);
    cloud.accessLog.add = (event) => {
      if (event.action === "exchange") exchanges.push(event.at);
      if (event.action === "put-token") tokens.push(event.at);
      add(event);
    };
    const errors: string[] = [];
    const received: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => void received.push(body),
      processError: async ({ error }) => void errors.push(error.message),
    });
    const sender = client.createSender("orders");
    await sender.sendMessages({ body: "first" });
    const began = Date.now();
    // Both links renew at the lifetime less 120 s, which is after 5 s, and again.
    await until("each link has renewed its token twice", () => tokens.length >= 6, 20);
    expect(Date.now() - began).toBeGreaterThan(5_000);
    expect(exchanges.length).toBeLessThanOrEqual(tokens.length);
    expect(tokens.length).toBeLessThanOrEqual(8);
    await sender.sendMessages({ body: "after" });
    await until("the link still receives", () => received.length === 2);
    expect(errors).toEqual([]);
    expect(cloud.accessLog.refused).toBe(0);
  }, 40_000);

  it("is detached when its token ends, with a text that asks for another, and lets in again with a new one", async () => {
    // Entra's time is behind: a token that it gives for an hour has three seconds left.
    let behind = 3_597_000;
    const { cloud, client } = await bus({ now: () => Date.now() - behind });
    const errors: string[] = [];
    const received: unknown[] = [];
    client.createReceiver("orders").subscribe({
      processMessage: async ({ body }) => void received.push(body),
      processError: async ({ error }) => void errors.push(`${(error as { code?: string }).code}: ${error.message}`),
    });
    await until(
      "the receiver is attached",
      () => cloud.accessLog.refused === 0 && cloud.namespaces.broker.entities().length > 0,
    );
    const ended = () => cloud.accessLog.refusals().filter(({ action }) => action === "expired");
    await until("the token has ended", () => ended().length > 0);
    expect(ended()[0]).toMatchObject({ who: "client", entity: "orders" });
    // The client has the old token in its cache, and is told that its time is over.
    await until("the old token is refused", () =>
      cloud.accessLog
        .refusals()
        .some(({ action, reason }) => action === "put-token" && /ExpiredToken/.test(reason ?? "")),
    );
    expect(errors.join("\n")).toMatch(/RenewToken/i);
    behind = 0;
    const fresh = new ServiceBusClient(cloud.namespaces.host, await login(cloud), { retryOptions: NOW });
    await fresh.createSender("orders").sendMessages({ body: "again" });
    await fresh.close();
  }, 40_000);
});

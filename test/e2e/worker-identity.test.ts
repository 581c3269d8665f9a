import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Connection } from "../../runtime/contract/index.js";
import { LocalCloud } from "../../stacks/local/cloud.js";
import { trust } from "../support/trust.js";
import { credentialOf } from "./rightsWorld.js";
import { until } from "./workerKit.js";
import { buildBundle, ProcessKit, type RunningWorker } from "./workerProcess.js";

const BUS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
const ROLES = "/providers/Microsoft.Authorization/roleDefinitions";
const [WORKER, PRODUCER] = ["5a4d1e00-0000-4000-8000-0000000000c1", "5a4d1e00-0000-4000-8000-0000000000c2"];

let kit: ProcessKit;
let cloud: LocalCloud;
let dir: string;

beforeAll(buildBundle);
beforeEach(async () => {
  kit = await new ProcessKit().open();
  dir = mkdtempSync(join(tmpdir(), "stowage-worker-identity-"));
});
afterEach(async () => {
  await kit.close();
  await cloud.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A bus with the queue of the pipeline, to which only the producer may send. */
async function open(propagationSeconds = 0): Promise<void> {
  cloud = await LocalCloud.start({ dir, issuerUrl: "https://issuer.stowage.invalid/", propagationSeconds });
  trust(cloud.entra.authority.cert);
  await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: true }, BUS);
  await cloud.namespaces.putQueue("bus", "renders", { lockDuration: "PT5S" });
  assign("producer", PRODUCER, "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", 0);
}

/** Lets a principal do something with the queue. */
function assign(id: string, principalId: string, role: string, madeAt = Date.now()): void {
  const assignment = { scope: `${BUS}/queues/renders`, principalId, roleDefinitionId: `${ROLES}/${role}`, madeAt };
  cloud.identities.putRoleAssignment(id, assignment);
}

const letReceive = () => assign("worker", WORKER, "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0");

/** The worker as a pod runs it: its variables are those that the webhook sets. */
async function start(
  change: (environment: { [name: string]: string }) => void = () => undefined,
): Promise<RunningWorker> {
  const application = cloud.register("worker", WORKER);
  const environment = { KUBERNETES_SERVICE_HOST: "127.0.0.1", ...(await cloud.loginOf(application)) };
  change(environment);
  const connection: Connection = {
    contractVersion: 1,
    serviceBus: {
      fullyQualifiedNamespace: cloud.namespaces.host,
      clientId: application.clientId,
      instanceDiscovery: false,
    },
  };
  return kit.start(kit.pipeline("read -r line; echo done"), connection, environment);
}

async function send(): Promise<void> {
  const login = await cloud.loginOf(cloud.register("producer", PRODUCER));
  const client = new ServiceBusClient(cloud.namespaces.host, credentialOf(login));
  await client.createSender("renders").sendMessages({ messageId: "m", body: Buffer.from("one\n") });
  await client.close();
}

describe("the worker's process", () => {
  it("logs in with its projected token, over TLS, and needs no key: what is sent is stored", async () => {
    await open();
    letReceive();
    const worker = await start();
    await send();
    await until("it is stored", () => kit.manifests().length === 1);
    expect((await worker.ask("/readyz")).status).toBe(200);
    expect(cloud.accessLog.refused).toBe(0);
    worker.signal("SIGTERM");
    expect(await worker.ended).toBe(0);
  }, 30_000);

  it("waits for a right that is on its way: alive, not ready, with the reason; then it works", async () => {
    await open(4);
    letReceive();
    const worker = await start();
    await until("it is refused", () => worker.line("the receiver reports an error") !== undefined);
    const ready = await worker.ask("/readyz");
    expect(ready.status).toBe(503);
    expect(ready.text).toMatch(
      /the bus refuses this worker \(new rights take minutes to count; it is tried again until /,
    );
    expect(ready.text).toContain("UnauthorizedAccess");
    expect((await worker.ask("/livez")).status).toBe(200);
    await send();
    await until("it is stored", () => kit.manifests().length === 1);
    expect((await worker.ask("/readyz")).status).toBe(200);
    // It asked a few times, not in a loop.
    expect(cloud.accessLog.refusals().filter(({ action }) => action === "attach").length).toBeLessThan(10);
  }, 40_000);

  it("in a pod without the label ends at once, and says what is missing", async () => {
    await open();
    letReceive();
    const worker = await start((environment) => {
      for (const name of Object.keys(environment)) if (name.startsWith("AZURE_")) delete environment[name];
    });
    expect(await worker.ended).toBe(3);
    const line = worker.line("the bus cannot be opened");
    expect(line).toMatchObject({ code: "NoWorkloadIdentity" });
    expect(line?.["description"]).toContain('azure.workload.identity/use: "true"');
  }, 30_000);
});

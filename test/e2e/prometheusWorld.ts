import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient, type ServiceBusMessage } from "@azure/service-bus";
import { INTERVAL_SECONDS, type MonitoredPipeline } from "../../components/worker/monitoring/index.js";
import { AUDIT_DEFAULTS, type Connection, type Pipeline } from "../../runtime/contract/index.js";
import { LocalCloud } from "../../stacks/local/cloud.js";
import type { ScrapeTarget } from "../support/prometheus.js";
import { trust } from "../support/trust.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import { credentialOf } from "./rightsWorld.js";
import { until } from "./workerKit.js";
import { ProcessKit, type RunningWorker } from "./workerProcess.js";

const BUS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
const ROLES = {
  owner: "090c5cfd-751d-490a-894a-3ce6f1109419",
  sender: "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
};
const [WORKER, PRODUCER] = ["5a4d1e00-0000-4000-8000-0000000000d1", "5a4d1e00-0000-4000-8000-0000000000d2"];
/** The namespace that a cluster's operator of Prometheus would put on every reading. */
const NAMESPACE = "stowage";

/** Does with a message what its body says, so that a few messages make every kind of reading. */
const SINK = `
import { defineSink, done, poison, retry } from "stowage/runtime";
let down = true;
const one = async (message, context) => {
  const text = message.body.toString();
  if (text === "poison") return poison("It is said to be poison.");
  if (text === "retry" && context.attempt === 1) return retry("JobFailed", "not at the first attempt");
  if (text === "down" && down) {
    down = false;
    await context.call("write", async () => { throw new Error("the store is down"); }).catch(() => undefined);
    return retry("StoreUnavailable", "the store is down");
  }
  if (text === "slow") await new Promise((resolve) => setTimeout(resolve, 3000));
  await context.call("write", async () => undefined);
  return done(text === "reply" ? { replies: [{ queue: "answers", kind: "done", body: {} }] } : {});
};
export default defineSink({
  name: "kinds",
  process: (batch, context) => Promise.all(batch.map((message) => one(message, context))),
});
`;

/** A bus with identities, a worker of a queue and one of a queue with sessions, and what they are sent. */
export class MonitoredWorld {
  private readonly folder = mkdtempSync(join(tmpdir(), "stowage-monitored-"));
  private readonly kit = new ProcessKit();
  private cloud: LocalCloud | undefined;
  readonly targets: ScrapeTarget[] = [];
  readonly monitored: MonitoredPipeline[] = [];

  async open(): Promise<void> {
    await this.kit.open();
    const cloud = await LocalCloud.start({ dir: this.folder, issuerUrl: "https://issuer.stowage.invalid/" });
    this.cloud = cloud;
    trust(cloud.entra.authority.cert);
    await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: true }, BUS);
    await cloud.namespaces.putQueue("bus", "renders", { lockDuration: "PT5S" });
    await cloud.namespaces.putQueue("bus", "volumes", { lockDuration: "PT5S", requiresSession: true });
    await cloud.namespaces.putQueue("bus", "answers", {});
    this.assign("worker", WORKER, ROLES.owner);
    this.assign("producer", PRODUCER, ROLES.sender);
    writeFileSync(join(this.folder, "sink.mjs"), SINK);
    await this.start(cloud, false);
    await this.start(cloud, true);
  }

  private pipeline(sessions: boolean): Pipeline {
    const name = sessions ? "volumes" : "renders";
    return pipelineOf((p) => {
      p.name = name;
      p.source = { ...p.source, queue: name, sessions, lockDurationSeconds: 5, maxDeliveryCount: 10 };
      p.sink = { module: { path: join(this.folder, "sink.mjs") } };
      p.delivery.sessionIdleMilliseconds = 60_000;
      p.delivery.slowSeconds = 6;
      p.replyQueues = ["answers"];
      p.audit = { destination: "stdout", ...AUDIT_DEFAULTS, headEvery: 1 };
      p.observe = true;
    });
  }

  private async start(cloud: LocalCloud, sessions: boolean): Promise<void> {
    const pipeline = this.pipeline(sessions);
    const application = cloud.register("worker", WORKER);
    const connection: Connection = {
      contractVersion: 1,
      serviceBus: {
        fullyQualifiedNamespace: cloud.namespaces.host,
        administration: cloud.namespaces.adminHost,
        clientId: application.clientId,
        instanceDiscovery: false,
      },
    };
    const worker = this.kit.start(pipeline, connection, await cloud.loginOf(application));
    await ready(worker);
    const address = String(worker.line("listening")?.["address"]);
    this.targets.push({ address, labels: { namespace: NAMESPACE, pod: `${pipeline.name}-0` } });
    this.monitored.push({
      namespace: NAMESPACE,
      pipeline,
      intervalSeconds: INTERVAL_SECONDS,
      identity: true,
      mayBeEmpty: false,
    });
  }

  /** Sends a body to the queue and to one session each of the queue with sessions. */
  async send(bodies: string[]): Promise<void> {
    const { cloud } = this;
    if (cloud === undefined) throw new Error("the world is not open");
    const login = await cloud.loginOf(cloud.register("producer", PRODUCER));
    const client = new ServiceBusClient(cloud.namespaces.host, credentialOf(login));
    const to = async (queue: string, more: (i: number) => Partial<ServiceBusMessage>) => {
      const messages = bodies.map((body, i) => ({ messageId: `m-${i}`, body: Buffer.from(body), ...more(i) }));
      await client.createSender(queue).sendMessages(messages);
    };
    await to("renders", () => ({}));
    await to("volumes", (i) => ({ sessionId: `s-${i}` }));
    await client.close();
  }

  private assign(id: string, principalId: string, role: string): void {
    const roleDefinitionId = `/providers/Microsoft.Authorization/roleDefinitions/${role}`;
    this.cloud?.identities.putRoleAssignment(id, { scope: BUS, principalId, roleDefinitionId, madeAt: 0 });
  }

  /** Takes the workers' rights away until their receivers have reported it. */
  async refuse(reported: () => Promise<boolean>): Promise<void> {
    this.cloud?.identities.deleteRoleAssignment("worker");
    await until("the refusal is reported", reported, 30);
    this.assign("worker", WORKER, ROLES.owner);
  }

  async close(): Promise<void> {
    await this.kit.close();
    await this.cloud?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function ready(worker: RunningWorker): Promise<void> {
  await until("the worker is ready", async () => (await worker.ask("/readyz")).status === 200, 30);
}

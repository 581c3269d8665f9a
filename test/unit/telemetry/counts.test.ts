import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, onTestFinished, test } from "vitest";
import { Counter } from "../../../runtime/bus/counts.js";
import { openBus } from "../../../runtime/bus/index.js";
import { CONTRACT_VERSION, connectionProblems } from "../../../runtime/contract/index.js";
import { AccessRight, Broker } from "../../../stacks/local/broker/index.js";
import { certificate } from "../broker-access/kit.js";
import { startGuardedAdmin } from "../broker-admin/kit.js";
import { pipelineOf } from "../bus/fakes.js";

/** A broker that is spoken to as an emulator, with an administration of its own over HTTPS. */
async function started() {
  const broker = new Broker();
  onTestFinished(() => broker.close());
  broker.putQueue("renders", {});
  broker.putTopic("readings");
  broker.putSubscription("readings", "store", {});
  const { port } = await broker.listen();
  const admin = await broker.listenAdmin({ tls: await certificate() });
  const client = new ServiceBusClient(broker.connectionString());
  onTestFinished(() => client.close());
  const serviceBus = {
    fullyQualifiedNamespace: `127.0.0.1:${port}`,
    developmentEmulator: true,
    administration: `localhost:${admin.port}`,
  };
  return { client, connection: { contractVersion: CONTRACT_VERSION, serviceBus } };
}

describe("the exact counts", () => {
  test("of a queue come from the administration that the connection names", async () => {
    const { client, connection } = await started();
    expect(connectionProblems(connection)).toEqual([]);
    const sender = client.createSender("renders");
    await sender.sendMessages(Array.from({ length: 5 }, (_, i) => ({ body: i })));
    await sender.scheduleMessages([{ body: "later" }], new Date(Date.now() + 3_600_000));
    const receiver = client.createReceiver("renders");
    for (const message of await receiver.receiveMessages(1)) await receiver.deadLetterMessage(message);
    const bus = await openBus(connection, pipelineOf());
    onTestFinished(() => bus.close());
    expect(await bus.counts()).toEqual({ active: 4, dead_letter: 1, scheduled: 1 });
  });

  test("of a subscription are its own, without what its topic has scheduled", async () => {
    const { client, connection } = await started();
    const sender = client.createSender("readings");
    await sender.sendMessages([{ body: 1 }, { body: 2 }]);
    const source = { ...pipelineOf().source, topic: "readings", subscription: "store" };
    delete source.queue;
    const bus = await openBus(connection, { ...pipelineOf(), source });
    onTestFinished(() => bus.close());
    expect(await bus.counts()).toEqual({ active: 2, dead_letter: 0 });
  });

  test("say where to ask where the connection names no administration and the broker has no identities", async () => {
    const { connection } = await started();
    const { administration: _, ...serviceBus } = connection.serviceBus;
    const bus = await openBus({ ...connection, serviceBus }, pipelineOf());
    onTestFinished(() => bus.close());
    await expect(bus.counts()).rejects.toThrow("serviceBus.administration");
  });

  test("take the manage right: listening alone is refused with a code", async () => {
    const { broker, directory, adminHost, clock } = await startGuardedAdmin();
    broker.putQueue("renders", {});
    directory.grant("reader", "renders", AccessRight.Listen);
    directory.grant("observer", "renders", AccessRight.Listen, AccessRight.Manage);
    const counterOf = (who: string): Counter => {
      const getToken = async () => {
        const expires = clock.now() + 3_600_000;
        return { token: await directory.token(who, expires), expiresOnTimestamp: expires };
      };
      const connection = { fullyQualifiedNamespace: "unused.servicebus.windows.net", administration: adminHost };
      return new Counter(connection, pipelineOf().source, { getToken });
    };
    expect(await counterOf("observer").counts()).toEqual({ active: 0, dead_letter: 0, scheduled: 0 });
    await expect(counterOf("reader").counts()).rejects.toMatchObject({ code: "UnauthorizedRequestError" });
  });

  test("are asked for at a host and port: anything else is a problem of the connection, by path", () => {
    const serviceBus = { fullyQualifiedNamespace: "localhost", developmentEmulator: true, administration: "https://x" };
    const problems = connectionProblems({ contractVersion: CONTRACT_VERSION, serviceBus });
    expect(problems.map(({ path }) => path)).toEqual(["serviceBus.administration"]);
  });
});

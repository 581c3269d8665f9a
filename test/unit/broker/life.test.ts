import { connect } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { Broker, tokensRefused } from "../../../stacks/local/broker/index.js";
import { eventually, startBus, takeOne } from "./client.js";

/** Whether anybody listens at a port of this machine. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

it("a broker that is closed while its ports open leaves none of them open, and opens no more", async () => {
  const broker = new Broker();
  const ports = [broker.listen(), broker.listenAdmin()];
  await broker.close();
  for (const { port } of await Promise.all(ports)) {
    expect(await listens(port)).toBe(false);
  }
  await expect(broker.listen()).rejects.toThrow("The broker was closed");
  await expect(broker.listenAdmin()).rejects.toThrow("The broker was closed");
});

/** What the process is told of while the test runs; the runner hears nothing of it. */
function uncaught(): unknown[] {
  const others = process.rawListeners("uncaughtException") as NodeJS.UncaughtExceptionListener[];
  const errors: unknown[] = [];
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => errors.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  });
  return errors;
}

it("a listener that fails is the process's to hear of, and the client's settlement is answered all the same", async () => {
  const errors = uncaught();
  const { broker, client } = await startBus();
  broker.putQueue("orders");
  const error = new Error("the listener's own");
  broker.on("settled", () => {
    throw error;
  });
  await client.createSender("orders").sendMessages({ body: 1 });
  const receiver = client.createReceiver("orders");
  await receiver.completeMessage(await takeOne(receiver));
  expect(broker.counts("orders")).toMatchObject({ active: 0, locked: 0 });
  await eventually(
    () => errors.length,
    (count) => count > 0,
  );
  expect(errors).toEqual([error]);
});

it("an access log that fails lets nobody in and keeps nobody out", async () => {
  const errors = uncaught();
  const broker = new Broker({
    access: tokensRefused,
    accessLog: () => {
      throw new Error("full");
    },
  });
  onTestFinished(() => broker.close());
  const { port } = await broker.listenAdmin();
  expect((await fetch(`http://127.0.0.1:${port}/$namespaceinfo`)).status).toBe(401);
  await eventually(
    () => errors.length,
    (count) => count > 0,
  );
  expect(errors).toHaveLength(1);
});

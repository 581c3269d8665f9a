import { setTimeout as delay } from "node:timers/promises";
import { Broker } from "../../stacks/local/broker/index.js";
import type { BrokerAsk, BrokerMemory, BrokerProgramOptions, BrokerTold } from "./brokerProcess.js";

// A broker in a process of its own, told over the channel to its parent what to do. `brokerProcess.ts` starts it.

/** What is held once everything that can be collected has been; needs --expose-gc. */
async function settledMemory(): Promise<BrokerMemory> {
  if (globalThis.gc === undefined) {
    throw new Error("The broker's process was started without --expose-gc.");
  }
  let last = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    globalThis.gc();
    // Sockets and streams let go of what they hold in later turns.
    await delay(20);
    const { heapUsed, external } = process.memoryUsage();
    if (round > 2 && last - (heapUsed + external) < 64 * 1_024) {
      break;
    }
    last = heapUsed + external;
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapUsed, external, rss };
}

async function main(): Promise<void> {
  const options: BrokerProgramOptions = JSON.parse(process.argv[2] ?? "{}");
  const broker = new Broker({
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
  });
  for (const name of options.queues ?? []) {
    broker.putQueue(name);
  }
  const answer = async (ask: BrokerAsk): Promise<BrokerTold["value"]> => {
    switch (ask.what) {
      case "memory":
        return settledMemory();
      case "cpu":
        return process.cpuUsage();
      case "counts":
        return broker.counts(ask.entity);
      case "putQueue":
        broker.putQueue(ask.entity, ask.settings);
        return true;
      case "putTopic":
        broker.putTopic(ask.entity);
        broker.putSubscription(ask.entity, ask.subscription);
        return true;
      case "deleteQueue":
        broker.deleteQueue(ask.entity);
        return true;
      case "deleteTopic":
        broker.deleteTopic(ask.entity);
        return true;
      case "close":
        await broker.close();
        setImmediate(() => process.disconnect());
        return true;
    }
  };
  process.on("message", (ask: BrokerAsk) => {
    void answer(ask).then(
      (value) => process.send?.({ id: ask.id, value } satisfies BrokerTold),
      (error: unknown) => process.send?.({ id: ask.id, value: true, failure: String(error) } satisfies BrokerTold),
    );
  });
  const { port } = await broker.listen({ port: options.port ?? 0 });
  process.send?.({ id: 0, value: { port, connectionString: broker.connectionString() } } satisfies BrokerTold);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});

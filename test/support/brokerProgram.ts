import { setTimeout as delay } from "node:timers/promises";
import { Broker, SettledOutcome } from "../../stacks/local/broker/index.js";
import type { BrokerFault, BrokerMemory, BrokerProgramOptions, BrokerQuestion, MessageFate } from "./brokerProcess.js";
import { answerParent } from "./childProgram.js";

// A broker in a process of its own, told by its parent what to do: see `brokerProcess.ts`.

/** What is held once everything that can be collected has been; needs --expose-gc. */
async function settledMemory(): Promise<BrokerMemory> {
  if (globalThis.gc === undefined) throw new Error("The broker's process was started without --expose-gc.");
  let last = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    globalThis.gc();
    // Sockets and streams let go of what they hold in later turns.
    await delay(20);
    const { heapUsed, external } = process.memoryUsage();
    if (round > 2 && last - (heapUsed + external) < 64 * 1_024) break;
    last = heapUsed + external;
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapUsed, external, rss };
}

/** Brings a fault about; how many links or connections it hit. */
function bringAbout({ faults }: Broker, fault: BrokerFault): number {
  switch (fault.kind) {
    case "drop":
      return faults.dropConnections();
    case "detach":
      return faults.detachLinks(fault.entity);
    case "freeze":
      return faults.freeze(fault.entity);
    case "thaw":
      return faults.thaw();
    case "clear":
      faults.clear();
      return 0;
    case "delay":
      faults.delay(fault.milliseconds, fault.entity);
      return 0;
    case "busy":
      faults.answerBusy(fault.entity, { times: fault.times, ...(fault.at === undefined ? {} : { at: fault.at }) });
      return 0;
    case "loseSettlements":
      faults.loseSettlements(fault.entity, { times: fault.times, lost: fault.lost });
      return 0;
  }
}

/** What became of the messages of watched entities. It listens once there is one: an event a settlement costs time. */
class Fates {
  private readonly watched = new Map<string, Map<string, MessageFate>>();

  constructor(private readonly broker: Broker) {}

  watch(entity: string): void {
    if (this.watched.size === 0) this.listen();
    this.watched.set(entity, new Map());
  }

  of(entity: string): MessageFate[] {
    return [...(this.watched.get(entity)?.values() ?? [])];
  }

  private listen(): void {
    this.broker.on("settled", ({ entity, messageId, outcome, deliveryCount, enqueuedAt, settledAt }) => {
      // A success is a delivery as well; the broker counts those that had none.
      const deliveries = deliveryCount + (outcome === SettledOutcome.Completed ? 1 : 0);
      this.watched.get(entity)?.set(messageId, { messageId, deliveries, outcome, ageMs: settledAt - enqueuedAt });
    });
  }
}

async function main(): Promise<void> {
  const { port, queues, ...options }: BrokerProgramOptions = JSON.parse(process.argv[2] ?? "{}");
  const broker = new Broker(options);
  for (const name of queues ?? []) broker.putQueue(name);
  const fates = new Fates(broker);
  const answer = (question: BrokerQuestion): unknown => {
    switch (question.what) {
      case "memory":
        return settledMemory();
      case "cpu": {
        const { user, system } = process.cpuUsage();
        return user + system;
      }
      case "counts":
        return broker.counts(question.entity);
      case "fault":
        return bringAbout(broker, question.fault);
      case "watch":
        return fates.watch(question.entity);
      case "fates":
        return fates.of(question.entity);
      case "putQueue":
        return broker.putQueue(question.entity, question.settings);
      case "putQueues":
        for (let i = 0; i < question.count; i++) broker.putQueue(`${question.prefix}${i}`);
        return true;
      case "putTopic":
        broker.putTopic(question.entity);
        broker.putSubscription(question.entity, question.subscription);
        // So that every message is looked into.
        broker.putRule(question.entity, question.subscription, "sql", {
          kind: "sql",
          expression: "n > 3 OR sys.Label LIKE 'a%'",
        });
        return broker.putRule(question.entity, question.subscription, "label", { kind: "correlation", subject: "s" });
      case "deleteQueue":
        return broker.deleteQueue(question.entity);
      case "deleteTopic":
        return broker.deleteTopic(question.entity);
    }
  };
  const address = await broker.listen({ port: port ?? 0 });
  answerParent({ port: address.port, connectionString: broker.connectionString() }, answer, () => broker.close());
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});

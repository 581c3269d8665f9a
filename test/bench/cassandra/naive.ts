import { ServiceBusClient } from "@azure/service-bus";
import { types } from "cassandra-driver";
import { answerParent } from "../../support/childProgram.js";
import type { RingAddress } from "./jobs.js";
import { clientOf, valuesOf, WRITE } from "./plainClient.js";
import { insertInto } from "./rows.js";

// The worker that most teams write first: one prepared insert for each message, then the message is completed.

/** Messages in work at once. */
const IN_FLIGHT = 64;

const options: { connectionString: string; queue: string; table: string; ring: RingAddress } = JSON.parse(
  process.argv[2] ?? "{}",
);
const store = clientOf(options.ring);
const bus = new ServiceBusClient(options.connectionString);
const query = insertInto(options.table);

async function main(): Promise<void> {
  await store.connect();
  const receiver = bus.createReceiver(options.queue, { maxAutoLockRenewalDurationInMs: 0 });
  receiver.subscribe(
    {
      processMessage: async (message) => {
        const id = types.Uuid.fromString(String(message.messageId));
        await store.execute(query, valuesOf(message.body, id), WRITE);
        await receiver.completeMessage(message);
      },
      processError: async ({ error }) => {
        process.stderr.write(`${error.message}\n`);
      },
    },
    { autoCompleteMessages: false, maxConcurrentCalls: IN_FLIGHT },
  );
  answerParent(
    true,
    () => true,
    async () => {
      await bus.close();
      await store.shutdown();
    },
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});

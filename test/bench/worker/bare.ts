import { ServiceBusClient, type ServiceBusReceiverOptions } from "@azure/service-bus";
import { DELIVERY_DEFAULTS } from "../../../runtime/contract/index.js";
import { answerParent } from "../../support/childProgram.js";

// The least that a program can do with the unmodified client: it subscribes and completes. With the options that the
// worker gives the client, so that both let it do as little: no renewal of locks, no parsing of bodies.

const { connectionString, queue, concurrency }: { connectionString: string; queue: string; concurrency: number } =
  JSON.parse(process.argv[2] ?? "{}");
const { maxRetries, retryDelayMilliseconds, maxRetryDelayMilliseconds, timeoutSeconds } = DELIVERY_DEFAULTS.client;
const OPTIONS: ServiceBusReceiverOptions & { receiveMode: "peekLock" } = {
  receiveMode: "peekLock",
  maxAutoLockRenewalDurationInMs: 0,
  skipParsingBodyAsJson: true,
  skipConvertingDate: true,
};

const client = new ServiceBusClient(connectionString, {
  retryOptions: {
    maxRetries,
    retryDelayInMs: retryDelayMilliseconds,
    maxRetryDelayInMs: maxRetryDelayMilliseconds,
    timeoutInMs: timeoutSeconds * 1_000,
  },
});
const receiver = client.createReceiver(queue, OPTIONS);
receiver.subscribe(
  {
    processMessage: (message) => receiver.completeMessage(message),
    processError: async ({ error }) => {
      process.stderr.write(`${error.message}\n`);
    },
  },
  { autoCompleteMessages: false, maxConcurrentCalls: concurrency },
);

answerParent(
  true,
  () => true,
  () => client.close(),
);

import {
  type ProcessErrorArgs,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from "@azure/service-bus";
import { onTestFinished } from "vitest";
import { Broker, type BrokerOptions, type SettledEvent } from "../../../stacks/local/broker/index.js";
import { FakeClock } from "./helpers.js";

/** A broker that listens, on a clock that stands still, and the unmodified client; both are closed with the test. */
export interface Bus {
  readonly broker: Broker;
  readonly client: ServiceBusClient;
  readonly clock: FakeClock;
  readonly settled: SettledEvent[];
  /** Another client of the same broker, closed with the test. Without retries, unless told otherwise. */
  connect(options?: ServiceBusClientOptions): ServiceBusClient;
}

export async function startBus(options: BrokerOptions = {}): Promise<Bus> {
  const clock = new FakeClock(Date.now());
  const broker = new Broker({ clock, ...options });
  const settled: SettledEvent[] = [];
  broker.on("settled", (event) => settled.push(event));
  await broker.listen();
  onTestFinished(() => broker.close());
  const connect = (options: ServiceBusClientOptions = {}): ServiceBusClient => {
    // No retries: what a test sees is the broker's first answer.
    const client = new ServiceBusClient(broker.connectionString(), {
      retryOptions: { maxRetries: 0, timeoutInMs: 5_000, retryDelayInMs: 20, maxRetryDelayInMs: 50 },
      ...options,
    });
    onTestFinished(() => client.close());
    return client;
  };
  return { broker, client: connect(), clock, settled, connect };
}

/** Waits until something holds; fails with what it last saw. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean,
  within = 5_000,
): Promise<T> {
  const until = Date.now() + within;
  for (;;) {
    const seen = await look();
    if (holds(seen)) {
      return seen;
    }
    if (Date.now() > until) {
      throw new Error(`It did not come about within ${within} ms. Last seen: ${JSON.stringify(seen)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Receives exactly so many messages. */
export async function take(
  receiver: Pick<ServiceBusReceiver, "receiveMessages">,
  count: number,
): Promise<ServiceBusReceivedMessage[]> {
  const taken: ServiceBusReceivedMessage[] = [];
  while (taken.length < count) {
    const more = await receiver.receiveMessages(count - taken.length, { maxWaitTimeInMs: 3_000 });
    if (more.length === 0) {
      throw new Error(`${taken.length} of ${count} messages came.`);
    }
    taken.push(...more);
  }
  return taken;
}

export async function takeOne(
  receiver: Pick<ServiceBusReceiver, "receiveMessages">,
): Promise<ServiceBusReceivedMessage> {
  const [message] = await take(receiver, 1);
  if (message === undefined) {
    throw new Error("No message came.");
  }
  return message;
}

/** A received message's number, as the client writes them. */
export function numberOf(
  message: ServiceBusReceivedMessage | undefined,
): NonNullable<ServiceBusReceivedMessage["sequenceNumber"]> {
  if (message?.sequenceNumber === undefined) {
    throw new Error("There is no message, or it has no sequence number.");
  }
  return message.sequenceNumber;
}

/** The code of the error with which something fails. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "it did not fail";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** A subscriber's error handler that writes down the codes. */
export function errorCodes(): { readonly codes: string[]; processError(args: ProcessErrorArgs): Promise<void> } {
  const codes: string[] = [];
  return {
    codes,
    processError: async ({ error }) => {
      codes.push("code" in error ? String(error.code) : error.name);
    },
  };
}

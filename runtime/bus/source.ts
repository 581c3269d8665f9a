import type { TokenCredential } from "@azure/identity";
import type { ServiceBusReceiverOptions } from "@azure/service-bus";
import type { Connection, Pipeline, PipelineSource } from "../contract/index.js";
import { systemClock, within } from "../support/clock.js";
import { type ClientOptions, openClient } from "./client.js";
import { Counter, type EntityCounts } from "./counts.js";
import { Peeker } from "./peeker.js";
import type { QueueReceiver } from "./queueIntake.js";
import type { ReplySender } from "./replies.js";
import type { SessionReceiver } from "./session.js";

/** The bus as the engine uses it: one source entity, senders for replies and for copies to the source itself. */
export interface Bus {
  /** Asks for the source entity's exact counts, which takes the manage right. */
  counts(): Promise<EntityCounts>;
  createReceiver(): QueueReceiver;
  acceptNextSession(): Promise<SessionReceiver>;
  createSender(queue: string): ReplySender;
  /** Looks for the oldest message of the source entity. */
  readonly waiting: Pick<Peeker, "peekOldest">;
  /** Looks for the oldest message of its dead-letter queue. */
  readonly deadLetters: Pick<Peeker, "peekOldest">;
  /**
   * Puts a new client, on a connection of its own, in the place of the old one, which is closed meanwhile: what it gave
   * is dead then.
   */
  recycle(): Promise<void>;
  close(): Promise<void>;
}

/** Bodies stay bytes, dates stay dates, and the client's own lock renewal, keyed by message id, stays off. */
const RECEIVE: ServiceBusReceiverOptions & { receiveMode: "peekLock" } = {
  receiveMode: "peekLock",
  maxAutoLockRenewalDurationInMs: 0,
  skipParsingBodyAsJson: true,
  skipConvertingDate: true,
};

/** Nothing is read of what is peeked. */
const PEEK: ServiceBusReceiverOptions = { skipParsingBodyAsJson: true, skipConvertingDate: true };

/** How long a client that is given up may take to close, in milliseconds. */
const CLOSE_MILLISECONDS = 3_000;

/** Opens the bus for one pipeline's source entity. Nothing is connected before it is used. */
export async function openBus(
  connection: Connection,
  { source, delivery }: Pick<Pipeline, "source" | "delivery">,
  tokens?: ClientOptions["tokens"],
): Promise<Bus> {
  const open = () => openClient(connection, { retries: delivery.client, ...(tokens === undefined ? {} : { tokens }) });
  let opened = await open();
  const receiver = (options: ServiceBusReceiverOptions) =>
    source.topic !== undefined && source.subscription !== undefined
      ? opened.client.createReceiver(source.topic, source.subscription, options)
      : opened.client.createReceiver(queueOf(source), options);
  const waiting = new Peeker({ createReceiver: () => receiver(PEEK), clock: systemClock });
  const deadLetters = new Peeker({
    createReceiver: () => receiver({ ...PEEK, subQueueType: "deadLetter" }),
    clock: systemClock,
  });
  // After a recycle the old client's credential is at its end.
  const credential =
    opened.credential === undefined
      ? undefined
      : {
          getToken: async (...asked: Parameters<TokenCredential["getToken"]>) =>
            opened.credential?.getToken(...asked) ?? null,
        };
  const counter = new Counter(connection.serviceBus, source, credential);
  return {
    waiting,
    deadLetters,
    counts: () => counter.counts(),
    createReceiver: () => receiver(RECEIVE),
    acceptNextSession: () =>
      source.topic !== undefined && source.subscription !== undefined
        ? opened.client.acceptNextSession(source.topic, source.subscription, RECEIVE)
        : opened.client.acceptNextSession(queueOf(source), RECEIVE),
    createSender: (queue) => opened.client.createSender(queue),
    recycle: async () => {
      const old = opened;
      opened = await open();
      // A connection that has died silently does not answer its closing either.
      const closed = Promise.all([waiting.close(), deadLetters.close(), old.close()]);
      void within(systemClock, CLOSE_MILLISECONDS, closed, "the old client did not close").catch(() => undefined);
    },
    close: () => opened.close(),
  };
}

function queueOf(source: PipelineSource): string {
  if (source.queue === undefined) throw new Error("A valid pipeline has a queue, or a topic with a subscription.");
  return source.queue;
}

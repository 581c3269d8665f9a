import type {
  ServiceBusClient,
  ServiceBusReceiver,
  ServiceBusReceiverOptions,
  ServiceBusSender,
} from "@azure/service-bus";
import { ENTITY_NAME, InvalidInputError, type PipelineSource, problem, ServiceBusLimits } from "../contract/index.js";

/** One entity of a namespace: a queue, or a subscription with its topic. */
export type Target = { readonly queue: string } | { readonly topic: string; readonly subscription: string };

const SUBSCRIPTION = /^(.+)\/subscriptions\/([^/]+)$/i;

/**
 * Reads `orders` or `events/subscriptions/audit`, the path that Service Bus itself writes.
 * @throws InvalidInputError for what is no name of an entity
 */
export function parseTarget(path: string, option = "--entity"): Target {
  const [, topic, subscription] = SUBSCRIPTION.exec(path) ?? [];
  const names = topic === undefined || subscription === undefined ? [path] : [topic, subscription];
  const { max } = ServiceBusLimits.entityNameCharacters;
  if (names.some((name) => !ENTITY_NAME.test(name) || name.length > max))
    throw new InvalidInputError("Invalid entity", [
      problem(
        option,
        path,
        "is no entity's path",
        "Give a queue, orders, or a subscription, events/subscriptions/audit, without the namespace.",
      ),
    ]);
  return topic === undefined || subscription === undefined ? { queue: path } : { topic, subscription };
}

/** The entity that a pipeline reads. */
export function targetOf(source: PipelineSource): Target {
  const { queue, topic, subscription } = source;
  if (queue !== undefined) return { queue };
  if (topic === undefined || subscription === undefined)
    throw new Error("A valid pipeline has a queue, or a topic with a subscription.");
  return { topic, subscription };
}

/** The path as Service Bus writes it. */
export function pathOf(target: Target): string {
  return "queue" in target ? target.queue : `${target.topic}/subscriptions/${target.subscription}`;
}

/** What a message is sent to so that it comes to this entity: the queue, or the topic of the subscription. */
export function addressOf(target: Target): string {
  return "queue" in target ? target.queue : target.topic;
}

/** Bodies stay bytes, dates stay dates, and the client's own lock renewal, keyed by message id, stays off. */
const EXACT: ServiceBusReceiverOptions = {
  receiveMode: "peekLock",
  maxAutoLockRenewalDurationInMs: 0,
  skipParsingBodyAsJson: true,
  skipConvertingDate: true,
};

/** A receiver of the entity, or of its dead-letter queue. It takes part in nothing before it is used. */
export function receiverOf(client: ServiceBusClient, target: Target, deadLetters: boolean): ServiceBusReceiver {
  const options: ServiceBusReceiverOptions = deadLetters ? { ...EXACT, subQueueType: "deadLetter" } : EXACT;
  return "queue" in target
    ? client.createReceiver(target.queue, options)
    : client.createReceiver(target.topic, target.subscription, options);
}

/** A sender to where the entity's messages come from. */
export function senderOf(client: ServiceBusClient, target: Target): ServiceBusSender {
  return client.createSender(addressOf(target));
}

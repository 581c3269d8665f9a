import type { ServiceBusMessage, ServiceBusReceiver, ServiceBusSender } from "@azure/service-bus";
import type { BrokerOptions, QueueSettings, TopicSettings } from "../../../stacks/local/broker/index.js";
import { type Bus, startBus } from "../broker/client.js";

/** Where messages are received: each feature is tried in all four. */
export const PLACES = [
  { kind: "queue", sessions: false },
  { kind: "queue", sessions: true },
  { kind: "subscription", sessions: false },
  { kind: "subscription", sessions: true },
] as const;
export type Place = (typeof PLACES)[number];

type SubQueue = "deadLetter" | "transferDeadLetter";

export interface Entity extends Bus {
  /** Of what is received from: `orders`, `orders/Subscriptions/audit`. */
  readonly path: string;
  readonly sender: ServiceBusSender;
  /** Receives, from session `s` where there are sessions. */
  receiver(): Promise<ServiceBusReceiver>;
  /** Receives from a sub-queue, which has no sessions. */
  sub(subQueueType: SubQueue): ServiceBusReceiver;
  /** Changes the settings of what is received from. */
  change(settings: QueueSettings): void;
  /** A message for the place: with a session id where it needs one. */
  message(body: unknown, more?: Partial<ServiceBusMessage>): ServiceBusMessage;
}

/** Settings that a topic has in place of its subscription. */
function split(settings: QueueSettings): { readonly topic: TopicSettings; readonly subscription: QueueSettings } {
  const {
    requiresDuplicateDetection,
    duplicateDetectionWindowSeconds,
    maxSizeInMegabytes,
    maxMessageSizeInKilobytes,
    ...rest
  } = settings;
  return {
    topic: {
      ...(requiresDuplicateDetection === undefined ? {} : { requiresDuplicateDetection }),
      ...(duplicateDetectionWindowSeconds === undefined ? {} : { duplicateDetectionWindowSeconds }),
      ...(maxSizeInMegabytes === undefined ? {} : { maxSizeInMegabytes }),
      ...(maxMessageSizeInKilobytes === undefined ? {} : { maxMessageSizeInKilobytes }),
    },
    subscription: rest,
  };
}

/** One entity of a broker, and the unmodified client on it, which renews no lock by itself. */
export async function place(
  { kind, sessions }: Place,
  settings: QueueSettings = {},
  broker: BrokerOptions = {},
): Promise<Entity> {
  const bus = await startBus(broker);
  const { client } = bus;
  const options = { maxAutoLockRenewalDurationInMs: 0 };
  const { topic, subscription } = split(settings);
  const own = { requiresSession: sessions };
  const change = (changed: QueueSettings): void => {
    if (kind === "queue") {
      bus.broker.putQueue("orders", { ...changed, ...own });
    } else {
      bus.broker.putSubscription("orders", "audit", { ...changed, ...own });
    }
  };
  if (kind === "subscription") {
    bus.broker.putTopic("orders", topic);
    change(subscription);
  } else {
    change(settings);
  }
  return {
    ...bus,
    path: kind === "queue" ? "orders" : "orders/Subscriptions/audit",
    sender: client.createSender("orders"),
    receiver: async () => {
      if (kind === "queue") {
        return sessions ? client.acceptSession("orders", "s", options) : client.createReceiver("orders", options);
      }
      return sessions
        ? client.acceptSession("orders", "audit", "s", options)
        : client.createReceiver("orders", "audit", options);
    },
    sub: (subQueueType) =>
      kind === "queue"
        ? client.createReceiver("orders", { ...options, subQueueType })
        : client.createReceiver("orders", "audit", { ...options, subQueueType }),
    change,
    message: (body, more = {}) => ({ body, ...(sessions ? { sessionId: "s" } : {}), ...more }),
  };
}

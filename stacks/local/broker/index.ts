import { EventEmitter } from "node:events";
import { AmqpServer } from "./amqp/server.js";
import type { AccessControl, AccessEvent } from "./core/access.js";
import { type Clock, systemClock } from "./core/clock.js";
import {
  countQueue,
  countTopic,
  describeQueue,
  describeTopic,
  type EntityCounts,
  type EntityInfo,
} from "./core/entityInfo.js";
import { BrokerError, BrokerErrorCode, entityNotFound } from "./core/errors.js";
import type { Filter } from "./core/filters.js";
import type { StoredMessage } from "./core/message.js";
import { Namespace } from "./core/namespace.js";
import type { QueueSettings, SubscriptionSettings, TopicSettings } from "./core/settings.js";
import type { SettledOutcome } from "./core/settlement.js";

export { type AccessControl, type AccessEvent, AccessRight, type Principal } from "./core/access.js";
export { type Clock, systemClock } from "./core/clock.js";
export type { EntityCounts, EntityInfo } from "./core/entityInfo.js";
export { BrokerError, BrokerErrorCode } from "./core/errors.js";
export type { CorrelationFilter, FalseFilter, Filter, SqlFilter, TrueFilter } from "./core/filters.js";
export {
  EntityStatus,
  type QueueSettings,
  SettingsError,
  type SettingsProblem,
  type SubscriptionSettings,
  type TopicSettings,
} from "./core/settings.js";
export { SettledOutcome } from "./core/settlement.js";

/** Bytes held unless told otherwise: 512 MiB. */
const MAX_BYTES = 512 * 1_024 * 1_024;
/** Azure's limit on a message in Basic and Standard: 256 KiB. */
const MAX_MESSAGE_BYTES = 262_144;
const LOOPBACK = "127.0.0.1";

export interface BrokerOptions {
  /** @default the machine's time */
  readonly clock?: Clock;
  /** Bytes of messages that may be held, with what each costs beside its own; QuotaExceeded beyond. @default 512 MiB */
  readonly maxBytes?: number;
  /** Who may do what; without it every token is taken and everything is allowed, as with Microsoft's emulator. */
  readonly access?: AccessControl;
  /** Told of every token, attach and request of administration, allowed or refused. */
  readonly accessLog?: (event: AccessEvent) => void;
  /** Bytes of one message, or one batch, as it is sent; MessageSizeExceeded beyond. @default 262144 */
  readonly maxMessageBytes?: number;
}

/** One delivery, or one message's stay, has ended. Times in milliseconds since 1970. */
export interface SettledEvent {
  /** Where: `orders`, `events/Subscriptions/audit`, `orders/$DeadLetterQueue`. */
  readonly entity: string;
  readonly messageId: string;
  readonly sequenceNumber: number;
  readonly enqueuedAt: number;
  readonly settledAt: number;
  readonly outcome: SettledOutcome;
  /** Deliveries that had ended without success by then, this one included if it did. */
  readonly deliveryCount: number;
}

/** Ways to disturb what is connected, for tests of others. */
export interface BrokerFaults {
  /** Cuts every connection without a word. Returns how many. */
  dropConnections(): number;
  /** Detaches every link of an entity with `amqp:link:detach-forced`. Returns how many. */
  detachLinks(entity: string): number;
}

/**
 * An Azure Service Bus in this process: AMQP 1.0 on a loopback port, for the unmodified Azure clients. It holds
 * everything in memory. Its entities are what `put*` and `delete*` say, and nothing else.
 */
export class Broker extends EventEmitter<{ settled: [SettledEvent] }> {
  readonly faults: BrokerFaults;
  readonly #clock: Clock;
  readonly #namespace: Namespace;
  readonly #server: AmqpServer;
  #address: { readonly host: string; readonly port: number } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: BrokerOptions = {}) {
    super();
    this.#clock = options.clock ?? systemClock;
    this.#namespace = new Namespace({
      clock: this.#clock,
      maxBytes: options.maxBytes ?? MAX_BYTES,
      settled: (path, message, outcome) => this.#report(path, message, outcome),
    });
    this.#server = new AmqpServer({
      namespace: this.#namespace,
      maxMessageBytes: options.maxMessageBytes ?? MAX_MESSAGE_BYTES,
    });
    this.faults = {
      dropConnections: () => this.#server.dropConnections(),
      detachLinks: (entity) => this.#detachLinks(entity),
    };
  }

  /**
   * Starts to listen.
   * @param options host: a loopback address, 127.0.0.1 unless told otherwise; port: 0, the default, takes a free one.
   */
  async listen(
    options: { readonly host?: string; readonly port?: number } = {},
  ): Promise<{ host: string; port: number }> {
    if (this.#address !== undefined || this.#closing !== undefined) {
      throw new BrokerError(BrokerErrorCode.NotAllowed, "The broker listens once: it listens already, or was closed.");
    }
    const address = await this.#server.start(options.host ?? LOOPBACK, options.port ?? 0);
    this.#address = address;
    return { ...address };
  }

  /** What a Service Bus client is given; only once it listens. */
  connectionString(): string {
    if (this.#address === undefined) {
      throw new BrokerError(BrokerErrorCode.NotAllowed, "The broker has no address before it listens: call listen().");
    }
    const { host, port } = this.#address;
    return `Endpoint=sb://${host}:${port};SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true`;
  }

  /**
   * Makes a queue, or changes the settings of the one there is; open links stay.
   * @throws SettingsError with every setting out of range, and where Azure would replace the queue.
   */
  putQueue(name: string, settings: QueueSettings = {}): void {
    this.#namespace.putQueue(name, settings);
  }

  /** Deletes a queue and its messages; its links are detached with `amqp:not-found`. */
  deleteQueue(name: string): void {
    this.#namespace.deleteQueue(name);
  }

  /** Makes or changes a topic, as `putQueue`. */
  putTopic(name: string, settings: TopicSettings = {}): void {
    this.#namespace.putTopic(name, settings);
  }

  /** Deletes a topic with its subscriptions. */
  deleteTopic(name: string): void {
    this.#namespace.deleteTopic(name);
  }

  /** Makes or changes a subscription; a new one has the rule `$Default`, which takes every message. */
  putSubscription(topic: string, name: string, settings: SubscriptionSettings = {}): void {
    this.#namespace.putSubscription(topic, name, settings);
  }

  deleteSubscription(topic: string, name: string): void {
    this.#namespace.deleteSubscription(topic, name);
  }

  /**
   * Sets a rule of a subscription. It takes a message if any of its rules does: where others should decide, delete
   * `$Default`, as on Azure.
   * @throws BrokerError NotImplemented for an SQL filter, naming the rule.
   */
  putRule(topic: string, subscription: string, name: string, filter: Filter): void {
    this.#namespace.putRule(topic, subscription, name, filter);
  }

  deleteRule(topic: string, subscription: string, name: string): void {
    this.#namespace.deleteRule(topic, subscription, name);
  }

  /** Every queue, topic and subscription. */
  entities(): EntityInfo[] {
    const found = [...this.#namespace.queues()].map((queue) => describeQueue("queue", queue));
    for (const topic of this.#namespace.topics()) {
      found.push(describeTopic(topic));
      for (const subscription of topic.subscriptions.values()) {
        const rules = Object.fromEntries(subscription.filters());
        found.push({ ...describeQueue("subscription", subscription.queue), rules });
      }
    }
    return found;
  }

  /** What an entity holds; its address may also be that of a dead-letter queue. */
  counts(path: string): EntityCounts {
    const entity = this.#namespace.find(path);
    if (entity === undefined) {
      throw entityNotFound(path);
    }
    return entity.kind === "topic" ? countTopic(entity.topic) : countQueue(entity.queue);
  }

  /** Ends every connection and stops listening, within two seconds; the messages are gone. Safe to call again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#address !== undefined) {
      await this.#server.stop();
    }
    this.#namespace.close();
  }

  #detachLinks(path: string): number {
    const entity = this.#namespace.find(path);
    if (entity === undefined) {
      throw entityNotFound(path);
    }
    const attachments = entity.kind === "topic" ? entity.topic.attachments : entity.queue.attachments;
    return attachments.detach(
      new BrokerError(BrokerErrorCode.DetachForced, `The link of '${entity.path}' was detached on request.`),
    );
  }

  #report(entity: string, message: StoredMessage, outcome: SettledOutcome): void {
    if (this.listenerCount("settled") > 0) {
      this.emit("settled", {
        entity,
        messageId: message.content.messageId,
        sequenceNumber: message.sequenceNumber,
        enqueuedAt: message.enqueuedAt,
        settledAt: this.#clock.now(),
        outcome,
        deliveryCount: message.deliveryCount,
      });
    }
  }
}

import { EventEmitter } from "node:events";
import type { NamespaceInfo } from "./admin/operations.js";
import { type BrokerFaults, Faults, faultSwitches } from "./amqp/faults.js";
import { AmqpServer, IDLE_TIMEOUT_MS, LINK_IDLE_MS, MOST_CONNECTIONS } from "./amqp/server.js";
import type { AccessControl, AccessEvent } from "./core/access.js";
import { AccessGuard } from "./core/accessGuard.js";
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
import { tell } from "./core/listeners.js";
import type { StoredMessage } from "./core/message.js";
import { Namespace } from "./core/namespace.js";
import type { RuleAction } from "./core/rules.js";
import type { QueueSettings, SubscriptionSettings, TopicSettings } from "./core/settings.js";
import type { SettledOutcome } from "./core/settlement.js";
import { checkPolicies, type SharedAccessPolicy } from "./core/sharedAccess.js";
import type { ListenOptions, SettledEvent } from "./listening.js";
import { Openings } from "./openings.js";
import { openStore, restore } from "./store/index.js";
import type { Store } from "./store/store.js";

export type { TlsIdentity } from "./amqp/doors.js";
export { type BrokerFaults, BusyAt, LostSettlement } from "./amqp/faults.js";
export {
  type AccessControl,
  type AccessEvent,
  AccessRight,
  type Principal,
  tokensRefused,
} from "./core/access.js";
export { type Clock, systemClock } from "./core/clock.js";
export { parseDuration } from "./core/durations.js";
export type { EntityCounts, EntityInfo } from "./core/entityInfo.js";
export { BrokerError, BrokerErrorCode } from "./core/errors.js";
export type { CorrelationFilter, FalseFilter, Filter, SqlFilter, TrueFilter } from "./core/filters.js";
export type { RuleAction } from "./core/rules.js";
export {
  type CommonSettings,
  EntityStatus,
  type QueueSettings,
  SettingsError,
  type SettingsProblem,
  type SubscriptionSettings,
  type TopicSettings,
} from "./core/settings.js";
export { SettledOutcome } from "./core/settlement.js";
export type { SharedAccessPolicy } from "./core/sharedAccess.js";
export type { ListenOptions, SettledEvent } from "./listening.js";

/** Bytes held unless told otherwise: 512 MiB. */
const MAX_BYTES = 512 * 1_024 * 1_024;
/** Azure's limit on a message in Basic and Standard: 256 KiB. */
const MAX_MESSAGE_BYTES = 262_144;
const LOOPBACK = "127.0.0.1";

export interface BrokerOptions {
  /** @default the machine's time */
  readonly clock?: Clock;
  /**
   * Path of a folder in which entities and messages outlive the broker, and a crash of it; it is made where it is not
   * there, and belongs to one broker at a time. Every message is on the disk before it is acknowledged, and every
   * settlement before it is confirmed. Where it cannot be written any more, connections are cut and `error` is emitted.
   * Needs node:sqlite: Node 22.13 or newer. @default everything is held in memory, and nothing outlives the broker
   */
  readonly data?: string;
  /** Bytes of messages that may be held, with what each costs beside its own; QuotaExceeded beyond. @default 512 MiB */
  readonly maxBytes?: number;
  /** Who may do what; without it every token is taken and everything is allowed, as with Microsoft's emulator. */
  readonly access?: AccessControl;
  /** Refuses shared access keys and signatures; only with `access`. `setLocalAuth` changes it later. @default false */
  readonly disableLocalAuth?: boolean;
  /** Told of every token, attach and request of administration, allowed or refused. */
  readonly accessLog?: (event: AccessEvent) => void;
  /** Connections at one time; one more is told so with an AMQP error. 1 to 20000. @default 5000, as the service */
  readonly maxConnections?: number;
  /** Milliseconds of silence announced to clients; who is silent for twice as long is dropped. 100 to 600000. @default 60000 */
  readonly idleTimeoutMs?: number;
  /** Milliseconds without anything on a link after which it is detached, looked at every 15 s. 1000 or more; Infinity: never. @default 600000, as the service */
  readonly linkIdleMs?: number;
  /** Bytes of one message, or one batch, as it is sent; MessageSizeExceeded beyond. @default 262144 */
  readonly maxMessageBytes?: number;
  /** What administration is told of the namespace. @default { name: "stowage", sku: "Standard" } */
  readonly namespace?: NamespaceOptions;
}

/** A namespace as its administration sees it. */
export interface NamespaceOptions {
  readonly name?: string;
  readonly sku?: "Basic" | "Standard" | "Premium";
  /** Told for Premium only. @default 1 */
  readonly messagingUnits?: number;
}

/**
 * An Azure Service Bus in this process: AMQP 1.0 on a loopback port, for the unmodified Azure clients. It holds
 * everything in memory, and with `data` on the disk as well. Its entities are what `put*` and `delete*` say, and nothing else.
 */
export class Broker extends EventEmitter<{ settled: [SettledEvent]; error: [BrokerError] }> {
  readonly faults: BrokerFaults;
  readonly #clock: Clock;
  readonly #namespace: Namespace;
  readonly #store: Store | undefined;
  /** Brings what has happened to the disk, before anybody is told. */
  readonly #commit: (() => void) | undefined;
  readonly #server: AmqpServer;
  readonly #guard: AccessGuard;
  readonly #openings = new Openings();
  readonly #admins: { close(): Promise<void> }[] = [];
  readonly #info: NamespaceInfo;
  readonly #maxMessageBytes: number;
  #address: { readonly host: string; readonly port: number; readonly plainText: boolean } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: BrokerOptions = {}) {
    super();
    this.#clock = options.clock ?? systemClock;
    this.#store =
      options.data === undefined ? undefined : openStore(options.data, (failure) => this.#storeFailed(failure));
    this.#commit = this.#store === undefined ? undefined : () => this.#store?.commit();
    this.#namespace = new Namespace({
      clock: this.#clock,
      journal: this.#store,
      maxBytes: options.maxBytes ?? MAX_BYTES,
      settled: (path, message, outcome) => this.#report(path, message, outcome),
      deleted: (path) => this.#guard.policies.deleteScope(path),
    });
    this.#guard = new AccessGuard({
      clock: this.#clock,
      deadlines: this.#namespace.deadlines,
      disableLocalAuth: options.disableLocalAuth ?? false,
      ...(options.access === undefined ? {} : { access: options.access }),
      ...(options.accessLog === undefined ? {} : { log: options.accessLog }),
    });
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
    const { name = "stowage", sku = "Standard", messagingUnits = 1 } = options.namespace ?? {};
    this.#info = { name, sku, messagingUnits, createdAt: this.#clock.now() };
    const faults = new Faults();
    this.#server = new AmqpServer({
      namespace: this.#namespace,
      faults,
      guard: this.#guard,
      clock: this.#clock,
      maxConnections: options.maxConnections ?? MOST_CONNECTIONS,
      idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      linkIdleMs: options.linkIdleMs ?? LINK_IDLE_MS,
      maxMessageBytes: this.#maxMessageBytes,
      commit: this.#commit,
    });
    if (this.#store !== undefined) {
      restore(this.#store, this.#namespace, this.#guard);
    }
    this.faults = faultSwitches(faults, this.#server, this.#namespace);
  }

  /**
   * Starts to listen; again for one more port. What comes is known by its first byte: TLS (with `tls`), AMQP, or a
   * request for a WebSocket at `/$servicebus/websocket`, each in TLS or bare.
   */
  async listen(options: ListenOptions = {}): Promise<{ host: string; port: number }> {
    const { tls, host = LOOPBACK, port = 0, plainText = tls === undefined } = options;
    if (tls === undefined && !plainText) {
      throw new BrokerError(
        BrokerErrorCode.InvalidArgument,
        "A port without plain text needs 'tls': a key and a cert.",
      );
    }
    return this.#openings.run(async () => {
      const address = await this.#server.start({ host, port, plainText, ...(tls === undefined ? {} : { tls }) });
      this.#address ??= { ...address, plainText };
      return address;
    });
  }

  /**
   * Starts to listen for administration, the ATOM interface of `ServiceBusAdministrationClient`; again for one more
   * port. With `access`, a request needs Manage, at the entity or above. That client speaks https only.
   */
  listenAdmin(options: ListenOptions = {}): Promise<{ host: string; port: number }> {
    const { tls, host = LOOPBACK, port = 0, plainText = true } = options;
    return this.#openings.run(async () => {
      // Loaded when it is asked for: a broker starts faster without it.
      const { openAdmin } = await import("./admin/index.js");
      const server = await openAdmin(
        { host, port, plainText, ...(tls === undefined ? {} : { tls }) },
        {
          host: this,
          namespace: this.#namespace,
          guard: this.#guard,
          clock: this.#clock,
          info: this.#info,
          maxMessageBytes: this.#maxMessageBytes,
          commit: this.#commit,
        },
      );
      this.#admins.push(server.server);
      return server.address;
    });
  }

  /**
   * What a Service Bus client is given; only once it listens. It names the first port.
   * @throws BrokerError NotAllowed before `listen`, and with `access`: then it takes a credential or a policy's key.
   */
  connectionString(): string {
    if (this.#address === undefined) {
      throw new BrokerError(BrokerErrorCode.NotAllowed, "The broker has no address before it listens: call listen().");
    }
    if (this.#guard.enforced) {
      throw new BrokerError(
        BrokerErrorCode.NotAllowed,
        "There is no connection string that opens this broker: it looks at rights. Use a credential, or the key of a policy.",
      );
    }
    const { host, port, plainText } = this.#address;
    const flag = plainText ? ";UseDevelopmentEmulator=true" : "";
    const name = host.includes(":") ? `[${host}]` : host;
    return `Endpoint=sb://${name}:${port};SharedAccessKeyName=local;SharedAccessKey=local${flag}`;
  }

  /**
   * Makes a queue, or changes the settings of the one there is, whose links are detached with `amqp:link:detach-forced`;
   * putting it as it is changes nothing.
   * @throws SettingsError with every setting out of range, and where Azure would replace the queue.
   */
  putQueue(name: string, settings: QueueSettings = {}): void {
    this.#put(name, settings, () => this.#namespace.putQueue(name, settings));
  }

  /** Deletes a queue and its messages; its links are detached with `amqp:not-found`. */
  deleteQueue(name: string): void {
    this.#namespace.deleteQueue(name);
  }

  /** Makes or changes a topic, as `putQueue`. */
  putTopic(name: string, settings: TopicSettings = {}): void {
    this.#put(name, settings, () => this.#namespace.putTopic(name, settings));
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
   * `$Default`, as on Azure. A rule with an action takes a copy of its own, which names the rule in `RuleName`.
   * @throws BrokerError InvalidArgument for SQL that cannot be understood, with the position; QuotaExceeded beyond 2,000
   * SQL filters or 100,000 correlation filters of a topic
   */
  putRule(topic: string, subscription: string, name: string, filter: Filter, action?: RuleAction): void {
    this.#namespace.putRule(topic, subscription, name, filter, action);
  }

  deleteRule(topic: string, subscription: string, name: string): void {
    this.#namespace.deleteRule(topic, subscription, name);
  }

  /**
   * Has every open link looked at again, now: what lost its right is detached with `amqp:unauthorized-access`. Without
   * this call it is noticed within two seconds.
   */
  accessChanged(): void {
    this.#guard.accessChanged();
  }

  /**
   * Makes or replaces a shared access policy: whoever signs with one of its keys may do what its rights say, where local
   * authentication is on. Links that live on a key or a right that is gone are detached at once.
   * @param scope path of a queue or topic; empty for the namespace
   * @throws BrokerError NotAllowed without `access`, where any token is taken; EntityNotFound for a scope that is not
   * there; InvalidArgument for a policy that cannot be; QuotaExceeded beyond 12 policies at one scope
   */
  putSharedAccessPolicy(scope: string, policy: SharedAccessPolicy): void {
    if (!this.#guard.enforced) {
      throw new BrokerError(
        BrokerErrorCode.NotAllowed,
        `The shared access policy '${policy.name}' would mean nothing: a broker without 'access' takes any token. Give 'access'; tokensRefused refuses all but shared access.`,
      );
    }
    if (scope !== "" && this.#namespace.find(scope) === undefined) {
      throw entityNotFound(scope);
    }
    this.#guard.policies.put(scope, policy);
    this.#guard.accessChanged();
  }

  /** Deletes a shared access policy; links that live on it are detached at once. */
  deleteSharedAccessPolicy(scope: string, name: string): void {
    if (!this.#guard.policies.delete(scope, name)) {
      throw entityNotFound(`${scope}/authorizationRules/${name}`);
    }
    this.#guard.accessChanged();
  }

  /** Takes shared access keys and signatures, or not any more: open links that live on one are detached at once. */
  setLocalAuth(enabled: boolean): void {
    this.#guard.disableLocalAuth = !enabled;
    this.#guard.accessChanged();
  }

  /** Every queue, topic and subscription. */
  entities(): EntityInfo[] {
    const found = [...this.#namespace.queues()].map((queue) => describeQueue("queue", queue));
    for (const topic of this.#namespace.topics()) {
      found.push(describeTopic(topic));
      for (const subscription of topic.subscriptions.values()) {
        const rules = Object.fromEntries([...subscription.rules.all()].map(({ name, filter }) => [name, filter]));
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

  /** Ends every connection and stops listening, within two seconds; without `data`, the messages are gone. Safe to call again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#openings.end();
    const servers = this.#admins.map((server) => server.close());
    if (this.#address !== undefined) {
      servers.push(this.#server.stop());
    }
    await Promise.all(servers);
    this.#namespace.close();
    this.#store?.close();
  }

  /** Nothing can be promised any more: every connection is cut, and whoever listens for it is told. */
  #storeFailed(failure: BrokerError): void {
    this.#server.dropConnections();
    setImmediate(() => this.emit("error", failure));
  }

  /** Puts an entity, and makes its shared access policies those that its settings say, where they say any. */
  #put(scope: string, { authorizationRules }: TopicSettings, put: () => void): void {
    if (authorizationRules !== undefined) {
      checkPolicies(scope, authorizationRules);
    }
    put();
    if (authorizationRules !== undefined && this.#guard.enforced) {
      this.#guard.policies.set(scope, authorizationRules);
      this.#guard.accessChanged();
    }
  }

  #report(entity: string, message: StoredMessage, outcome: SettledOutcome): void {
    if (this.listenerCount("settled") > 0) {
      const event: SettledEvent = {
        entity,
        messageId: message.content.messageId,
        sequenceNumber: message.sequenceNumber,
        enqueuedAt: message.enqueuedAt,
        settledAt: this.#clock.now(),
        outcome,
        deliveryCount: message.deliveryCount,
      };
      tell(() => this.emit("settled", event));
    }
  }
}

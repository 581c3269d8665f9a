import { randomBytes } from "node:crypto";
import {
  AccessRight,
  type Broker,
  BrokerError,
  BrokerErrorCode,
  type CommonSettings,
  EntityStatus,
  type Filter,
  type NamespaceOptions,
  parseDuration,
  type RuleAction,
  type SubscriptionSettings,
  type TlsIdentity,
  type TopicSettings,
} from "./broker/index.js";
import type { EntityProperties, ServiceBusEffects, SharedAccessKeys } from "./providers/azure-native/index.js";

/** A Service Bus namespace as the stack made it. */
export interface NamespaceResource {
  readonly name: string;
  /** Resource id: what rights on it are held against. */
  readonly id: string;
  readonly properties: EntityProperties;
}

interface RunningNamespace {
  readonly broker: Broker;
  readonly endpoint: string;
  /** Host and port of its administration. */
  readonly adminHost: string;
  /** Keys of its shared access rules, by entity and name; they are kept in memory alone. */
  readonly keys: Map<string, { primaryKey: string; secondaryKey: string }>;
}

/** Bytes of a shared access key: those of Azure's own. */
const KEY_BYTES = 32;

function randomKey(): string {
  return randomBytes(KEY_BYTES).toString("base64");
}

function ruleKey(entity: string, name: string): string {
  return `${entity}\n${name}`.toLowerCase();
}

/** What administration is told of a namespace. */
export function namespaceInfo({ name, properties }: NamespaceResource): NamespaceOptions {
  const sku = properties["sku"];
  const tier = typeof sku === "object" && sku !== null && "name" in sku ? sku.name : undefined;
  const known = TIERS.find((each) => each === tier);
  return { name, ...(known === undefined ? {} : { sku: known }) };
}

/** The shared access rule that Azure makes with every namespace. */
const ROOT_RULE = "RootManageSharedAccessKey";
const TIERS = ["Basic", "Standard", "Premium"] as const;

/**
 * Lets the life of Service Bus resources reach a broker: one broker for each namespace. A stack of this environment
 * has one; the namespace that was made last is `broker`.
 */
export class LocalNamespaces implements ServiceBusEffects {
  private readonly brokers = new Map<string, RunningNamespace>();

  /**
   * @param make a broker of a namespace that is not listening yet
   * @param tls what the brokers speak TLS with, and then nothing else; without it they speak plain AMQP
   */
  constructor(
    private readonly make: (namespace: NamespaceResource) => Broker,
    private readonly tls?: TlsIdentity,
  ) {}

  /** The broker of the only namespace. Throws where there is none: nothing is up. */
  get broker(): Broker {
    return this.only.broker;
  }

  /** Host and port of the only namespace, as clients are given them. Throws where there is none. */
  get host(): string {
    return new URL(this.only.endpoint).host;
  }

  /** Host and port of its administration, as ServiceBusAdministrationClient is given them. */
  get adminHost(): string {
    return this.only.adminHost;
  }

  /** Every broker. */
  get all(): Broker[] {
    return [...this.brokers.values()].map(({ broker }) => broker);
  }

  async namespaceCreated(name: string, properties: EntityProperties = {}, id = name): Promise<{ endpoint: string }> {
    const there = this.brokers.get(name);
    if (there !== undefined) {
      there.broker.setLocalAuth(properties["disableLocalAuth"] !== true);
      return { endpoint: there.endpoint };
    }
    const broker = this.make({ name, id, properties });
    const options = this.tls === undefined ? {} : { tls: this.tls, plainText: false };
    const [{ port }, admin] = [await broker.listen(options), await broker.listenAdmin(options)];
    // With TLS the name that the certificate is for.
    const [scheme, host] = this.tls === undefined ? ["http", "127.0.0.1"] : ["https", "localhost"];
    const endpoint = `${scheme}://${host}:${port}/`;
    this.brokers.set(name, { broker, endpoint, adminHost: `${host}:${admin.port}`, keys: new Map() });
    await this.putSharedAccessRule(name, "", ROOT_RULE, ["Send", "Listen", "Manage"]);
    return { endpoint };
  }

  async namespaceDeleted(name: string): Promise<void> {
    const there = this.brokers.get(name);
    this.brokers.delete(name);
    await there?.broker.close();
  }

  async putQueue(namespace: string, name: string, properties: EntityProperties): Promise<void> {
    this.at(namespace).putQueue(name, { ...subscriptionSettings(properties), ...topicSettings(properties) });
  }

  async deleteQueue(namespace: string, name: string): Promise<void> {
    this.forget(namespace, (broker) => broker.deleteQueue(name));
  }

  async putTopic(namespace: string, name: string, properties: EntityProperties): Promise<void> {
    this.at(namespace).putTopic(name, topicSettings(properties));
  }

  async deleteTopic(namespace: string, name: string): Promise<void> {
    this.forget(namespace, (broker) => broker.deleteTopic(name));
  }

  async putSubscription(namespace: string, topic: string, name: string, properties: EntityProperties): Promise<void> {
    this.at(namespace).putSubscription(topic, name, subscriptionSettings(properties));
  }

  async deleteSubscription(namespace: string, topic: string, name: string): Promise<void> {
    this.forget(namespace, (broker) => broker.deleteSubscription(topic, name));
  }

  async putRule(
    namespace: string,
    topic: string,
    subscription: string,
    name: string,
    properties: EntityProperties,
  ): Promise<void> {
    this.at(namespace).putRule(topic, subscription, name, ruleFilter(properties), ruleAction(properties));
  }

  async deleteRule(namespace: string, topic: string, subscription: string, name: string): Promise<void> {
    this.forget(namespace, (broker) => broker.deleteRule(topic, subscription, name));
  }

  async putSharedAccessRule(namespace: string, entity: string, name: string, rights: readonly string[]): Promise<void> {
    const there = this.running(namespace);
    const key = ruleKey(entity, name);
    const keys = there.keys.get(key) ?? { primaryKey: randomKey(), secondaryKey: randomKey() };
    there.keys.set(key, keys);
    // A broker without rights takes any key.
    if (this.tls === undefined) return;
    const known = Object.values(AccessRight).filter((right) => rights.some((each) => each.toLowerCase() === right));
    there.broker.putSharedAccessPolicy(entity, { name, rights: known, ...keys });
  }

  async deleteSharedAccessRule(namespace: string, entity: string, name: string): Promise<void> {
    this.brokers.get(namespace)?.keys.delete(ruleKey(entity, name));
    if (this.tls !== undefined) this.forget(namespace, (broker) => broker.deleteSharedAccessPolicy(entity, name));
  }

  sharedAccessKeys(namespace: string, entity: string, name: string): SharedAccessKeys | undefined {
    const there = this.brokers.get(namespace);
    const keys = there?.keys.get(ruleKey(entity, name));
    return there === undefined || keys === undefined ? undefined : { ...keys, host: new URL(there.endpoint).host };
  }

  /** Closes every broker. */
  async close(): Promise<void> {
    await Promise.all([...this.brokers.keys()].map((name) => this.namespaceDeleted(name)));
  }

  /** Deletes something that may be gone: with its namespace, its topic, or because it was idle for its time. */
  private forget(namespace: string, run: (broker: Broker) => void): void {
    const there = this.brokers.get(namespace);
    if (there === undefined) return;
    try {
      run(there.broker);
    } catch (error) {
      if (!(error instanceof BrokerError && error.code === BrokerErrorCode.EntityNotFound)) throw error;
    }
  }

  private get only(): RunningNamespace {
    const [only] = [...this.brokers.values()].slice(-1);
    if (only !== undefined) return only;
    throw new Error("there is no Service Bus namespace: bring the stack up first");
  }

  private at(namespace: string): Broker {
    return this.running(namespace).broker;
  }

  private running(namespace: string): RunningNamespace {
    const there = this.brokers.get(namespace);
    if (there === undefined) throw new Error(`there is no Service Bus namespace "${namespace}"`);
    return there;
  }
}

/** Seconds of an ISO 8601 duration of days and time, as Azure writes them; undefined for one that means for ever. */
export function isoSeconds(text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new Error(`"${text}" is no ISO 8601 duration of days, hours, minutes and seconds`);
  return seconds === Number.POSITIVE_INFINITY ? undefined : seconds;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** What queues, topics and subscriptions have in common. */
function commonSettings(p: EntityProperties): CommonSettings {
  const timeToLive = isoSeconds(p["defaultMessageTimeToLive"]);
  const autoDeleteOnIdleSeconds = isoSeconds(p["autoDeleteOnIdle"]);
  const userMetadata = text(p["userMetadata"]);
  const status = Object.values(EntityStatus).find((known) => known === p["status"]);
  return {
    enableBatchedOperations: p["enableBatchedOperations"] !== false,
    ...(timeToLive === undefined ? {} : { timeToLive }),
    ...(autoDeleteOnIdleSeconds === undefined ? {} : { autoDeleteOnIdleSeconds }),
    ...(userMetadata === undefined ? {} : { userMetadata }),
    ...(status === undefined ? {} : { status }),
  };
}

function subscriptionSettings(p: EntityProperties): SubscriptionSettings {
  const forwardTo = text(p["forwardTo"]);
  const forwardDeadLetteredMessagesTo = text(p["forwardDeadLetteredMessagesTo"]);
  return {
    ...commonSettings(p),
    requiresSession: p["requiresSession"] === true,
    lockDurationSeconds: isoSeconds(p["lockDuration"]) ?? 60,
    maxDeliveryCount: Number(p["maxDeliveryCount"] ?? 10),
    deadLetteringOnMessageExpiration: p["deadLetteringOnMessageExpiration"] === true,
    deadLetteringOnFilterEvaluationExceptions: p["deadLetteringOnFilterEvaluationExceptions"] !== false,
    ...(forwardTo === undefined ? {} : { forwardTo }),
    ...(forwardDeadLetteredMessagesTo === undefined ? {} : { forwardDeadLetteredMessagesTo }),
  };
}

function topicSettings(p: EntityProperties): TopicSettings {
  const size = p["maxSizeInMegabytes"];
  const messageSize = p["maxMessageSizeInKilobytes"];
  return {
    ...commonSettings(p),
    requiresDuplicateDetection: p["requiresDuplicateDetection"] === true,
    duplicateDetectionWindowSeconds: isoSeconds(p["duplicateDetectionHistoryTimeWindow"]) ?? 600,
    enablePartitioning: p["enablePartitioning"] === true,
    enableExpress: p["enableExpress"] === true,
    supportOrdering: p["supportOrdering"] === true,
    ...(typeof size === "number" ? { maxSizeInMegabytes: size } : {}),
    ...(typeof messageSize === "number" ? { maxMessageSizeInKilobytes: messageSize } : {}),
  };
}

/** The action of a rule, in SQL; undefined where it has none. */
function ruleAction({ action }: EntityProperties): RuleAction | undefined {
  if (typeof action !== "object" || action === null || !("sqlExpression" in action)) return undefined;
  const expression = action.sqlExpression;
  return typeof expression === "string" && expression !== "" ? { expression } : undefined;
}

function ruleFilter(p: EntityProperties): Filter {
  const correlation = p["correlationFilter"];
  if (p["filterType"] === "CorrelationFilter" && typeof correlation === "object" && correlation !== null) {
    const { label, ...fields } = correlation as { label?: string };
    return { kind: "correlation", ...fields, ...(label === undefined ? {} : { subject: label }) };
  }
  const sql = p["sqlFilter"];
  const expression =
    typeof sql === "object" && sql !== null && "sqlExpression" in sql ? String(sql.sqlExpression) : "1=1";
  const constant = { "1=1": "true", "1=0": "false" }[expression.replaceAll(" ", "")];
  return constant === "true" || constant === "false" ? { kind: constant } : { kind: "sql", expression };
}

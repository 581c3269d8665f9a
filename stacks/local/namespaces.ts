import type { Broker, Filter, QueueSettings, SubscriptionSettings } from "./broker/index.js";
import type { EntityProperties, ServiceBusEffects } from "./providers/azure-native/index.js";

/** Durations of this length and more mean for ever: Azure's own is P10675199DT2H48M5.4775807S. */
const FOREVER_SECONDS = 10_675_199 * 86_400;

/**
 * Lets the life of Service Bus resources reach a broker: one broker for each namespace. A stack of this environment
 * has one; the namespace that was made last is `broker`.
 */
export class LocalNamespaces implements ServiceBusEffects {
  private readonly brokers = new Map<string, { broker: Broker; endpoint: string }>();

  /** @param make a broker that is not listening yet */
  constructor(private readonly make: () => Broker) {}

  /** The broker of the only namespace. Throws where there is none: nothing is up. */
  get broker(): Broker {
    const [only] = [...this.brokers.values()].slice(-1);
    if (only === undefined) throw new Error("there is no Service Bus namespace: bring the stack up first");
    return only.broker;
  }

  async namespaceCreated(name: string): Promise<{ endpoint: string }> {
    const there = this.brokers.get(name);
    if (there !== undefined) return { endpoint: there.endpoint };
    const broker = this.make();
    const { host, port } = await broker.listen({ host: "127.0.0.1", port: 0 });
    const endpoint = `http://${host}:${port}/`;
    this.brokers.set(name, { broker, endpoint });
    return { endpoint };
  }

  async namespaceDeleted(name: string): Promise<void> {
    const there = this.brokers.get(name);
    this.brokers.delete(name);
    await there?.broker.close();
  }

  async putQueue(namespace: string, name: string, properties: EntityProperties): Promise<void> {
    this.at(namespace).putQueue(name, queueSettings(properties));
  }

  async deleteQueue(namespace: string, name: string): Promise<void> {
    this.brokers.get(namespace)?.broker.deleteQueue(name);
  }

  async putTopic(namespace: string, name: string, properties: EntityProperties): Promise<void> {
    const { requiresSession: _, ...settings } = queueSettings(properties);
    this.at(namespace).putTopic(name, settings);
  }

  async deleteTopic(namespace: string, name: string): Promise<void> {
    this.brokers.get(namespace)?.broker.deleteTopic(name);
  }

  async putSubscription(namespace: string, topic: string, name: string, properties: EntityProperties): Promise<void> {
    this.at(namespace).putSubscription(topic, name, subscriptionSettings(properties));
  }

  async deleteSubscription(namespace: string, topic: string, name: string): Promise<void> {
    this.brokers.get(namespace)?.broker.deleteSubscription(topic, name);
  }

  async putRule(
    namespace: string,
    topic: string,
    subscription: string,
    name: string,
    properties: EntityProperties,
  ): Promise<void> {
    this.at(namespace).putRule(topic, subscription, name, ruleFilter(properties));
  }

  async deleteRule(namespace: string, topic: string, subscription: string, name: string): Promise<void> {
    this.brokers.get(namespace)?.broker.deleteRule(topic, subscription, name);
  }

  /** Closes every broker. */
  async close(): Promise<void> {
    await Promise.all([...this.brokers.keys()].map((name) => this.namespaceDeleted(name)));
  }

  private at(namespace: string): Broker {
    const there = this.brokers.get(namespace);
    if (there === undefined) throw new Error(`there is no Service Bus namespace "${namespace}"`);
    return there.broker;
  }
}

/** Seconds of an ISO 8601 duration of days and time, as Azure writes them; undefined for one that means for ever. */
export function isoSeconds(text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is no ISO 8601 duration of days, hours, minutes and seconds`);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const total = days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
  return total >= FOREVER_SECONDS ? undefined : total;
}

function subscriptionSettings(p: EntityProperties): SubscriptionSettings {
  const timeToLive = isoSeconds(p["defaultMessageTimeToLive"]);
  return {
    requiresSession: p["requiresSession"] === true,
    lockDurationSeconds: isoSeconds(p["lockDuration"]) ?? 60,
    maxDeliveryCount: Number(p["maxDeliveryCount"] ?? 10),
    deadLetteringOnMessageExpiration: p["deadLetteringOnMessageExpiration"] === true,
    ...(timeToLive === undefined ? {} : { timeToLive }),
  };
}

function queueSettings(p: EntityProperties): QueueSettings {
  return {
    ...subscriptionSettings(p),
    requiresDuplicateDetection: p["requiresDuplicateDetection"] === true,
    duplicateDetectionWindowSeconds: isoSeconds(p["duplicateDetectionHistoryTimeWindow"]) ?? 600,
  };
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

import type { Clock } from "../core/clock.js";
import { countQueue, countTopic, type EntityCounts } from "../core/entityInfo.js";
import { BrokerError, BrokerErrorCode, entityAlreadyExists, entityNotFound } from "../core/errors.js";
import type { Filter } from "../core/filters.js";
import type { Namespace } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import { DEFAULT_RULE, type Rule, type RuleAction } from "../core/rules.js";
import {
  type EntityRules,
  type QueueSettings,
  resolveSettings,
  type SubscriptionSettings,
  settingsOf,
  type TopicSettings,
} from "../core/settings.js";
import type { EntityTimes } from "../core/times.js";
import type { Subscription, Topic } from "../core/topic.js";
import {
  AdminError,
  type Answer,
  entryAnswer,
  feedAnswer,
  nothingAnswer,
  type Place,
  type Resource,
} from "./answers.js";
import { type EntityFacts, readDescription, writeDescription } from "./descriptions.js";
import { QUEUE, type Settings, type Shape, SUBSCRIPTION, TOPIC } from "./elements.js";
import type { Address, Target } from "./routes.js";
import { type RuleDescription, readRule, writeRule } from "./ruleXml.js";
import { child, element, textElement, type XmlElement } from "./xml.js";

/** Through which entities are made, changed and deleted: the broker's own door. */
export interface AdminHost {
  putQueue(name: string, settings: QueueSettings): void;
  deleteQueue(name: string): void;
  putTopic(name: string, settings: TopicSettings): void;
  deleteTopic(name: string): void;
  putSubscription(topic: string, name: string, settings: SubscriptionSettings): void;
  deleteSubscription(topic: string, name: string): void;
  putRule(topic: string, subscription: string, name: string, filter: Filter, action?: RuleAction): void;
  deleteRule(topic: string, subscription: string, name: string): void;
}

/** What `$namespaceinfo` tells. */
export interface NamespaceInfo {
  readonly name: string;
  readonly sku: "Basic" | "Standard" | "Premium";
  /** Told for Premium only. */
  readonly messagingUnits: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface OperationsOptions {
  readonly host: AdminHost;
  readonly namespace: Namespace;
  readonly clock: Clock;
  readonly info: NamespaceInfo;
  readonly maxMessageBytes: number;
}

/** A PUT, as far as its headers matter. */
export interface PutOptions {
  /** The request said `If-Match`: what is there is changed, otherwise something new is made. */
  readonly update: boolean;
  /** Whether the request may forward to an entity. @throws BrokerError UnauthorizedAccess */
  authorizeForward(setting: "forwardTo" | "forwardDeadLetteredMessagesTo", target: string): Promise<void>;
}

/** One kind of entity that has a description, or `undefined` in place of one that is not there. */
type Found = { readonly kind: "queue"; readonly queue: Queue } | { readonly kind: "topic"; readonly topic: Topic };

function byPath<T>(path: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => {
    const [left, right] = [path(a).toLowerCase(), path(b).toLowerCase()];
    return left < right ? -1 : left > right ? 1 : 0;
  };
}

/** What the requests of administration do, once they may. */
export class Operations {
  readonly #options: OperationsOptions;

  constructor(options: OperationsOptions) {
    this.#options = options;
  }

  // --- reading --------------------------------------------------------------------------------------------------

  get({ target, skip, top }: Address, place: Place): Answer {
    const { namespace, clock, info } = this.#options;
    const page = { skip, top };
    const now = clock.now();
    switch (target.kind) {
      case "namespace":
        return entryAnswer(200, namespaceResource(info), place);
      case "queues": {
        const queues = [...namespace.queues()].sort(byPath((queue) => queue.path));
        const list = { title: "Queues", path: "$Resources/Queues", now };
        return feedAnswer(list, queues, (queue) => this.#queue(queue, place), page, place);
      }
      case "topics": {
        const topics = [...namespace.topics()].sort(byPath((topic) => topic.path));
        const list = { title: "Topics", path: "$Resources/Topics", now };
        return feedAnswer(list, topics, (topic) => this.#topic(topic, place), page, place);
      }
      case "subscriptions": {
        const topic = namespace.topic(target.topic);
        const all = [...topic.subscriptions.values()].sort(byPath(({ name }) => name));
        const list = { title: "Subscriptions", path: `${topic.path}/Subscriptions`, now };
        return feedAnswer(list, all, (subscription) => this.#subscription(subscription, place), page, place);
      }
      case "rules": {
        const { queue, rules } = namespace.subscription(target.topic, target.subscription);
        const all = [...rules.all()].sort(byPath(({ name }) => name));
        const list = { title: "Rules", path: `${queue.path}/Rules`, now };
        return feedAnswer(list, all, (rule) => ruleResource(queue.path, rule), page, place);
      }
      default: {
        const resource = this.#resource(target, place);
        return resource === undefined
          ? nothingAnswer(this.#path(target), now, place)
          : entryAnswer(200, resource, place);
      }
    }
  }

  /** The resource that a target names; undefined for a queue or topic that is not there. */
  #resource(target: Target, place: Place): Resource | undefined {
    const { namespace } = this.#options;
    switch (target.kind) {
      case "entity": {
        const found = this.#find(target.name);
        return found?.kind === "queue"
          ? this.#queue(found.queue, place)
          : found === undefined
            ? undefined
            : this.#topic(found.topic, place);
      }
      case "subscription":
        return this.#subscription(namespace.subscription(target.topic, target.name), place);
      case "rule": {
        const { queue, rules } = namespace.subscription(target.topic, target.subscription);
        const rule = rules.get(target.name);
        if (rule === undefined) {
          throw entityNotFound(`${queue.path}/Rules/${target.name}`);
        }
        return ruleResource(queue.path, rule);
      }
      default:
        return undefined;
    }
  }

  #path(target: Target): string {
    return target.kind === "entity" ? target.name : "";
  }

  #find(name: string): Found | undefined {
    const found = this.#options.namespace.find(name);
    if (found?.kind === "topic") {
      return { kind: "topic", topic: found.topic };
    }
    return found?.kind === "queue" ? { kind: "queue", queue: found.queue } : undefined;
  }

  // --- making and changing --------------------------------------------------------------------------------------

  async put({ target }: Address, body: XmlElement, options: PutOptions, place: Place): Promise<Answer> {
    const content = child(child(body, "entry"), "content");
    const status = options.update ? 200 : 201;
    const queue = child(content, QUEUE.root);
    const topic = child(content, TOPIC.root);
    if (target.kind === "entity" && (queue !== undefined || topic !== undefined)) {
      await this.#putEntity(target.name, queue, topic ?? {}, options);
    } else if (target.kind === "subscription") {
      const described = child(content, SUBSCRIPTION.root);
      await this.#putSubscription(target.topic, target.name, needed(described, SUBSCRIPTION.root), options);
    } else if (target.kind === "rule") {
      this.#putRule(target, needed(child(content, "RuleDescription"), "RuleDescription"), options);
    } else {
      const wanted = target.kind === "entity" ? "an entry with a QueueDescription or a TopicDescription" : "no PUT";
      throw new BrokerError(BrokerErrorCode.InvalidArgument, `This address takes ${wanted}.`);
    }
    const resource = this.#resource(target, place);
    if (resource === undefined) {
      throw entityNotFound(this.#path(target));
    }
    return entryAnswer(status, resource, place);
  }

  async #putEntity(name: string, queue: XmlElement | undefined, topic: XmlElement, options: PutOptions): Promise<void> {
    const { host } = this.#options;
    const kind = queue === undefined ? "topic" : "queue";
    const found = this.#find(name);
    if (found !== undefined && (found.kind !== kind || !options.update)) {
      throw entityAlreadyExists(name);
    }
    if (found === undefined && options.update) {
      throw entityNotFound(name);
    }
    const rules = found?.kind === "queue" ? found.queue.rules : found?.topic.rules;
    const settings = readDescription(kind === "queue" ? QUEUE : TOPIC, queue ?? topic, before(rules));
    await this.#checkForwards(name, settings, options);
    // Looked at again: another request may have been quicker while a token was looked at.
    if (found === undefined && this.#find(name) !== undefined) {
      throw entityAlreadyExists(name);
    }
    if (kind === "queue") {
      host.putQueue(name, settings);
    } else {
      host.putTopic(name, settings);
    }
  }

  async #putSubscription(topicName: string, name: string, described: XmlElement, options: PutOptions): Promise<void> {
    const { host, namespace } = this.#options;
    const exists = (): Subscription | undefined => namespace.topic(topicName).subscriptions.get(name.toLowerCase());
    const found = exists();
    const path = `${topicName}/Subscriptions/${name}`;
    if (found !== undefined && !options.update) {
      throw entityAlreadyExists(path);
    }
    if (found === undefined && options.update) {
      throw entityNotFound(path);
    }
    const settings = readDescription(SUBSCRIPTION, described, before(found?.queue.rules));
    const first = child(described, "DefaultRuleDescription");
    const rule = first === undefined ? undefined : readRule(first, DEFAULT_RULE);
    await this.#checkForwards(path, settings, options);
    if (found === undefined && exists() !== undefined) {
      throw entityAlreadyExists(path);
    }
    host.putSubscription(topicName, name, settings);
    if (rule !== undefined && found === undefined) {
      this.#firstRule(topicName, name, rule);
    }
  }

  /** A subscription's first rule takes the place of `$Default`; where it is refused, there is no subscription. */
  #firstRule(topic: string, subscription: string, rule: RuleDescription): void {
    const { host } = this.#options;
    try {
      host.putRule(topic, subscription, rule.name, rule.filter, rule.action);
    } catch (error) {
      host.deleteSubscription(topic, subscription);
      throw error;
    }
    if (rule.name.toLowerCase() !== DEFAULT_RULE.toLowerCase()) {
      host.deleteRule(topic, subscription, DEFAULT_RULE);
    }
  }

  /** Whether the request may forward, and to something that is there; settings that cannot be are refused first. */
  async #checkForwards(name: string, settings: Settings, options: PutOptions): Promise<void> {
    resolveSettings(name, settings);
    for (const setting of ["forwardTo", "forwardDeadLetteredMessagesTo"] as const) {
      const target = settings[setting]?.replace(/^[a-z]+:\/\/[^/]*/i, "").replace(/^\/+|\/+$/g, "") ?? "";
      if (target !== "") {
        await options.authorizeForward(setting, target);
        if (this.#find(target) === undefined) {
          const text = `'${name}' cannot be set up: ${setting} = "${target}": no queue or topic of that name is there. Make it first.`;
          throw new BrokerError(BrokerErrorCode.InvalidArgument, text);
        }
      }
    }
  }

  #putRule(target: Extract<Target, { kind: "rule" }>, described: XmlElement, options: PutOptions): void {
    const { host, namespace } = this.#options;
    const { topic, subscription, name } = target;
    const { queue, rules } = namespace.subscription(topic, subscription);
    const found = rules.get(name);
    const path = `${queue.path}/Rules/${name}`;
    if (found !== undefined && !options.update) {
      throw entityAlreadyExists(path);
    }
    if (found === undefined && options.update) {
      throw entityNotFound(path);
    }
    const rule = readRule(described, name);
    host.putRule(topic, subscription, name, rule.filter, rule.action);
  }

  // --- deleting -------------------------------------------------------------------------------------------------

  delete({ target }: Address): Answer {
    const { host } = this.#options;
    switch (target.kind) {
      case "entity": {
        const found = this.#find(target.name);
        if (found === undefined) {
          throw entityNotFound(target.name);
        }
        if (found.kind === "queue") {
          host.deleteQueue(target.name);
        } else {
          host.deleteTopic(target.name);
        }
        break;
      }
      case "subscription":
        host.deleteSubscription(target.topic, target.name);
        break;
      case "rule":
        host.deleteRule(target.topic, target.subscription, target.name);
        break;
      default:
        throw new AdminError(405, "This address cannot be deleted: queues, topics, subscriptions and rules can.");
    }
    return { status: 200, xml: "" };
  }

  // --- descriptions ---------------------------------------------------------------------------------------------

  #queue(queue: Queue, place: Place): Resource {
    return this.#described(QUEUE, queue.path, queue.path, queue, countQueue(queue), 0, place);
  }

  #topic(topic: Topic, place: Place): Resource {
    return this.#described(TOPIC, topic.path, topic.path, topic, countTopic(topic), topic.subscriptions.size, place);
  }

  #subscription({ name, queue }: Subscription, place: Place): Resource {
    return this.#described(SUBSCRIPTION, queue.path, name, queue, countQueue(queue), 0, place);
  }

  #described(
    shape: Shape,
    path: string,
    title: string,
    { rules, times }: { readonly rules: EntityRules; readonly times: EntityTimes },
    counts: EntityCounts,
    subscriptions: number,
    place: Place,
  ): Resource {
    const { createdAt, updatedAt, accessedAt } = times;
    const facts: EntityFacts = {
      settings: settingsOf(rules),
      createdAt,
      updatedAt,
      accessedAt,
      counts,
      subscriptions,
      targetBase: `${place.origin.replace(/^https?/, "sb")}/`,
      maxMessageKilobytes: Math.floor(this.#options.maxMessageBytes / 1_024),
    };
    return { path, title, createdAt, updatedAt, root: shape.root, content: writeDescription(shape, facts) };
  }
}

function before(rules: EntityRules | undefined): Settings | undefined {
  return rules === undefined ? undefined : settingsOf(rules);
}

function needed(description: XmlElement | undefined, root: string): XmlElement {
  if (description === undefined) {
    throw new BrokerError(BrokerErrorCode.InvalidArgument, `This address takes an entry with a ${root}.`);
  }
  return description;
}

function ruleResource(subscription: string, rule: Rule): Resource {
  return {
    path: `${subscription}/Rules/${rule.name}`,
    title: rule.name,
    createdAt: rule.createdAt,
    updatedAt: rule.createdAt,
    root: "RuleDescription",
    content: writeRule(rule),
  };
}

function namespaceResource(info: NamespaceInfo): Resource {
  const created = new Date(info.createdAt).toISOString();
  return {
    path: "$namespaceinfo",
    title: info.name,
    createdAt: info.createdAt,
    updatedAt: info.createdAt,
    root: "NamespaceInfo",
    content: [
      element("CreatedTime", created),
      element("MessagingSKU", info.sku),
      info.sku === "Premium" ? element("MessagingUnits", String(info.messagingUnits)) : "",
      element("ModifiedTime", created),
      textElement("Name", info.name),
      element("NamespaceType", "Messaging"),
    ].join(""),
  };
}

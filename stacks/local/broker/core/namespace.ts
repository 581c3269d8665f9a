import type { Clock } from "./clock.js";
import type { QueueContext } from "./context.js";
import { Deadlines } from "./deadlines.js";
import { BrokerError, BrokerErrorCode, entityNotFound } from "./errors.js";
import { closeQueue, makeQueue, updateQueue } from "./family.js";
import type { Filter } from "./filters.js";
import type { ForwardTarget } from "./forwarding.js";
import type { Journal } from "./journal.js";
import { MemoryLedger } from "./memory.js";
import type { Lock, StoredMessage } from "./message.js";
import type { Queue } from "./queue.js";
import { checkRuleCount, type RuleAction } from "./rules.js";
import {
  type QueueSettings,
  refuseReplacement,
  resolveSettings,
  type SubscriptionSettings,
  sameRules,
  type TopicSettings,
} from "./settings.js";
import type { SettledOutcome } from "./settlement.js";
import { Subscription, Topic } from "./topic.js";

/** What an address names. */
export type Entity =
  | {
      readonly kind: "queue" | "subscription" | "deadLetterQueue" | "transferDeadLetterQueue";
      readonly path: string;
      readonly queue: Queue;
    }
  | { readonly kind: "topic"; readonly path: string; readonly topic: Topic };

export interface NamespaceOptions {
  readonly clock: Clock;
  /** Bytes that may be held. */
  readonly maxBytes: number;
  readonly settled: (path: string, message: StoredMessage, outcome: SettledOutcome) => void;
  /** Told of a queue or topic that is gone, whoever deleted it: also one that was idle for its time. */
  readonly deleted?: (path: string) => void;
  /** Told of what is to outlive the process. */
  readonly journal?: Journal | undefined;
}

/** Azure's limits on names: 260 characters for a queue or topic, 50 for a subscription or rule. */
const LONGEST_NAME = 260;
const LONGEST_CHILD_NAME = 50;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9_])?$/;
const CHILD_NAME = /^[A-Za-z0-9$_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$/;

/** Refuses a name that Azure would refuse. @param kind queue, topic, subscription or rule */
export function checkName(kind: string, name: string): void {
  const child = kind === "subscription" || kind === "rule";
  const longest = child ? LONGEST_CHILD_NAME : LONGEST_NAME;
  if (name.length > longest || !(child ? CHILD_NAME : NAME).test(name) || /\/subscriptions\/|\/\//i.test(name)) {
    throw new BrokerError(
      BrokerErrorCode.InvalidArgument,
      `'${name}' cannot be the name of a ${kind}: use 1 to ${longest} letters, digits, '.', '-', '_'${child ? "" : " or '/'"}, beginning and ending with a letter or digit.`,
    );
  }
}

/** All entities of one broker, and the one place where they are made, changed and deleted. Names ignore case. */
export class Namespace {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly memory: MemoryLedger;
  readonly locks = new Map<number, Lock>();
  readonly #context: QueueContext;
  readonly #deleted: NamespaceOptions["deleted"];
  readonly #queues = new Map<string, Queue>();
  readonly #topics = new Map<string, Topic>();
  #lockId = 0;

  constructor(options: NamespaceOptions) {
    this.clock = options.clock;
    this.#deleted = options.deleted;
    this.deadlines = new Deadlines(options.clock);
    this.memory = new MemoryLedger(options.maxBytes);
    this.#context = {
      clock: options.clock,
      deadlines: this.deadlines,
      memory: this.memory,
      locks: this.locks,
      nextLockId: () => ++this.#lockId,
      forwardTarget: (target) => this.#forwardTarget(target),
      settled: options.settled,
      journal: options.journal,
    };
  }

  putQueue(name: string, settings: QueueSettings): void {
    checkName("queue", name);
    this.#refuseOtherKind(name, this.#topics, "topic");
    const rules = resolveSettings(name, settings);
    const existing = this.#queues.get(name.toLowerCase());
    if (existing === undefined) {
      this.#queues.set(
        name.toLowerCase(),
        makeQueue(this.#context, name, rules, { idle: () => this.deleteQueue(name) }),
      );
    } else {
      updateQueue(existing, rules);
    }
    this.#context.journal?.entity(existing?.path ?? name);
  }

  deleteQueue(name: string): void {
    const queue = this.#queues.get(name.toLowerCase());
    if (queue === undefined) {
      throw entityNotFound(name);
    }
    this.#queues.delete(name.toLowerCase());
    closeQueue(queue);
    this.#context.journal?.entityDeleted(queue.path);
    this.#deleted?.(queue.path);
  }

  putTopic(name: string, settings: TopicSettings): void {
    checkName("topic", name);
    this.#refuseOtherKind(name, this.#queues, "queue");
    const rules = resolveSettings(name, settings);
    const existing = this.#topics.get(name.toLowerCase());
    if (existing === undefined) {
      this.#topics.set(name.toLowerCase(), new Topic(this.#context, name, rules, () => this.deleteTopic(name)));
    } else if (!sameRules(existing.rules, rules)) {
      refuseReplacement(name, existing.rules, rules);
      existing.update(rules);
    }
    this.#context.journal?.entity(existing?.path ?? name);
  }

  deleteTopic(name: string): void {
    const topic = this.topic(name);
    this.#topics.delete(name.toLowerCase());
    for (const subscription of topic.subscriptions.values()) {
      closeQueue(subscription.queue);
    }
    topic.close(entityNotFound(topic.path));
    this.#context.journal?.entityDeleted(topic.path);
    this.#deleted?.(topic.path);
  }

  putSubscription(topicName: string, name: string, settings: SubscriptionSettings): void {
    checkName("subscription", name);
    const topic = this.topic(topicName);
    const path = `${topic.path}/Subscriptions/${name}`;
    // What a subscription holds counts for its topic.
    const rules = { ...resolveSettings(path, settings), maxBytes: Number.POSITIVE_INFINITY };
    const existing = topic.subscriptions.get(name.toLowerCase());
    if (existing === undefined) {
      const idle = (): void => this.deleteSubscription(topicName, name);
      const queue = makeQueue(this.#context, path, rules, { topic, idle });
      const rulesChanged = (): void => this.#context.journal?.entity(path);
      topic.subscriptions.set(name.toLowerCase(), new Subscription(name, queue, rulesChanged));
    } else {
      updateQueue(existing.queue, rules);
    }
    this.#context.journal?.entity(existing?.queue.path ?? path);
  }

  deleteSubscription(topicName: string, name: string): void {
    const subscription = this.subscription(topicName, name);
    this.topic(topicName).subscriptions.delete(name.toLowerCase());
    closeQueue(subscription.queue);
    this.#context.journal?.entityDeleted(subscription.queue.path);
  }

  putRule(topicName: string, subscriptionName: string, name: string, filter: Filter, action?: RuleAction): void {
    checkName("rule", name);
    const { rules } = this.subscription(topicName, subscriptionName);
    if (rules.get(name) === undefined) {
      const topic = this.topic(topicName);
      const all = [...topic.subscriptions.values()].flatMap((subscription) => [...subscription.rules.all()]);
      checkRuleCount(topic.path, all, filter);
    }
    rules.put(name, filter, action);
  }

  deleteRule(topicName: string, subscriptionName: string, name: string): void {
    const subscription = this.subscription(topicName, subscriptionName);
    if (!subscription.rules.delete(name)) {
      throw entityNotFound(`${subscription.queue.path}/Rules/${name}`);
    }
  }

  topic(name: string): Topic {
    const topic = this.#topics.get(name.toLowerCase());
    if (topic === undefined) {
      throw entityNotFound(name);
    }
    return topic;
  }

  subscription(topicName: string, name: string): Subscription {
    const subscription = this.#topics.get(topicName.toLowerCase())?.subscriptions.get(name.toLowerCase());
    if (subscription === undefined) {
      throw entityNotFound(`${topicName}/Subscriptions/${name}`);
    }
    return subscription;
  }

  queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /**
   * What an address names: `queue`, `topic`, `topic/Subscriptions/name`; each queue with `/$DeadLetterQueue`, and each
   * of all three with `/$Transfer/$DeadLetterQueue`.
   */
  find(address: string): Entity | undefined {
    const path = address.replace(/^\/+|\/+$/g, "");
    const source = /^(.*)\/\$transfer\/\$deadletterqueue$/i.exec(path)?.[1];
    if (source !== undefined) {
      const parent = this.find(source);
      const queue = (parent?.kind === "topic" ? parent.topic : parent?.queue)?.transferDeadLetters?.open();
      const own = parent?.kind !== "deadLetterQueue" && parent?.kind !== "transferDeadLetterQueue";
      return queue === undefined || !own ? undefined : { kind: "transferDeadLetterQueue", path: queue.path, queue };
    }
    const dead = /^(.*)\/\$deadletterqueue$/i.exec(path)?.[1];
    if (dead !== undefined) {
      const parent = this.find(dead);
      const queue = parent !== undefined && parent.kind !== "topic" ? parent.queue.deadLetters : undefined;
      return queue === undefined ? undefined : { kind: "deadLetterQueue", path: queue.path, queue };
    }
    const [, topicName, name] = /^(.*)\/subscriptions\/([^/]*)$/i.exec(path) ?? [];
    if (topicName !== undefined && name !== undefined) {
      const queue = this.#topics.get(topicName.toLowerCase())?.subscriptions.get(name.toLowerCase())?.queue;
      return queue === undefined ? undefined : { kind: "subscription", path: queue.path, queue };
    }
    const queue = this.#queues.get(path.toLowerCase());
    if (queue !== undefined) {
      return { kind: "queue", path: queue.path, queue };
    }
    const topic = this.#topics.get(path.toLowerCase());
    return topic === undefined ? undefined : { kind: "topic", path: topic.path, topic };
  }

  /** Stops every timer. */
  close(): void {
    this.deadlines.close();
  }

  /** The queue or topic of that name, as the end of a forward. */
  #forwardTarget(name: string): ForwardTarget | undefined {
    const key = name.toLowerCase();
    return this.#queues.get(key) ?? this.#topics.get(key);
  }

  #refuseOtherKind(name: string, others: ReadonlyMap<string, unknown>, kind: string): void {
    if (others.has(name.toLowerCase())) {
      throw new BrokerError(
        BrokerErrorCode.NotAllowed,
        `'${name}' is already the name of a ${kind}: delete that first, or choose another name.`,
      );
    }
  }
}

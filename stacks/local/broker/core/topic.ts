import type { Attachments } from "./attachments.js";
import type { Content } from "./content.js";
import type { QueueContext } from "./context.js";
import type { BrokerError } from "./errors.js";
import { compileFilter, type Filter, type Predicate } from "./filters.js";
import { MESSAGE_OVERHEAD } from "./memory.js";
import { Queue } from "./queue.js";
import type { EntityRules } from "./settings.js";

/** The rule a new subscription has: it takes every message. */
export const DEFAULT_RULE = "$Default";

/** A queue fed by a topic, through rules: a message is taken once if any rule takes it. */
export class Subscription {
  readonly name: string;
  readonly queue: Queue;
  readonly #rules = new Map<string, { readonly filter: Filter; readonly takes: Predicate }>();

  constructor(name: string, queue: Queue) {
    this.name = name;
    this.queue = queue;
    this.putRule(DEFAULT_RULE, { kind: "true" });
  }

  /** Sets a rule; one of that name is replaced. */
  putRule(rule: string, filter: Filter): void {
    this.#rules.set(rule, { filter, takes: compileFilter(rule, filter) });
  }

  /** True if there was such a rule. */
  deleteRule(rule: string): boolean {
    return this.#rules.delete(rule);
  }

  filters(): ReadonlyMap<string, Filter> {
    return new Map([...this.#rules].map(([name, rule]) => [name, rule.filter]));
  }

  takes(content: Content): boolean {
    for (const rule of this.#rules.values()) {
      if (rule.takes(content)) {
        return true;
      }
    }
    return false;
  }
}

/** Where producers send and nobody receives: each message goes to the subscriptions that take it, or nowhere. */
export class Topic {
  readonly path: string;
  readonly subscriptions = new Map<string, Subscription>();
  readonly #context: QueueContext;
  /** Takes what is sent, drops duplicates and keeps what is scheduled. */
  readonly #intake: Queue;

  constructor(context: QueueContext, path: string, rules: EntityRules) {
    this.#context = context;
    this.path = path;
    this.#intake = new Queue(context, path, rules, {
      place: (content, sequenceNumber) => this.#publish(content, sequenceNumber),
    });
  }

  get attachments(): Attachments {
    return this.#intake.attachments;
  }

  get rules(): EntityRules {
    return this.#intake.rules;
  }

  get scheduled(): number {
    return this.#intake.counts().scheduled;
  }

  update(rules: EntityRules): void {
    this.#intake.update(rules);
  }

  close(error: BrokerError): void {
    this.#intake.close(error);
  }

  /** As `Queue.send`; room is asked for a copy in every subscription, whether its rules take the messages or not. */
  send(contents: readonly Content[]): number[] {
    const bytes = contents.reduce((sum, content) => sum + content.size + MESSAGE_OVERHEAD, 0);
    this.#context.memory.check(bytes * this.subscriptions.size, this.path);
    return this.#intake.send(contents);
  }

  cancelScheduled(sequenceNumbers: readonly number[]): void {
    this.#intake.cancelScheduled(sequenceNumbers);
  }

  #publish(content: Content, sequenceNumber: number): void {
    for (const subscription of this.subscriptions.values()) {
      if (subscription.takes(content)) {
        subscription.queue.receive(content, sequenceNumber, this.rules.timeToLiveMs);
      }
    }
  }
}

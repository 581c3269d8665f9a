import type { Attachments } from "./attachments.js";
import type { Content } from "./content.js";
import type { QueueContext } from "./context.js";
import { EntitySize } from "./entitySize.js";
import type { BrokerError } from "./errors.js";
import { isHeld, SubQueue, TRANSFER_DEAD_LETTER_QUEUE } from "./family.js";
import { compileFilter, type Filter, type Predicate } from "./filters.js";
import type { Forwarded, ForwardTarget } from "./forwarding.js";
import { Queue, type QueueTotals } from "./queue.js";
import type { EntityRules } from "./settings.js";
import { EntityTimes } from "./times.js";

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
export class Topic implements ForwardTarget {
  readonly path: string;
  /** Bytes held in its subscriptions, and what is scheduled. */
  readonly size: EntitySize;
  readonly times: EntityTimes;
  /** Messages sent to another entity through this one that could not be passed on. */
  readonly transferDeadLetters: SubQueue;
  readonly subscriptions = new Map<string, Subscription>();
  readonly #context: QueueContext;
  /** Takes what is sent, drops duplicates and keeps what is scheduled. */
  readonly #intake: Queue;

  /** @param idle called when nobody used the topic or its subscriptions for the time its rules give. */
  constructor(context: QueueContext, path: string, rules: EntityRules, idle: () => void) {
    this.#context = context;
    this.path = path;
    this.size = new EntitySize("Topic", path);
    const { clock, deadlines } = context;
    this.times = new EntityTimes({ clock, deadlines, busy: () => this.#busy(), idle });
    this.times.watch(rules.autoDeleteMs);
    const shared = { size: this.size, times: this.times };
    this.transferDeadLetters = new SubQueue(context, `${path}/${TRANSFER_DEAD_LETTER_QUEUE}`, () => this.rules, shared);
    this.#intake = new Queue(context, path, rules, {
      ...shared,
      transferDeadLetters: this.transferDeadLetters,
      place: (content, sequenceNumber, how) => this.#publish(content, sequenceNumber, how),
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

  /** What has not reached its subscriptions yet. */
  counts(): QueueTotals {
    return this.#intake.counts();
  }

  update(rules: EntityRules): void {
    this.times.updatedAt = this.#context.clock.now();
    this.times.watch(rules.autoDeleteMs);
    this.#intake.update(rules);
    this.transferDeadLetters.update();
  }

  close(error: BrokerError): void {
    this.times.stop();
    this.#intake.close(error);
    this.transferDeadLetters.close();
  }

  /** As `Queue.send`; room is asked for a copy in every subscription, whether its rules take the messages or not. */
  send(contents: readonly Content[]): number[] {
    this.#context.memory.check(this.room(contents), this.path);
    return this.#intake.send(contents);
  }

  /** As `Queue.check`. */
  check(contents: readonly Content[]): void {
    this.#intake.check(contents);
  }

  /** Bytes of the broker's memory that the messages may need: a copy in every subscription. */
  room(contents: readonly Content[]): number {
    return this.#intake.room(contents) * this.subscriptions.size;
  }

  forwarded(content: Content, how: Forwarded): void {
    this.#context.memory.check(this.room([content]), this.path);
    this.#intake.forwarded(content, how);
  }

  /** As `Queue.sendVia`. */
  sendVia(contents: readonly Content[], destination: string): number[] {
    return this.#intake.sendVia(contents, destination);
  }

  cancelScheduled(sequenceNumbers: readonly number[]): void {
    this.#intake.cancelScheduled(sequenceNumbers);
  }

  #publish(content: Content, sequenceNumber: number, how: Forwarded | undefined): void {
    const timeToLiveMs = Math.min(this.rules.timeToLiveMs, how?.timeToLiveMs ?? Number.POSITIVE_INFINITY);
    const onward = {
      enqueuedSequenceNumber: how?.enqueuedSequenceNumber ?? sequenceNumber,
      timeToLiveMs,
      hops: how?.hops ?? 0,
    };
    for (const subscription of this.subscriptions.values()) {
      if (subscription.takes(content)) {
        subscription.queue.receive(content, onward);
      }
    }
  }

  /** Whether anything holds on to the topic or one of its subscriptions, or waits for its time. */
  #busy(): boolean {
    const queues = [...this.subscriptions.values()].map(({ queue }) => queue);
    return this.attachments.size > 0 || this.scheduled > 0 || queues.some((queue) => isHeld(queue));
  }
}

import type { Attachments } from "./attachments.js";
import type { Content } from "./content.js";
import type { QueueContext } from "./context.js";
import { EntitySize } from "./entitySize.js";
import type { BrokerError } from "./errors.js";
import { isHeld, SubQueue, TRANSFER_DEAD_LETTER_QUEUE } from "./family.js";
import type { Forwarded, ForwardTarget } from "./forwarding.js";
import { Queue } from "./queue.js";
import type { QueueTotals } from "./queueOptions.js";
import { Rules } from "./rules.js";
import type { EntityRules } from "./settings.js";
import type { FilteredMessage } from "./sql/systemProperties.js";
import { EntityTimes } from "./times.js";

/** A queue fed by a topic, through rules: those without an action take a message once, each with one takes a copy. */
export class Subscription {
  readonly name: string;
  readonly queue: Queue;
  readonly rules: Rules;

  /** @param rulesChanged called after every change of its rules */
  constructor(name: string, queue: Queue, rulesChanged: () => void) {
    this.name = name;
    this.queue = queue;
    this.rules = new Rules(() => queue.clock.now(), rulesChanged);
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

  /** Where messages are checked, told from duplicates and kept until they are due, before its subscriptions get them. */
  get queue(): Queue {
    return this.#intake;
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

  /** Bytes of the broker's memory that the messages may need: every copy that a subscription's rules may make. */
  room(contents: readonly Content[]): number {
    let copies = 0;
    for (const { rules } of this.subscriptions.values()) {
      copies += rules.mostCopies;
    }
    return this.#intake.room(contents) * copies;
  }

  /** As `Queue.take`. */
  take(contents: readonly Content[]): number[] {
    return this.#intake.take(contents);
  }

  forwarded(content: Content, how: Forwarded): void {
    this.#context.memory.check(this.room([content]), this.path);
    this.#intake.forwarded(content, how);
  }

  /** As `Queue.sendVia`. */
  sendVia(contents: readonly Content[], destination: string): number[] {
    return this.#intake.sendVia(contents, destination);
  }

  checkVia(contents: readonly Content[]): void {
    this.#intake.checkVia(contents);
  }

  takeVia(contents: readonly Content[], destination: string): number[] {
    return this.#intake.takeVia(contents, destination);
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
    let seen: FilteredMessage | undefined;
    const message = (): FilteredMessage => {
      seen ??= { facts: content.facts(), enqueuedAt: this.#context.clock.now(), sequenceNumber };
      return seen;
    };
    for (const { queue, rules } of this.subscriptions.values()) {
      const { copies, failure } = rules.select(content, message);
      for (const copy of copies) {
        queue.receive(copy, onward);
      }
      if (failure !== undefined && queue.rules.deadLetterOnFilterErrors) {
        queue.receive(content, onward, failure);
      }
    }
  }

  /** Whether anything holds on to the topic or one of its subscriptions, or waits for its time. */
  #busy(): boolean {
    const queues = [...this.subscriptions.values()].map(({ queue }) => queue);
    return this.attachments.size > 0 || this.scheduled > 0 || queues.some((queue) => isHeld(queue));
  }
}

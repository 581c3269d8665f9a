import type { Clock } from "../../../stacks/local/broker/core/clock.js";
import type { Consumer, ConsumerSink, ReceiveMode } from "../../../stacks/local/broker/core/consumer.js";
import type { Content, MessageFacts } from "../../../stacks/local/broker/core/content.js";
import type { BrokerError } from "../../../stacks/local/broker/core/errors.js";
import type { Lock, StoredMessage } from "../../../stacks/local/broker/core/message.js";
import { Namespace } from "../../../stacks/local/broker/core/namespace.js";
import type { Queue } from "../../../stacks/local/broker/core/queue.js";
import type { SessionLock } from "../../../stacks/local/broker/core/sessions.js";
import type { SettledOutcome } from "../../../stacks/local/broker/core/settlement.js";
import type { SqlValue } from "../../../stacks/local/broker/core/sql/values.js";

/** Time that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  constructor(start = 1_000_000) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on, running what becomes due on the way, in order. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const next = [...this.#timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) {
        break;
      }
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = until;
  }
}

export interface ContentOptions {
  readonly sessionId?: string;
  readonly timeToLiveMs?: number;
  readonly scheduledAt?: number;
  readonly size?: number;
  readonly partitionKey?: string;
  /** Application properties it was rewritten with. */
  readonly set?: ReadonlyMap<string, SqlValue>;
  /** Where it was dead-lettered before it was passed on; told as its `to`, which nothing else uses here. */
  readonly deadLetterSource?: string;
  readonly facts?: Partial<MessageFacts>;
}

export function content(messageId: string, options: ContentOptions = {}): Content {
  return {
    messageId,
    size: options.size ?? 100,
    sessionId: options.sessionId,
    timeToLiveMs: options.timeToLiveMs,
    scheduledAt: options.scheduledAt,
    partitionKey: options.partitionKey,
    rewritten: (changes, deadLetterSource) =>
      content(messageId, {
        ...options,
        set: new Map([...(options.set ?? []), ...((changes ?? []) as Iterable<[string, SqlValue]>)]),
        ...(deadLetterSource === undefined ? {} : { deadLetterSource }),
      }),
    edited: ({ system, properties }) => {
      const before = new Map(content(messageId, options).facts().properties);
      for (const [name, value] of properties) {
        value === undefined ? before.delete(name) : before.set(name, value);
      }
      const facts = { ...options.facts, ...Object.fromEntries(system), properties: before };
      return content(messageId, { ...options, facts });
    },
    facts: () => ({
      messageId,
      correlationId: undefined,
      to: options.deadLetterSource,
      replyTo: undefined,
      subject: undefined,
      sessionId: options.sessionId,
      replyToSessionId: undefined,
      contentType: undefined,
      partitionKey: options.partitionKey,
      viaPartitionKey: undefined,
      timeToLiveMs: options.timeToLiveMs,
      scheduledAt: options.scheduledAt,
      size: options.size ?? 100,
      properties: options.set ?? new Map(),
      ...options.facts,
    }),
  };
}

/** A receiver that writes down what it gets. */
export class Recorder implements ConsumerSink {
  readonly received: { readonly message: StoredMessage; readonly lock: Lock | undefined }[] = [];
  detached: BrokerError | undefined;

  deliver(message: StoredMessage, lock: Lock | undefined): boolean {
    this.received.push({ message, lock });
    return true;
  }

  detach(error: BrokerError): void {
    this.detached = error;
  }

  get ids(): string[] {
    return this.received.map(({ message }) => message.content.messageId);
  }

  /** The lock of the n-th delivery. */
  lock(index: number): Lock {
    const lock = this.received[index]?.lock;
    if (lock === undefined) {
      throw new Error(`There is no lock of delivery ${index}: ${this.received.length} were made.`);
    }
    return lock;
  }
}

export interface SettledRecord {
  readonly path: string;
  readonly messageId: string;
  readonly outcome: SettledOutcome;
  readonly deliveryCount: number;
}

/** A namespace on a clock that stands still, and what it reports. */
export function bench(maxBytes = 1_000_000): {
  readonly clock: FakeClock;
  readonly namespace: Namespace;
  readonly settled: SettledRecord[];
  queue(address: string): Queue;
} {
  const clock = new FakeClock();
  const settled: SettledRecord[] = [];
  const namespace = new Namespace({
    clock,
    maxBytes,
    settled: (path, message, outcome) => {
      settled.push({ path, messageId: message.content.messageId, outcome, deliveryCount: message.deliveryCount });
    },
  });
  return { clock, namespace, settled, queue: (address) => queueAt(namespace, address) };
}

export function queueAt(namespace: Namespace, address: string): Queue {
  const entity = namespace.find(address);
  if (entity === undefined || entity.kind === "topic") {
    throw new Error(`'${address}' is no queue.`);
  }
  return entity.queue;
}

/** Opens a receiver with credit. */
export function receive(
  queue: Queue,
  credit: number,
  mode: ReceiveMode = "peekLock",
  session?: SessionLock,
): { readonly sink: Recorder; readonly consumer: Consumer } {
  const sink = new Recorder();
  const consumer = queue.open(sink, mode, session);
  consumer.setCredit(credit);
  return { sink, consumer };
}

/** The code of the refusal that something throws. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
  return "nothing was thrown";
}

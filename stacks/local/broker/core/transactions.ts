import type { Clock } from "./clock.js";
import type { Content } from "./content.js";
import type { Deadline, Deadlines } from "./deadlines.js";
import { BrokerError, BrokerErrorCode } from "./errors.js";
import type { MemoryLedger } from "./memory.js";
import type { Lock } from "./message.js";
import type { Queue } from "./queue.js";
import type { Settlement } from "./settlement.js";

/** Messages that may be sent and settled in one transaction: the service's own limit. */
export const MOST_MESSAGES = 100;
/** How long a transaction may stay open: the service's own limit. */
export const LIFETIME_MS = 120_000;
/** Open transactions of one connection. */
const MOST_OPEN = 1_000;

/** Where messages are sent to. `take` does what `check`, and the memory for `room`, have allowed, and refuses nothing. */
export interface TransactionTarget {
  readonly path: string;
  check(contents: readonly Content[]): void;
  room(contents: readonly Content[]): number;
  take(contents: readonly Content[]): number[];
}

/** What a transaction needs of its broker. */
export interface TransactionContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly memory: MemoryLedger;
}

/** How an operation takes part: at which entity, and whether it may be another than that of the first operation. */
export interface Part {
  /** A queue or topic; a subscription's is its topic, and a dead-letter queue's is that it belongs to. */
  readonly entity: string;
  /** The client coordinates over entities: the first is the one that others are sent to from. */
  readonly acrossEntities: boolean;
}

type Operation =
  | { readonly kind: "send"; readonly target: TransactionTarget; readonly contents: readonly Content[] }
  | { readonly kind: "settle"; readonly queue: Queue; readonly lock: Lock; readonly settlement: Settlement };

function rolledBack(why: string): BrokerError {
  return new BrokerError(BrokerErrorCode.TransactionRolledBack, `The transaction was rolled back: ${why}`);
}

/**
 * Messages sent and settled as one: nothing of it shows before it is committed, and then all of it. A message settled
 * in it stays locked until then; where its lock is lost meanwhile, the transaction can only be rolled back.
 */
export class Transaction implements Deadline {
  deadlineAt = 0;
  deadlineSlot = -1;
  readonly #context: TransactionContext;
  readonly #ended: (transaction: Transaction, timedOut: boolean) => void;
  #operations: Operation[] = [];
  #messages = 0;
  /** Bytes counted for contents that are held until the commit. */
  #held = 0;
  #entity: string | undefined;

  constructor(context: TransactionContext, ended: (transaction: Transaction, timedOut: boolean) => void) {
    this.#context = context;
    this.#ended = ended;
    context.deadlines.set(this, context.clock.now() + LIFETIME_MS);
  }

  /** Sends with the commit. Refused at once as the send itself would be; that leaves the transaction as it was. */
  send(target: TransactionTarget, contents: readonly Content[], part: Part): void {
    this.#checkPart(part, "send");
    this.#checkCount(contents.length);
    target.check(contents);
    const held = target.room(contents);
    this.#context.memory.check(held, target.path);
    this.#join(part, contents.length);
    this.#context.memory.take(held);
    this.#held += held;
    this.#operations.push({ kind: "send", target, contents });
  }

  /** Settles with the commit. Refused at once where the lock is lost or settled in a transaction already. */
  settle(queue: Queue, lock: Lock, settlement: Settlement, part: Part): void {
    this.#checkPart(part, "settle");
    this.#checkCount(1);
    queue.checkSettle(lock, settlement);
    this.#join(part, 1);
    lock.enlistedIn = this;
    this.#operations.push({ kind: "settle", queue, lock, settlement });
  }

  /**
   * Does all of it, or nothing.
   * @throws BrokerError TransactionRolledBack where a lock is lost, or an entity takes a message no more.
   */
  commit(): void {
    const operations = this.#end(false);
    try {
      this.#checkAll(operations);
    } catch (error) {
      throw error instanceof BrokerError ? rolledBack(error.message) : error;
    }
    for (const operation of operations) {
      if (operation.kind === "send") {
        operation.target.take(operation.contents);
      } else {
        operation.queue.settle(operation.lock, operation.settlement);
      }
    }
  }

  /** Forgets all of it. Messages that were settled in it are locked as before, until they are settled or that ends. */
  rollback(): void {
    this.#end(false);
  }

  /** Its time is over. */
  due(): void {
    this.#end(true);
  }

  #checkCount(more: number): void {
    if (this.#messages + more > MOST_MESSAGES) {
      throw new BrokerError(
        BrokerErrorCode.QuotaExceeded,
        `A transaction holds at most ${MOST_MESSAGES} messages: it has ${this.#messages}, and ${more} more came.`,
      );
    }
  }

  #checkPart({ entity, acrossEntities }: Part, kind: Operation["kind"]): void {
    const first = this.#entity;
    if (first === undefined || first === entity || (acrossEntities && kind === "send")) {
      return;
    }
    throw new BrokerError(
      BrokerErrorCode.NotAllowed,
      acrossEntities
        ? `The transaction began at '${first}': messages of '${entity}' cannot be settled in it, only sent to.`
        : `The transaction began at '${first}' and cannot span '${entity}': enable transactions across entities in the client, or send via '${first}'.`,
    );
  }

  #join({ entity }: Part, messages: number): void {
    this.#entity ??= entity;
    this.#messages += messages;
  }

  #checkAll(operations: readonly Operation[]): void {
    const sent = new Map<TransactionTarget, Content[]>();
    for (const operation of operations) {
      if (operation.kind === "settle") {
        operation.queue.checkSettle(operation.lock, operation.settlement);
      } else {
        const contents = sent.get(operation.target);
        if (contents === undefined) {
          sent.set(operation.target, [...operation.contents]);
        } else {
          contents.push(...operation.contents);
        }
      }
    }
    let room = 0;
    for (const [target, contents] of sent) {
      target.check(contents);
      room += target.room(contents);
      this.#context.memory.check(room, target.path);
    }
  }

  /** Frees what it held; gives what was to be done. */
  #end(timedOut: boolean): Operation[] {
    const operations = this.#operations;
    this.#operations = [];
    this.#context.deadlines.clear(this);
    this.#context.memory.release(this.#held);
    this.#held = 0;
    for (const operation of operations) {
      if (operation.kind === "settle") {
        operation.lock.enlistedIn = undefined;
      }
    }
    this.#ended(this, timedOut);
    return operations;
  }
}

/** Transactions of one connection, by the ids the client is told. */
export class Transactions {
  readonly #context: TransactionContext;
  readonly #open = new Map<string, Transaction>();
  /** Ids of those whose time ended, so that their client is told that; the oldest are forgotten. */
  readonly #timedOut = new Set<string>();

  constructor(context: TransactionContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @param ended called once it is over, however that came. */
  declare(id: string, ended: () => void): Transaction {
    if (this.#open.size >= MOST_OPEN) {
      throw new BrokerError(
        BrokerErrorCode.QuotaExceeded,
        `A connection has at most ${MOST_OPEN} open transactions: discharge some.`,
      );
    }
    const transaction = new Transaction(this.#context, (_, timedOut) => {
      this.#open.delete(id);
      if (timedOut) {
        this.#remember(id);
      }
      ended();
    });
    this.#open.set(id, transaction);
    return transaction;
  }

  /** @throws BrokerError TransactionTimedOut or TransactionUnknown */
  find(id: string): Transaction {
    const transaction = this.#open.get(id);
    if (transaction !== undefined) {
      return transaction;
    }
    if (this.#timedOut.has(id)) {
      throw new BrokerError(
        BrokerErrorCode.TransactionTimedOut,
        `The transaction was rolled back: it was open for more than ${LIFETIME_MS / 1_000} seconds.`,
      );
    }
    throw new BrokerError(
      BrokerErrorCode.TransactionUnknown,
      "The transaction has not been declared on this connection, or has already been discharged.",
    );
  }

  #remember(id: string): void {
    this.#timedOut.add(id);
    for (const oldest of this.#timedOut) {
      if (this.#timedOut.size <= MOST_OPEN) {
        break;
      }
      this.#timedOut.delete(oldest);
    }
  }
}

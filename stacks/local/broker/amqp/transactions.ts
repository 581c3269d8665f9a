import { randomBytes } from "node:crypto";
import { type Receiver, type Session, types } from "rhea";
import type { Typed } from "rhea/typings/types";
import { type Part, type Transaction, type TransactionContext, Transactions } from "../core/transactions.js";
import { Code, Cursor, Section, undecodable } from "./codec.js";
import { asBrokerError, conditionOf } from "./conditions.js";
import type { AttachFrame, TransferFrame } from "./internals.js";
import type { Arrived, LinkHandler } from "./links.js";
import type { IncomingDelivery, Receipts } from "./receipts.js";

// Transactions as AMQP 1.0 has them (OASIS, part 4): a link to the coordinator on which they are declared and
// discharged, and a state of transfers and dispositions that names one.

const COORDINATOR = 0x30;
const DECLARE = 0x31;
const DISCHARGE = 0x32;
const DECLARED = 0x33;
const TRANSACTIONAL = 0x34;
const ACCEPTED = 0x24;

const BY_NAME: ReadonlyMap<unknown, number> = new Map([
  ["amqp:coordinator:list", COORDINATOR],
  ["amqp:declare:list", DECLARE],
  ["amqp:discharge:list", DISCHARGE],
  ["amqp:transactional-state:list", TRANSACTIONAL],
]);

/** The place of the state among the fields of a transfer. */
const TRANSFER_STATE = 7;
/** Bytes of a transaction's id. */
const ID_LENGTH = 16;
const CAPABILITIES = ["amqp:local-transactions", "amqp:multi-txns-per-ssn"];

function inside(typed: unknown): unknown {
  return typeof typed === "object" && typed !== null && "value" in typed ? typed.value : undefined;
}

function codeOf(typed: unknown): number | undefined {
  const descriptor =
    typeof typed === "object" && typed !== null && "descriptor" in typed ? inside(typed.descriptor) : undefined;
  return typeof descriptor === "number" ? descriptor : BY_NAME.get(descriptor);
}

/** What a transfer or a disposition says of its part in a transaction. */
export interface TransactionalState {
  readonly id: Buffer;
  /** What is to become of a delivery; absent for a transfer. */
  readonly outcome: Typed | undefined;
}

function isTyped(value: unknown): value is Typed {
  return typeof value === "object" && value !== null && "type" in value && "value" in value;
}

/** The transaction that a state names; undefined where it names none. */
export function transactionalState(state: unknown): TransactionalState | undefined {
  if (codeOf(state) !== TRANSACTIONAL) {
    return undefined;
  }
  const fields = inside(state);
  const [id, outcome]: unknown[] = Array.isArray(fields) ? fields : [];
  const bytes = inside(id);
  return {
    id: Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0),
    outcome: isTyped(outcome) && outcome.descriptor !== undefined ? outcome : undefined,
  };
}

/** An id of up to 255 bytes as encoded binary. */
function binary(id: Buffer): Buffer {
  return Buffer.concat([Buffer.from([Code.Binary8, id.length]), id]);
}

function described(descriptor: number, count: number, fields: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([Code.Described, Code.SmallUlong, descriptor, Code.List8, fields.length + 1, count]),
    fields,
  ]);
}

/** The encoded state of what was taken into a transaction. */
export function acceptedInTransaction(id: Buffer): Buffer {
  const accepted = Buffer.from([Code.Described, Code.SmallUlong, ACCEPTED, Code.List0]);
  return described(TRANSACTIONAL, 2, Buffer.concat([binary(id), accepted]));
}

/** A transaction, and how an operation on a link takes part in it. */
export interface Enlistment {
  readonly transaction: Transaction;
  readonly part: Part;
}

/** The transactions of one connection, and where each was declared. */
export class ConnectionTransactions {
  readonly #transactions: Transactions;
  readonly #sessions = new Map<string, Session>();

  constructor(context: TransactionContext) {
    this.#transactions = new Transactions(context);
  }

  /** @param ended called once it is over, however that came. */
  declare(session: Session, ended: (transaction: Transaction) => void): { id: Buffer; transaction: Transaction } {
    const id = randomBytes(ID_LENGTH);
    const key = id.toString("hex");
    const transaction = this.#transactions.declare(key, () => {
      this.#sessions.delete(key);
      ended(transaction);
    });
    this.#sessions.set(key, session);
    return { id, transaction };
  }

  find(id: Buffer): Transaction {
    return this.#transactions.find(id.toString("hex"));
  }

  /**
   * Takes part in the transaction of that id.
   * @param entity the queue or topic at which
   * @param session that of the link: clients that span entities have all links in the session of their coordinator
   */
  enlist(id: Buffer, entity: string, session: Session): Enlistment {
    const transaction = this.find(id);
    const acrossEntities = this.#sessions.get(id.toString("hex")) === session;
    return { transaction, part: { entity, acrossEntities } };
  }
}

/** The queue or topic to which an entity belongs: a subscription's topic, a dead-letter queue's queue. */
export function topEntityOf(path: string): string {
  return path.replace(/\/(?:Subscriptions\/|\$).*$/i, "").toLowerCase();
}

type Command =
  | { readonly kind: "declare" }
  | { readonly kind: "discharge"; readonly id: Buffer; readonly fail: boolean };

/** Reads what a coordinator is told: a message whose value is `declare` or `discharge`. */
function decodeCommand(encoded: Buffer): Command {
  const cursor = new Cursor(encoded);
  while (cursor.remaining > 0) {
    const section = cursor.section();
    if (section.code === Section.Value) {
      const value = new Cursor(encoded, section.value, section.end);
      if (value.byte() === Code.Described) {
        const symbolic = encoded[value.at] === Code.Symbol8;
        const code = symbolic ? BY_NAME.get(value.text()) : value.unsigned();
        if (code === DECLARE) {
          return { kind: "declare" };
        }
        if (code === DISCHARGE) {
          const { count } = value.list();
          const id = count > 0 ? value.binary() : undefined;
          return { kind: "discharge", id: id ?? Buffer.alloc(0), fail: count > 1 && value.boolean() === true };
        }
      }
    }
  }
  throw undecodable("a coordinator is sent a declare or a discharge");
}

/**
 * Lets through what `rhea` does not know of a session: links to the coordinator, and the state of a transfer, which it
 * would hand over without what says of what kind it is.
 */
export class Coordinators {
  readonly #names = new Set<string>();

  constructor(session: Session) {
    const onAttach = session.on_attach.bind(session);
    session.on_attach = (frame: AttachFrame) => {
      const { performative } = frame;
      if (performative.role !== true && codeOf(performative.target) === COORDINATOR) {
        this.#names.add(performative.name);
        performative.target = undefined;
      }
      onAttach(frame);
    };
    const onTransfer = session.on_transfer.bind(session);
    session.on_transfer = (frame: TransferFrame) => {
      const { performative } = frame;
      const state = performative.value[TRANSFER_STATE];
      if (isTyped(state) && state.descriptor !== undefined) {
        Object.defineProperty(performative, "state", { value: state });
      }
      onTransfer(frame);
    };
  }

  /** Whether a link that was just attached is to the coordinator. */
  take(link: Receiver): boolean {
    return this.#names.delete(link.name);
  }
}

/** A link on which a client declares and discharges its transactions. With it, those that are open end. */
export class CoordinatorLink implements LinkHandler {
  readonly #link: Receiver;
  readonly #receipts: Receipts;
  readonly #transactions: ConnectionTransactions;
  readonly #open = new Set<Transaction>();

  constructor(link: Receiver, receipts: Receipts, transactions: ConnectionTransactions) {
    this.#link = link;
    this.#receipts = receipts;
    this.#transactions = transactions;
    link.local.attach.target = types.wrap_described(
      [types.wrap_array(CAPABILITIES, Code.Symbol8, undefined)],
      COORDINATOR,
    );
    link.set_source({ address: link.source?.address });
  }

  message(delivery: IncomingDelivery, { encoded }: Arrived): void {
    try {
      const command = decodeCommand(encoded);
      if (command.kind === "declare") {
        const ended = (over: Transaction): void => {
          this.#open.delete(over);
        };
        const { id, transaction } = this.#transactions.declare(this.#link.session, ended);
        this.#open.add(transaction);
        this.#receipts.answer(delivery, described(DECLARED, 1, binary(id)));
        return;
      }
      const transaction = this.#transactions.find(command.id);
      if (command.fail) {
        transaction.rollback();
      } else {
        transaction.commit();
      }
      this.#receipts.accept(delivery);
    } catch (error) {
      this.#receipts.reject(delivery, conditionOf(asBrokerError(error)));
    }
  }

  closed(): void {
    for (const transaction of [...this.#open]) {
      transaction.rollback();
    }
  }
}

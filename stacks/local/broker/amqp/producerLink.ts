import type { Receiver } from "rhea";
import type { Attachment, Attachments } from "../core/attachments.js";
import type { Content } from "../core/content.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { EntityRules } from "../core/settings.js";
import type { TransactionTarget } from "../core/transactions.js";
import { asBrokerError, conditionOf } from "./conditions.js";
import { AmqpContent, splitBatch } from "./content.js";
import { type Arrived, closeWith, type LinkHandler } from "./links.js";
import type { IncomingDelivery, Receipts } from "./receipts.js";
import { acceptedInTransaction, type ConnectionTransactions, topEntityOf, transactionalState } from "./transactions.js";

/** The format of a message that holds others. */
export const BATCH_FORMAT = 0x8001_3700;
/** The format under which plain messages reach a handler; on the wire theirs is 0. */
export const RAW_FORMAT = 0xffff_fff0;

/** Where messages are sent to: a queue or a topic, or one of them on the way to another. */
export interface SendTarget extends TransactionTarget {
  readonly attachments: Attachments;
  readonly rules: EntityRules;
  send(contents: readonly Content[]): number[];
}

/** A link on which a client sends. */
export class ProducerLink implements LinkHandler, Attachment {
  readonly side = "send";
  readonly #link: Receiver;
  readonly #target: SendTarget;
  readonly #receipts: Receipts;
  /** Bytes of a delivery that this link takes: the entity's own bound, or the broker's. */
  readonly maxMessageBytes: number;
  readonly #transactions: ConnectionTransactions;
  #detached = false;

  constructor(
    link: Receiver,
    target: SendTarget,
    receipts: Receipts,
    options: { readonly maxMessageBytes: number; readonly transactions: ConnectionTransactions },
  ) {
    this.#link = link;
    this.#target = target;
    this.#receipts = receipts;
    this.maxMessageBytes = target.rules.maxMessageBytes ?? options.maxMessageBytes;
    this.#transactions = options.transactions;
    link.local.attach.max_message_size = this.maxMessageBytes;
    link.set_target({ address: link.target?.address });
    link.set_source({ address: link.source?.address });
    target.attachments.add(this);
  }

  message(delivery: IncomingDelivery, { encoded, format, size }: Arrived): void {
    // What was under way when the link was ended is neither kept nor answered: its client sends it again.
    if (this.#detached) {
      return;
    }
    try {
      if (size > this.maxMessageBytes) {
        throw new BrokerError(
          BrokerErrorCode.MessageTooLarge,
          `The received message (delivery-id:${delivery.id}, size:${size} bytes) exceeds the limit (${this.maxMessageBytes} bytes) currently allowed on the link.`,
        );
      }
      const contents = decode(encoded, format);
      const state = transactionalState(delivery.remote_state);
      if (state === undefined) {
        this.#target.send(contents);
        this.#receipts.accept(delivery);
      } else {
        const entity = topEntityOf(this.#target.path);
        const { transaction, part } = this.#transactions.enlist(state.id, entity, this.#link.session);
        transaction.send(this.#target, contents, part);
        this.#receipts.answer(delivery, acceptedInTransaction(state.id));
      }
    } catch (error) {
      this.#receipts.reject(delivery, conditionOf(asBrokerError(error)));
    }
  }

  detach(error: BrokerError): void {
    this.#detached = true;
    closeWith(this.#link, error);
  }

  closed(): void {
    this.#target.attachments.remove(this);
  }
}

function decode(encoded: Buffer, format: number): Content[] {
  switch (format) {
    case RAW_FORMAT:
      return [new AmqpContent(encoded)];
    case BATCH_FORMAT:
      return splitBatch(encoded);
    default:
      throw new BrokerError(
        BrokerErrorCode.NotImplemented,
        `The message format 0x${format.toString(16)} is not known: 0 and 0x80013700 are.`,
      );
  }
}

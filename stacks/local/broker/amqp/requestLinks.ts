import type { Receiver, Sender } from "rhea";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import { asBrokerError, conditionOf } from "./conditions.js";
import type { LinkHandler } from "./links.js";
import type { Receipts } from "./receipts.js";
import {
  type Answer,
  decodeRequest,
  encodeAnswer,
  ReplyLink,
  type Request,
  refusal,
  type StatusNames,
} from "./requests.js";
import { transactionalState } from "./transactions.js";
import type { Transfers } from "./transfers.js";

/** Bytes that a request may have beyond the largest message: it holds some, or many numbers. */
const REQUEST_ROOM = 1_024 * 1_024;

/** What is asked on a link. */
export interface RequestKind {
  readonly names: StatusNames;
  /** Bytes of the largest message that a request may hold; without it, the broker's bound holds for requests. */
  readonly largest?: number;
}

/** The links of one connection on which something is asked (`$cbs`, `$management`), and those for the answers. */
export class RequestLinks {
  readonly #replies = new Map<string, ReplyLink>();

  /** A link on which the client waits for answers. */
  reply(link: Sender, transfers: Transfers): LinkHandler {
    const reply = new ReplyLink(link, transfers);
    this.#replies.set(reply.address, reply);
    return reply;
  }

  /** A link is over; whatever it was. */
  closed(handler: LinkHandler | undefined): void {
    if (handler instanceof ReplyLink && this.#replies.get(handler.address) === handler) {
      this.#replies.delete(handler.address);
    }
  }

  /** The link that a request names for its answer. Microsoft's Python client names none, and has one of the same node. */
  #replyTo(request: Request, node: string): ReplyLink | undefined {
    return request.replyTo === undefined
      ? [...this.#replies.values()].find((reply) => reply.node === node)
      : this.#replies.get(request.replyTo);
  }

  /** A link whose requests are answered at once; what `answer` throws is the refusal. */
  answered(link: Receiver, receipts: Receipts, kind: RequestKind, answer: (request: Request) => Answer): LinkHandler {
    return this.taken(link, receipts, kind, (request, reply) => {
      let answered: Answer;
      try {
        answered = answer(request);
      } catch (error) {
        answered = refusal(error);
      }
      reply(answered);
    });
  }

  /** A link whose requests are answered whenever `reply` is called. */
  taken(
    link: Receiver,
    receipts: Receipts,
    { names, largest }: RequestKind,
    take: (request: Request, reply: (answer: Answer) => void) => void,
  ): LinkHandler {
    const node = link.target?.address ?? "";
    link.set_target({ address: node });
    link.set_source({ address: link.source?.address });
    const limit = largest === undefined ? undefined : largest + REQUEST_ROOM;
    return {
      ...(limit === undefined ? {} : { maxMessageBytes: limit }),
      message: (delivery, { encoded, size }) => {
        let request: Request;
        try {
          if (limit !== undefined && size > limit) {
            throw new BrokerError(
              BrokerErrorCode.MessageTooLarge,
              `The request has ${size} bytes, more than the ${limit} that are taken here.`,
            );
          }
          request = decodeRequest(encoded, transactionalState(delivery.remote_state)?.id);
        } catch (error) {
          // Nobody could be answered: it does not even say whom.
          receipts.reject(delivery, conditionOf(asBrokerError(error)));
          return;
        }
        receipts.accept(delivery);
        take(request, (answered) => this.#send(this.#replyTo(request, node), request, answered, names));
      },
      closed: () => {},
    };
  }

  #send(link: ReplyLink | undefined, request: Request, answer: Answer, names: StatusNames): void {
    let encoded: Buffer | undefined;
    try {
      encoded = encodeAnswer(request, answer, names);
    } catch {
      // Its id cannot be said back: nobody could tell what the answer is to.
    }
    if (encoded !== undefined) {
      link?.send(encoded);
    }
  }
}

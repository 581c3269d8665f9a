import { message as rheaMessage, type Sender, types } from "rhea";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import { asBrokerError, conditionOf, statusOf } from "./conditions.js";
import { checkMessage } from "./encoding.js";
import { isAnswered, type LinkHandler } from "./links.js";
import type { Transfers } from "./transfers.js";

/** Answers kept for a client that gives no credit for them; more are dropped, and its requests time out. */
const MOST_UNSENT = 1_000;
const NO_LOCK = Buffer.alloc(16);
const TRACKING_ID = "com.microsoft:tracking-id";

/** A decoded request. */
export interface Request {
  readonly operation: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** An object for a map. */
  readonly body: unknown;
  readonly replyTo: string | undefined;
  readonly messageId: unknown;
  /** The transaction that it is part of. */
  readonly transaction?: Buffer | undefined;
}

export interface Answer {
  readonly status: number;
  readonly description: string;
  readonly body?: unknown;
  readonly condition?: string;
}

/** The names under which an answer's status is told: `$cbs` and `$management` differ. */
export interface StatusNames {
  readonly code: string;
  readonly description: string;
  readonly condition: string;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** Decodes a request; throws if it is none. */
export function decodeRequest(encoded: Buffer, transaction?: Buffer): Request {
  let decoded: Readonly<Record<string, unknown>>;
  try {
    checkMessage(encoded);
    decoded = rheaMessage.decode(encoded);
  } catch (error) {
    throw new BrokerError(
      BrokerErrorCode.Undecodable,
      `The request cannot be decoded: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  const properties = record(decoded["application_properties"]);
  return {
    operation: String(properties["operation"] ?? ""),
    properties,
    body: decoded["body"],
    replyTo: typeof decoded["reply_to"] === "string" ? decoded["reply_to"] : undefined,
    messageId: decoded["message_id"],
    transaction,
  };
}

/** The answer to a request that was refused. */
export function refusal(error: unknown): Answer {
  const refused = asBrokerError(error);
  const { condition, description } = conditionOf(refused);
  return { status: statusOf(refused), description, condition };
}

/** What may be a message's id; some other value in its place cannot be repeated in an answer. */
function isMessageId(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || (Buffer.isBuffer(value) && value.length === 16);
}

export function encodeAnswer(request: Request, answer: Answer, names: StatusNames): Buffer {
  const tracking = request.properties[TRACKING_ID];
  return rheaMessage.encode({
    correlation_id: isMessageId(request.messageId) ? request.messageId : undefined,
    application_properties: {
      [names.code]: types.wrap_int(answer.status),
      [names.description]: answer.description,
      ...(answer.condition === undefined ? {} : { [names.condition]: types.wrap_symbol(answer.condition) }),
      ...(tracking === undefined ? {} : { [TRACKING_ID]: tracking }),
    },
    body: answer.body ?? null,
  });
}

/** A link on which a client waits for answers. */
export class ReplyLink implements LinkHandler {
  /** What requests name it by. */
  readonly address: string;
  /** The node whose answers come on it. */
  readonly node: string;
  readonly #link: Sender;
  readonly #transfers: Transfers;
  readonly #unsent: Buffer[] = [];
  active = true;

  constructor(link: Sender, transfers: Transfers) {
    this.#link = link;
    this.#transfers = transfers;
    this.address = link.target?.address ?? link.name;
    this.node = link.source?.address ?? "";
    link.set_source({ address: link.source?.address });
    link.set_target({ address: link.target?.address });
  }

  send(encoded: Buffer): void {
    this.active = true;
    if (this.#unsent.length < MOST_UNSENT) {
      this.#unsent.push(encoded);
      this.flow();
    }
  }

  flow(): void {
    if (!isAnswered(this.#link)) {
      if (this.#link.is_open()) {
        // Not the next tick: were the answer never to leave, ticks would run for ever and nothing else.
        setImmediate(() => this.flow());
      }
      return;
    }
    while (this.#link.credit > 0) {
      const next = this.#unsent.shift();
      if (next === undefined) {
        return;
      }
      this.#transfers.send(this.#link, NO_LOCK, next);
    }
  }

  closed(): void {
    this.#unsent.length = 0;
  }
}

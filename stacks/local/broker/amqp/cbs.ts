import { AccessRight } from "../core/access.js";
import { type AccessGuard, claimant } from "../core/accessGuard.js";
import { parseAudience } from "../core/audience.js";
import { BrokerError, BrokerErrorCode, entityNotFound } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";
import { asBrokerError } from "./conditions.js";
import { ANY_RIGHT, type ConnectionAccess } from "./connectionAccess.js";
import { type Answer, type Request, refusal, type StatusNames } from "./requests.js";

/** The address of claims-based security. */
export const CBS = "$cbs";
const PUT_TOKEN = "put-token";
const MANAGEMENT_SUFFIX = /\/\$management$/i;
/** The condition that the service gives with every token it does not believe. */
const AUTH_FAILED = "com.microsoft:auth-failed";
/** A host and the longest address of an entity are shorter, encoded too. */
const LONGEST_AUDIENCE = 2_048;
/** Tokens of one connection that may wait to be looked at; more are refused. */
const MOST_WAITING = 1_000;

export const CBS_STATUS: StatusNames = {
  code: "status-code",
  description: "status-description",
  condition: "error-condition",
};

export interface CbsContext {
  readonly guard: AccessGuard;
  readonly access: ConnectionAccess;
  readonly namespace: Namespace;
}

function tokenIn(body: unknown): string {
  return Buffer.isBuffer(body) ? body.toString() : typeof body === "string" ? body : "";
}

/**
 * Takes a token, or refuses it. An audience that names nothing is refused as the service refuses it, which is how
 * clients learn of a missing entity; but only to those who have a right there: nobody else can probe for names.
 */
async function putToken(request: Request, { guard, access, namespace }: CbsContext): Promise<Answer> {
  if (request.operation !== PUT_TOKEN) {
    throw new BrokerError(
      BrokerErrorCode.NotImplemented,
      `$cbs knows ${PUT_TOKEN}, it was asked for '${request.operation}'.`,
    );
  }
  const name = String(request.properties["name"] ?? "");
  const kind = String(request.properties["type"] ?? "");
  const token = tokenIn(request.body);
  if (name.length > LONGEST_AUDIENCE) {
    throw new BrokerError(
      BrokerErrorCode.InvalidArgument,
      `An audience of ${name.length} characters names nothing: at most ${LONGEST_AUDIENCE} are looked at.`,
    );
  }
  const audience = parseAudience(name);
  const found = namespace.find(audience.entity);
  const entity = found?.path ?? audience.entity;
  let who = claimant(kind, token);
  try {
    const principal = await guard.identify(kind, token, { ...audience, entity });
    who = principal.name;
    if (entity !== "" && found === undefined) {
      if (guard.enforced && !guard.allowsAny(principal, entity, ANY_RIGHT)) {
        access.refuse({ entity, rights: [AccessRight.Send, AccessRight.Listen] });
      }
      throw entityNotFound(name.replace(MANAGEMENT_SUFFIX, ""));
    }
    access.grant(entity, principal);
    guard.log({ action: "put-token", outcome: "allowed", who, entity });
    return { status: 202, description: "Accepted" };
  } catch (error) {
    const refused = asBrokerError(error);
    guard.log({
      action: "put-token",
      outcome: "refused",
      ...(who === undefined ? {} : { who }),
      entity,
      reason: refused.message,
    });
    throw refused;
  }
}

/** Answers `$cbs` requests of one connection, one after another: a token may take its time, order is kept. */
export class TokenQueue {
  readonly #context: CbsContext;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #closed = false;

  constructor(context: CbsContext) {
    this.#context = context;
  }

  answer(request: Request, reply: (answer: Answer) => void): void {
    if (this.#waiting >= MOST_WAITING) {
      const busy = new BrokerError(
        BrokerErrorCode.ServiceBusy,
        `${MOST_WAITING} tokens of this connection wait to be looked at already.`,
      );
      reply(refusal(busy));
      return;
    }
    this.#waiting++;
    const turn = async (): Promise<void> => {
      this.#waiting--;
      const answer = this.#closed ? undefined : await putToken(request, this.#context).catch(refusedToken);
      if (answer !== undefined && !this.#closed) {
        reply(answer);
      }
    };
    // One that cannot be answered costs itself, not those behind it.
    this.#last = this.#last.then(turn).catch(() => {});
  }

  /** The connection is over: what still waits is not looked at. */
  close(): void {
    this.#closed = true;
  }
}

function refusedToken(error: unknown): Answer {
  const answer = refusal(error);
  return answer.status === 401 ? { ...answer, condition: AUTH_FAILED } : answer;
}

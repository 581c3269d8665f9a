import { AccessRight, type Principal } from "../core/access.js";
import type { AccessGuard } from "../core/accessGuard.js";
import type { Deadline, Deadlines } from "../core/deadlines.js";
import { BrokerError, BrokerErrorCode, unauthorized } from "../core/errors.js";

/** Audiences for which one connection may hold a token. */
const MOST_GRANTS = 5_000;
/** Where anything that may be done at an entity is enough. */
export const ANY_RIGHT: readonly AccessRight[] = Object.values(AccessRight);

/** The operations of `$management` that send; all others are a receiver's, those on rules too, as in the service. */
const SENDING: ReadonlySet<string> = new Set([
  "com.microsoft:schedule-message",
  "com.microsoft:cancel-scheduled-message",
]);

/** The right that an operation of `$management` needs. */
export function rightOf(operation: string): AccessRight {
  return SENDING.has(operation) ? AccessRight.Send : AccessRight.Listen;
}

/** What a link needs, any one of several rights: fixed when it is attached. */
export interface Need {
  /** Path of the entity; empty for the namespace, undefined where any token of the connection will do. */
  readonly entity: string | undefined;
  readonly rights: readonly AccessRight[];
}

/** A token that was believed, and what it was put for: an entity's path, empty for the namespace. */
interface Grant {
  readonly principal: Principal;
  readonly audience: string;
}

/** A link that was let in. */
export interface GuardedLink {
  readonly name: string;
  readonly need: Need;
  end(error: BrokerError): void;
}

function spelled(rights: readonly AccessRight[]): string {
  return rights.map((right) => `${right.slice(0, 1).toUpperCase()}${right.slice(1)}`).join(",");
}

/** The tokens of one connection, and the links that live on them. */
export class ConnectionAccess implements Deadline {
  deadlineAt = 0;
  deadlineSlot = -1;
  readonly #guard: AccessGuard;
  readonly #deadlines: Deadlines;
  /** The host that the client calls us by. */
  readonly #host: () => string;
  /** By audience in lower case: a new token for the same takes the place of the old. */
  readonly #grants = new Map<string, Grant>();
  readonly #links = new Set<GuardedLink>();
  readonly #unwatch: () => void;
  #closed = false;

  constructor(guard: AccessGuard, deadlines: Deadlines, host: () => string) {
    this.#guard = guard;
    this.#deadlines = deadlines;
    this.#host = host;
    this.#unwatch = guard.watch(this);
  }

  get enforced(): boolean {
    return this.#guard.enforced;
  }

  /** Whether anybody has said who they are, in a way that was believed. */
  get anyone(): boolean {
    return this.#grants.size > 0;
  }

  /** Takes a token that was believed. */
  grant(audience: string, principal: Principal): void {
    if (this.#closed) {
      return;
    }
    const key = audience.toLowerCase();
    if (this.#grants.size >= MOST_GRANTS && !this.#grants.has(key)) {
      throw new BrokerError(
        BrokerErrorCode.QuotaExceeded,
        `A connection holds tokens for at most ${MOST_GRANTS} audiences.`,
      );
    }
    this.#grants.set(key, { principal, audience });
    this.#arm();
  }

  /**
   * Lets somebody do something, or not.
   * @returns who it is; undefined where nobody is asked.
   * @throws BrokerError UnauthorizedAccess
   */
  require(need: Need): Principal | undefined {
    if (!this.#guard.enforced) {
      return this.#reaching(need)[0]?.principal;
    }
    const allowed = this.#allowed(need);
    if (allowed === undefined) {
      throw this.#refusal(need);
    }
    return allowed;
  }

  /** @throws BrokerError UnauthorizedAccess, as `require` does. */
  refuse(need: Need): never {
    throw this.#refusal(need);
  }

  /** Who would be refused: for the log. */
  claimant(need: Need): string | undefined {
    return this.#reaching(need)[0]?.principal.name;
  }

  /** Writes down an attach, allowed or refused. */
  logAttach(need: Need, who: string | undefined, refused: BrokerError | undefined): void {
    const [right] = need.rights;
    this.#guard.log({
      action: "attach",
      outcome: refused === undefined ? "allowed" : "refused",
      ...(who === undefined ? {} : { who }),
      ...(need.rights.length === 1 && right !== undefined ? { right } : {}),
      entity: need.entity ?? "",
      ...(refused === undefined ? {} : { reason: refused.message }),
    });
  }

  /** Keeps a link under watch. @returns what ends that */
  admit(link: GuardedLink): () => void {
    this.#links.add(link);
    return () => this.#links.delete(link);
  }

  /** Ends every link whose right is gone, whether taken away or run out. */
  recheck(): void {
    for (const link of this.#links) {
      if (this.#allowed(link.need) === undefined) {
        this.#links.delete(link);
        this.#endLink(link);
      }
    }
  }

  /** The first of the tokens is over. */
  due(now: number): void {
    this.recheck();
    for (const [key, { principal }] of this.#grants) {
      if (principal.expiresAt <= now) {
        this.#grants.delete(key);
      }
    }
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#unwatch();
    this.#deadlines.clear(this);
    this.#links.clear();
    this.#grants.clear();
  }

  /** The grants that reach what is needed, the nearest first. */
  #reaching({ entity }: Need): Grant[] {
    if (entity === undefined) {
      return [...this.#grants.values()];
    }
    const found: Grant[] = [];
    for (let path = entity.toLowerCase(); ; path = path.slice(0, Math.max(0, path.lastIndexOf("/")))) {
      const grant = this.#grants.get(path);
      if (grant !== undefined) {
        found.push(grant);
      }
      if (path === "") {
        return found;
      }
    }
  }

  #allowed({ entity, rights }: Need): Principal | undefined {
    return this.#reaching({ entity, rights }).find(({ principal, audience }) =>
      this.#guard.allowsAny(principal, entity ?? audience, rights),
    )?.principal;
  }

  #refusal(need: Need): BrokerError {
    const entity = need.entity ?? "";
    return unauthorized(spelled(need.rights), `sb://${this.#host()}/${entity}`.toLowerCase(), this.#guard.trail());
  }

  #endLink(link: GuardedLink): void {
    const { need, name } = link;
    const reaching = this.#reaching(need);
    const now = this.#guard.now();
    const expired = reaching.length > 0 && reaching.every(({ principal }) => principal.expiresAt <= now);
    const who = reaching[0]?.principal.name;
    const refusal = this.#refusal(need);
    const error = expired
      ? new BrokerError(
          BrokerErrorCode.DetachForced,
          `The link '${name}' is force detached. Code: RenewToken. Details: ${refusal.message}`,
        )
      : refusal;
    this.#guard.log({
      action: expired ? "expired" : "revoked",
      outcome: "refused",
      ...(who === undefined ? {} : { who }),
      ...(need.rights.length === 1 && need.rights[0] !== undefined ? { right: need.rights[0] } : {}),
      entity: need.entity ?? "",
      reason: expired ? "The token's time is over, and no new one was put." : "The right was taken away.",
    });
    link.end(error);
  }

  #arm(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const { principal } of this.#grants.values()) {
      first = Math.min(first, principal.expiresAt);
    }
    if (first === Number.POSITIVE_INFINITY) {
      this.#deadlines.clear(this);
    } else {
      this.#deadlines.set(this, first);
    }
  }
}

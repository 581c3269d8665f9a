import { randomUUID } from "node:crypto";
import type { AccessControl, AccessEvent, AccessRight, Principal } from "./access.js";
import type { Audience } from "./audience.js";
import type { Clock } from "./clock.js";
import type { Deadline, Deadlines } from "./deadlines.js";
import { BrokerError, BrokerErrorCode, expiredToken } from "./errors.js";
import { tell } from "./listeners.js";
import { claimedPolicy, SharedAccessPolicies } from "./sharedAccess.js";

/** The kinds of token that clients put, by the names they have on the wire. */
export const TokenKind = {
  Jwt: "jwt",
  SharedAccess: "servicebus.windows.net:sastoken",
} as const;
export type TokenKind = (typeof TokenKind)[keyof typeof TokenKind];

/** How often rights are asked for again while somebody is connected: a right that ends with time is noticed by then. */
const RECHECK_MS = 2_000;
/** Longer ones are no tokens; a JWT with many groups has some 10,000 characters. */
const LONGEST_TOKEN = 65_536;
/** Characters of a name or a path that are written down: a peer says them as long as it likes. */
const LONGEST_LOGGED = 512;
/** How long a token may be looked at. */
const IDENTIFY_MS = 20_000;

/** A connection, as far as rights are concerned: it is told to look at its links again. */
export interface Watcher {
  recheck(): void;
}

export interface GuardOptions {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Without it everything is allowed. */
  readonly access?: AccessControl;
  readonly disableLocalAuth: boolean;
  readonly log?: (event: AccessEvent) => void;
}

/** Who is there, what they may do, and what is written down about it: one for a broker, for AMQP and administration. */
export class AccessGuard implements Deadline {
  deadlineAt = 0;
  deadlineSlot = -1;
  readonly policies = new SharedAccessPolicies();
  disableLocalAuth: boolean;
  readonly #options: GuardOptions;
  readonly #watchers = new Set<Watcher>();

  constructor(options: GuardOptions) {
    this.#options = options;
    this.disableLocalAuth = options.disableLocalAuth;
  }

  /** Whether rights are looked at. Where not, any token and none will do. */
  get enforced(): boolean {
    return this.#options.access !== undefined;
  }

  now(): number {
    return this.#options.clock.now();
  }

  /**
   * Whom a token speaks for.
   * @throws BrokerError UnauthorizedAccess, ExpiredToken, InvalidArgument for a kind that is not known, Timeout
   */
  async identify(kind: string, token: string, audience: Audience): Promise<Principal> {
    const { access, clock } = this.#options;
    if (access === undefined) {
      const who = claimant(kind, token) ?? "anyone";
      return { id: who, name: who, expiresAt: Number.POSITIVE_INFINITY };
    }
    if (token.length > LONGEST_TOKEN) {
      throw new BrokerError(
        BrokerErrorCode.UnauthorizedAccess,
        `InvalidToken: ${token.length} characters are too many: a token has at most ${LONGEST_TOKEN}.`,
      );
    }
    switch (kind) {
      case TokenKind.SharedAccess:
        if (this.disableLocalAuth) {
          throw localAuthDisabled();
        }
        return this.policies.verify(token, audience, clock.now());
      case TokenKind.Jwt: {
        const principal = await this.#inTime(access.identify(token, clock.now()));
        if (!(principal.expiresAt > clock.now())) {
          throw expiredToken(principal.expiresAt);
        }
        return principal;
      }
      default:
        throw new BrokerError(
          BrokerErrorCode.InvalidArgument,
          `Tokens of type '${kind}' are not known: ${Object.values(TokenKind).join(" and ")} are.`,
        );
    }
  }

  /** Whom the name and key of a shared access policy speak for. */
  login(name: string, key: string): Principal | undefined {
    if (!this.enforced) {
      return { id: name, name, expiresAt: Number.POSITIVE_INFINITY };
    }
    return this.disableLocalAuth ? undefined : this.policies.login(name, key);
  }

  /** Whether a principal may do something now; one whose time is over may not. */
  allows(principal: Principal, entity: string, right: AccessRight): boolean {
    const { access, clock } = this.#options;
    if (access === undefined) {
      return true;
    }
    if (principal.expiresAt <= clock.now()) {
      return false;
    }
    if (principal.sharedAccess === undefined) {
      return access.allows(principal, entity, right);
    }
    return !this.disableLocalAuth && this.policies.allows(principal, entity, right);
  }

  /** Whether a principal may do anything at all at an entity. */
  allowsAny(principal: Principal, entity: string, rights: readonly AccessRight[]): boolean {
    return rights.some((right) => this.allows(principal, entity, right));
  }

  /** Writes a line of the access log. */
  log(event: Omit<AccessEvent, "at">): void {
    const { who, entity, ...more } = event;
    const logged: AccessEvent = {
      at: this.#options.clock.now(),
      ...more,
      ...(who === undefined ? {} : { who: who.slice(0, LONGEST_LOGGED) }),
      entity: entity.slice(0, LONGEST_LOGGED),
    };
    tell(() => this.#options.log?.(logged));
  }

  /** What ends a refusal's text, as the service ends it: for finding it again. */
  trail(): string {
    const time = new Date(this.#options.clock.now()).toISOString().slice(0, 19);
    return `TrackingId:${randomUUID()}, SystemTracker:stowage-broker, Timestamp:${time}`;
  }

  /** Looks at every open link again, now. */
  accessChanged(): void {
    for (const watcher of [...this.#watchers]) {
      watcher.recheck();
    }
  }

  /** Has a connection told whenever rights may have changed, until what is returned is called. */
  watch(watcher: Watcher): () => void {
    if (!this.enforced) {
      return () => {};
    }
    this.#watchers.add(watcher);
    this.#arm();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) {
        this.#options.deadlines.clear(this);
      }
    };
  }

  due(): void {
    this.accessChanged();
    if (this.#watchers.size > 0) {
      this.#arm();
    }
  }

  #arm(): void {
    if (this.deadlineSlot < 0) {
      this.#options.deadlines.set(this, this.#options.clock.now() + RECHECK_MS);
    }
  }

  /** A token's issuer that does not answer must not hold up the connection for ever. */
  #inTime(identified: Promise<Principal>): Promise<Principal> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(IDENTIFY_MS, () =>
        reject(
          new BrokerError(BrokerErrorCode.Timeout, `The token could not be looked at within ${IDENTIFY_MS / 1_000} s.`),
        ),
      );
      identified.then(resolve, reject).finally(cancel);
    });
  }
}

/** What the service says to a shared access key where local authentication is off. */
function localAuthDisabled(): BrokerError {
  return new BrokerError(
    BrokerErrorCode.UnauthorizedAccess,
    "LocalAuthDisabled: Authorization failed because SAS authentication has been disabled for the namespace. Use a token of the directory.",
  );
}

/** Whom a token claims to speak for, unproved: for the log. Never the token itself. */
export function claimant(kind: string, token: string): string | undefined {
  if (kind === TokenKind.SharedAccess) {
    return claimedPolicy(token);
  }
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    if (typeof claims !== "object" || claims === null) {
      return undefined;
    }
    const said = new Map<string, unknown>(Object.entries(claims));
    const who = ["appid", "azp", "oid", "sub"].map((name) => said.get(name)).find((value) => typeof value === "string");
    return typeof who === "string" ? who : undefined;
  } catch {
    return undefined;
  }
}

import { BrokerError, BrokerErrorCode } from "./errors.js";

/** What may be done with an entity, or with the whole namespace. Manage includes the other two. */
export const AccessRight = {
  Send: "send",
  /** Receive, peek, settle; also renew, schedule's counterpart and session state: all that a receiver asks for. */
  Listen: "listen",
  /** Administration: entities, rules, exact counts. */
  Manage: "manage",
} as const;
export type AccessRight = (typeof AccessRight)[keyof typeof AccessRight];

/** Who a token speaks for, as far as the broker must know. */
export interface Principal {
  /** What rights are held against: an object id, or the name of a shared access policy. */
  readonly id: string;
  /** For the access log. */
  readonly name: string;
  /** When the token ends, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** A shared access token says itself where it holds and what it allows: an entity's path, empty for the namespace. */
  readonly sharedAccess?: { readonly scope: string; readonly rights: readonly AccessRight[] };
}

/** Decides who a token speaks for, and what they may do. Given to a broker from outside: it imports nothing itself. */
export interface AccessControl {
  /**
   * Whom a bearer token (a JWT) speaks for.
   * @throws BrokerError UnauthorizedAccess for a foreign issuer, a wrong audience or a bad signature, ExpiredToken for
   * one whose time is over; the message says which, with the principal where the token names one.
   */
  identify(token: string, now: number): Promise<Principal>;
  /** Whether a principal may do something. `entity`: `orders`, `events`, `events/Subscriptions/audit`; empty for the namespace. */
  allows(principal: Principal, entity: string, right: AccessRight): boolean;
}

/** One line of the access log: a token that was shown, a link that was attached, a request of administration. */
export interface AccessEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly action: "put-token" | "attach" | "admin" | "expired" | "revoked";
  readonly outcome: "allowed" | "refused";
  /** The principal's name, or what the token claims; absent where there was no token. */
  readonly who?: string;
  readonly right?: AccessRight;
  /** Path of the entity; empty for the namespace. */
  readonly entity: string;
  /** Why it was refused. Never holds a token. */
  readonly reason?: string;
}

/** The access control of a broker without a directory: no bearer token is believed, shared access alone counts. */
export const tokensRefused: AccessControl = {
  identify: () =>
    Promise.reject(
      new BrokerError(
        BrokerErrorCode.UnauthorizedAccess,
        "InvalidIssuer: This namespace has no directory whose tokens it takes: sign with a shared access key.",
      ),
    ),
  allows: () => false,
};

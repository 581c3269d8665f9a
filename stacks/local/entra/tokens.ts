import { randomUUID } from "node:crypto";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  decodeJwt,
  errors,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
  SignJWT,
} from "jose";
import type { Application } from "./directory.js";

/** What Service Bus is to Entra: the audience of its tokens, and the scope by which clients ask for them. */
export const SERVICE_BUS = "https://servicebus.azure.net";
/** Shortest lifetime of a token in seconds: the Azure clients renew at the lifetime less 120 s, and spin below that. */
export const SHORTEST_LIFETIME_SECONDS = 125;
/** Longest lifetime in seconds: Entra's own, a day. */
export const LONGEST_LIFETIME_SECONDS = 86_400;
/** Lifetime unless told otherwise, in seconds. */
export const LIFETIME_SECONDS = 3_600;

const ALGORITHM = "RS256";

/** Why a token is not taken. */
export const TokenProblem = {
  Malformed: "malformed",
  Signature: "signature",
  Issuer: "issuer",
  Audience: "audience",
  Expired: "expired",
  NotYet: "not yet valid",
} as const;
export type TokenProblem = (typeof TokenProblem)[keyof typeof TokenProblem];

/** A token that is not taken, and why. Its message names the values, never the token. */
export class TokenRefused extends Error {
  constructor(
    readonly problem: TokenProblem,
    message: string,
  ) {
    super(message);
    this.name = "TokenRefused";
  }
}

/** Whom a valid token speaks for. */
export interface TokenHolder {
  /** Object id. */
  readonly principalId: string;
  readonly clientId: string;
  /** When the token ends, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Signs access tokens for Service Bus, and reads them. The private key is made here and stays in memory. */
export class TokenIssuer {
  private constructor(
    private readonly keys: { publicKey: CryptoKey; privateKey: CryptoKey },
    private readonly jwk: JWK,
    /** How long a token holds, in seconds. */
    readonly lifetimeSeconds: number,
  ) {}

  /** Throws a RangeError for a lifetime that is no whole number from 125 to 86400 seconds. */
  static async create(lifetimeSeconds: number = LIFETIME_SECONDS): Promise<TokenIssuer> {
    const [least, most] = [SHORTEST_LIFETIME_SECONDS, LONGEST_LIFETIME_SECONDS];
    if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < least || lifetimeSeconds > most)
      throw new RangeError(
        `The lifetime of a token must be a whole number from ${least} to ${most} seconds (found ${lifetimeSeconds}). ` +
          "The Azure clients renew a token 120 s before its end: with less they would ask for new ones without a pause.",
      );
    const keys = await generateKeyPair(ALGORITHM);
    const jwk = await exportJWK(keys.publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    return new TokenIssuer(keys, { ...jwk, kid, alg: ALGORITHM, use: "sig" }, lifetimeSeconds);
  }

  /** The public key, as an issuer publishes it. */
  get keySet(): JSONWebKeySet {
    return { keys: [this.jwk] };
  }

  /** A token of an application for Service Bus. `issuer` is the authority's; `now` in milliseconds since 1970. */
  sign(application: Application, issuer: string, now: number): Promise<string> {
    const seconds = Math.floor(now / 1_000);
    const { clientId, principalId, tenantId } = application;
    return new SignJWT({ tid: tenantId, oid: principalId, appid: clientId, idtyp: "app", ver: "1.0" })
      .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: String(this.jwk.kid) })
      .setIssuer(issuer)
      .setAudience(SERVICE_BUS)
      .setSubject(principalId)
      .setIssuedAt(seconds)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + this.lifetimeSeconds)
      .setJti(randomUUID())
      .sign(this.keys.privateKey);
  }

  /** Whom a token speaks for. Throws TokenRefused for one that is not of these issuers, not for Service Bus or not in time. */
  async verify(token: string, isIssuer: (issuer: string) => boolean, now: number): Promise<TokenHolder> {
    try {
      // Another issuer's token is signed with another key: the issuer says more than the signature does.
      const { iss = "" } = decodeJwt(token);
      if (!isIssuer(iss))
        throw new TokenRefused(TokenProblem.Issuer, `Its issuer is '${iss}', which is not trusted here.`);
      const { payload } = await jwtVerify(token, this.keys.publicKey, {
        algorithms: [ALGORITHM],
        requiredClaims: ["exp", "iss", "aud", "oid"],
        currentDate: new Date(now),
      });
      const { oid, appid, exp = 0 } = payload;
      const audiences = [payload.aud ?? []].flat();
      if (!audiences.some((audience) => audience.replace(/\/+$/, "") === SERVICE_BUS))
        throw new TokenRefused(
          TokenProblem.Audience,
          `Its audience is '${audiences.join(", ")}'; Service Bus takes '${SERVICE_BUS}'.`,
        );
      return { principalId: String(oid), clientId: String(appid), expiresAt: exp * 1_000 };
    } catch (error) {
      throw refusal(error);
    }
  }
}

function refusal(error: unknown): TokenRefused {
  if (error instanceof TokenRefused) return error;
  if (error instanceof errors.JWTExpired) {
    const ended = new Date(Number(error.payload.exp) * 1_000).toISOString();
    return new TokenRefused(TokenProblem.Expired, `It ended at ${ended}.`);
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === "nbf")
    return new TokenRefused(TokenProblem.NotYet, "Its time has not come yet.");
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return new TokenRefused(TokenProblem.Signature, "Its signature is not that of a trusted issuer.");
  return new TokenRefused(
    TokenProblem.Malformed,
    `It is no signed token that can be read: ${error instanceof Error ? error.message : String(error)}.`,
  );
}

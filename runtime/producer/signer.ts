import {
  type CryptoKey,
  calculateJwkThumbprint,
  decodeJwt,
  exportJWK,
  FlattenedSign,
  generateKeyPair,
  type JWK,
} from "jose";
import {
  PRODUCER_SIGNATURE_PROPERTY,
  PRODUCER_TOKEN_PROPERTY,
  producerAudience,
  SignatureLimits,
  StowageError,
} from "../contract/index.js";
import { type PropertyValue, type SignedPart, signableNames, signedBytes } from "./signedPart.js";

/** Gets a token of the producer's issuer whose one audience is the one given. */
export type TokenSource = (audience: string) => Promise<string>;

/** What signing needs. */
export interface SignOptions {
  /** Where the token comes from that binds this process's key: `kubernetesToken()`, or an issuer of one's own. */
  token: TokenSource;
  /** Milliseconds since 1970. @default the machine's clock */
  now?: () => number;
}

/** A token is got anew once so much of its time is over, as the kubelet does. */
const RENEWED_AFTER = 0.8;
const ALGORITHM = "ES256";

/** The two properties that a signed message carries. */
export interface SignatureProperties {
  [PRODUCER_TOKEN_PROPERTY]: string;
  [PRODUCER_SIGNATURE_PROPERTY]: string;
}

interface HeldToken {
  token: string;
  /** Milliseconds since 1970. */
  renewAt: number;
  endsAt: number;
}

/** Signs messages with a key that this process makes, holds in memory and never shows. */
export class Signer {
  private held: HeldToken | undefined;
  private renewing: Promise<HeldToken> | undefined;

  private constructor(
    private readonly privateKey: CryptoKey,
    private readonly jwk: JWK,
    private readonly audience: string,
    private readonly options: SignOptions,
  ) {}

  static async create(options: SignOptions): Promise<Signer> {
    const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
    const { kty = "", crv = "", x = "", y = "" } = await exportJWK(publicKey);
    const jwk: JWK = { kty, crv, x, y };
    return new Signer(privateKey, jwk, producerAudience(await calculateJwkThumbprint(jwk)), options);
  }

  /**
   * The properties that make a message a signed one, and when their token ends, in milliseconds since 1970. Rejects with a StowageError `ProducerTokenUnfit` for a token that no
   * worker would take, `TooManyProperties`, or with what the source of tokens rejects with.
   */
  async sign(
    part: SignedPart,
    properties: { readonly [name: string]: PropertyValue },
  ): Promise<{ signature: SignatureProperties; endsAt: number }> {
    const names = signableNames(properties);
    if (names.length > SignatureLimits.properties)
      throw new StowageError(
        "TooManyProperties",
        `A signed message has at most ${SignatureLimits.properties} application properties (found ${names.length}). ` +
          "Put the rest into the body.",
      );
    const { token, endsAt } = await this.token();
    const payload = signedBytes(part, names, properties);
    if (payload === undefined) throw new Error("a property that is there has no value");
    const jws = await new FlattenedSign(payload)
      .setProtectedHeader({
        alg: ALGORITHM,
        b64: false,
        crit: ["b64"],
        jwk: this.jwk,
        iat: Math.floor(this.now() / 1_000),
        props: names,
      })
      .sign(this.privateKey);
    const signature = `${jws.protected}..${jws.signature}`;
    if (signature.length > SignatureLimits.signature)
      throw new StowageError(
        "TooManyProperties",
        `The names of the message's application properties make its signature ${signature.length} characters long; ` +
          `${SignatureLimits.signature} are allowed. Shorten them, or put them into the body.`,
      );
    return { signature: { [PRODUCER_TOKEN_PROPERTY]: token, [PRODUCER_SIGNATURE_PROPERTY]: signature }, endsAt };
  }

  /** A token that is not near its end. Where no new one can be had, one that still holds is used on. */
  private async token(): Promise<HeldToken> {
    const { held } = this;
    if (held !== undefined && this.now() < held.renewAt) return held;
    this.renewing ??= this.renew().finally(() => {
      this.renewing = undefined;
    });
    try {
      return await this.renewing;
    } catch (error) {
      if (held !== undefined && this.now() < held.endsAt) return held;
      throw error;
    }
  }

  private async renew(): Promise<HeldToken> {
    const asked = this.now();
    const token = await this.options.token(this.audience);
    const endsAt = checkedEnd(token, this.audience) * 1_000;
    if (endsAt <= asked) throw unfit("is over already");
    this.held = { token, endsAt, renewAt: asked + (endsAt - asked) * RENEWED_AFTER };
    return this.held;
  }

  private now(): number {
    return this.options.now?.() ?? Date.now();
  }
}

/** When the token ends, in seconds since 1970; throws where no worker would take it. */
function checkedEnd(token: string, audience: string): number {
  if (token.length > SignatureLimits.token)
    throw unfit(`has ${token.length} characters; ${SignatureLimits.token} are allowed`);
  let claims: ReturnType<typeof decodeJwt>;
  try {
    claims = decodeJwt(token);
  } catch (error) {
    throw unfit(`is no JWT (${error instanceof Error ? error.message : String(error)})`);
  }
  const { aud, exp, iss, sub } = claims;
  // A token that is good elsewhere too must not lie in a queue.
  const audiences = [aud ?? []].flat();
  if (audiences.length !== 1 || audiences[0] !== audience)
    throw unfit(`is for ${JSON.stringify(audiences)}; its one audience must be ${JSON.stringify(audience)}`);
  if (iss === undefined || sub === undefined || exp === undefined) throw unfit("lacks iss, sub or exp");
  return exp;
}

function unfit(why: string): StowageError {
  return new StowageError(
    "ProducerTokenUnfit",
    `The token that the producer's source gave ${why}. Ask the issuer for a token with the audience that is passed in.`,
  );
}

import { createHash } from "node:crypto";
import {
  type CryptoKey,
  calculateJwkThumbprint,
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  EmbeddedJWK,
  flattenedVerify,
  type JWK,
  type JWSHeaderParameters,
  type JWTPayload,
} from "jose";
import {
  ATTEMPTS_PROPERTY,
  ORIGINAL_ID_PROPERTY,
  type Outcome,
  type PipelineSource,
  PoisonReason,
  PRODUCER_SIGNATURE_PROPERTY,
  PRODUCER_TOKEN_PROPERTY,
  producerAudience,
  REPLAYS_PROPERTY,
  RetryCode,
  SignatureLimits,
  type SignatureRules,
  type SinkMessage,
} from "../../contract/index.js";
import { isUnsigned, type SignedPart, signedBytes } from "../signedPart.js";
import { type Fetch, FRESH_MILLISECONDS, IssuerKeys, type KeyTime } from "./issuerKeys.js";
import { KeysUnavailable, Unverified } from "./refused.js";

/** What the verifier is made of. */
export interface VerifierOptions {
  rules: SignatureRules;
  source: Pick<PipelineSource, "queue" | "topic">;
  /** @default the standard fetch */
  fetch?: Fetch;
  /** @default the machine's clock */
  time?: KeyTime;
}

/** Clocks of issuer, producer and service may differ by so much, in seconds. */
const SKEW_SECONDS = 60;
/**
 * A copy (a replayed dead letter, a delayed retry) is taken up to so long after the end of the token that vouches for its
 * signature, in seconds: 14 days. Its first message came in time; of the copy itself the service only says when it was sent.
 */
export const COPY_SECONDS = 14 * 86_400;
/** Producers that are remembered, by their tokens and by their keys. */
const MAX_REMEMBERED = 1_000;
const TOKEN_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const SIGNATURE_ALGORITHMS = ["ES256", "EdDSA"];
const COPY_PROPERTIES = [ORIGINAL_ID_PROPERTY, ATTEMPTS_PROPERTY, REPLAYS_PROPERTY];

/** The standard clock. */
const systemTime: KeyTime = {
  now: () => Date.now(),
  wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** What of a token counts. Times in seconds since 1970. */
interface Claims {
  issuer: string;
  subject: string;
  notBefore: number;
  end: number;
}

/** What a signature says of itself. */
interface Signature {
  /** As it was sent, and as it is read. */
  header: string;
  protected: JWSHeaderParameters;
  value: string;
  names: string[];
  signedAt: number;
  thumbprint: string;
}

/** Says of each message whether a producer that the pipeline trusts has signed it. */
export class ProducerVerifier {
  private readonly keys: ReadonlyMap<string, IssuerKeys>;
  private readonly subjects: ReadonlyMap<string, ReadonlySet<string>>;
  /** When tokens were found right, in milliseconds, by their hash; the oldest first. */
  private readonly known = new Map<string, number>();
  /** Keys of producers that a token was found right for, by their thumbprint: importing one is half of the cost. */
  private readonly signers = new Map<string, CryptoKey>();
  private readonly verified = new WeakSet<SinkMessage>();
  private readonly entity: string;
  private readonly time: KeyTime;

  constructor({ rules, source, fetch = globalThis.fetch, time = systemTime }: VerifierOptions) {
    const { issuers } = rules;
    this.time = time;
    this.keys = new Map(issuers.map((issuer) => [issuer.issuer, new IssuerKeys(issuer, fetch, time)]));
    this.subjects = new Map(issuers.map((issuer) => [issuer.issuer, new Set(issuer.subjects)]));
    this.entity = source.topic ?? source.queue ?? "";
  }

  /**
   * Undefined where the message is signed by a trusted producer. Its properties are then those that were signed, and its
   * `producer` says who. Else poison `UnverifiedProducer`, or a retry with `KeysUnavailable` where nobody can tell now.
   */
  async verify(message: SinkMessage): Promise<Outcome | undefined> {
    if (this.verified.has(message)) return undefined;
    try {
      await this.check(message);
      this.verified.add(message);
      return undefined;
    } catch (error) {
      if (error instanceof KeysUnavailable)
        return { kind: "retry", code: RetryCode.KeysUnavailable, description: error.message };
      if (error instanceof Unverified)
        return {
          kind: "poison",
          reason: PoisonReason.UnverifiedProducer,
          description: `The message is not from a producer that the pipeline trusts: ${error.message}.`,
        };
      // Not foreseen, so no fault of the message as far as anybody knows: it must not be refused at once.
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return {
        kind: "retry",
        code: RetryCode.NotReady,
        description: `The producer's signature was not checked: ${why}`,
      };
    }
  }

  /** Rejects where the keys of an issuer cannot be had: no message of its producers could be checked. */
  async probe(): Promise<void> {
    await Promise.all([...this.keys.values()].map((keys) => keys.probe()));
  }

  private async check(message: SinkMessage): Promise<void> {
    const token = textOf(message, PRODUCER_TOKEN_PROPERTY, SignatureLimits.token);
    const signature = await readSignature(textOf(message, PRODUCER_SIGNATURE_PROPERTY, SignatureLimits.signature));
    const { claims, header } = await wellFormed("token", () => ({
      claims: this.claimsOf(decodeJwt(token), signature.thumbprint),
      header: decodeProtectedHeader(token),
    }));
    checkTimes(message, claims, signature);
    const payload = signedBytes(this.partOf(message), signature.names, message.properties);
    if (payload === undefined) throw new Unverified("an application property that was signed is missing");
    // Its own key first: that costs no request, and a copied signature ends here.
    const key =
      this.signers.get(signature.thumbprint) ?? (await wellFormed("signature", () => EmbeddedJWK(signature.protected)));
    await signatureHolds(signature, payload, key);
    await this.tokenHolds({ token, header, issuer: claims.issuer }, message.enqueuedTime.getTime());
    remember(this.signers, signature.thumbprint, key);
    keepTrusted(message.properties, signature.names);
    message.producer = `${claims.issuer} ${claims.subject}`;
  }

  /** Part by part: a message of the bus is no plain object, and has more to it than what it shows. */
  private partOf(message: SinkMessage): SignedPart {
    const { messageId, sessionId, partitionKey, contentType, subject, correlationId, replyTo, bodySha256 } = message;
    const { replyToSessionId } = message;
    return {
      ...{ messageId, sessionId, partitionKey, contentType, subject, correlationId, replyTo, replyToSessionId },
      entity: this.entity,
      bodySha256,
    };
  }

  private claimsOf({ iss, sub, aud, exp, nbf, iat }: JWTPayload, thumbprint: string): Claims {
    const subjects = iss === undefined ? undefined : this.subjects.get(iss);
    if (iss === undefined || subjects === undefined)
      throw new Unverified(`its token is of the issuer ${shown(iss)}, which the pipeline does not trust`);
    if (sub === undefined || !subjects.has(sub))
      throw new Unverified(`its token is of the subject ${shown(sub)}, which may not publish`);
    const audiences = [aud ?? []].flat();
    if (audiences.length !== 1 || audiences[0] !== producerAudience(thumbprint))
      throw new Unverified("its token was not issued for the key that it is signed by, and for that alone");
    if (typeof exp !== "number") throw new Unverified("its token has no end");
    return { issuer: iss, subject: sub, notBefore: nbf ?? iat ?? 0, end: exp };
  }

  /** Once in ten minutes for each token; `taken` is when the entity took the message, in milliseconds. */
  private async tokenHolds(
    { token, header, issuer }: { token: string; header: JWSHeaderParameters; issuer: string },
    taken: number,
  ): Promise<void> {
    const now = this.time.now();
    const hash = createHash("sha256").update(token).digest("base64");
    if (now - (this.known.get(hash) ?? Number.NEGATIVE_INFINITY) < FRESH_MILLISECONDS) return;
    const keys = this.keys.get(issuer);
    if (keys === undefined) throw new Unverified("its issuer is not trusted");
    // A message that has waited is not waited for: a flood of them under unknown keys goes as fast as it is found out.
    const since = Math.min(now, taken + SKEW_SECONDS * 1_000);
    const key = await keys.find(header, since);
    try {
      await compactVerify(token, key, { algorithms: TOKEN_ALGORITHMS });
    } catch {
      throw new Unverified("the signature of its token does not hold");
    }
    remember(this.known, hash, now);
  }
}

/** One of the two properties. */
function textOf({ properties }: SinkMessage, name: string, limit: number): string {
  const value = properties[name];
  if (value === undefined) throw new Unverified(`it has no property ${name}`);
  if (typeof value !== "string") throw new Unverified(`its property ${name} is no text`);
  if (value.length > limit) throw new Unverified(`its property ${name} is longer than ${limit} characters`);
  return value;
}

async function readSignature(text: string): Promise<Signature> {
  const [header = "", payload, value = "", ...rest] = text.split(".");
  if (payload !== "" || rest.length > 0) throw new Unverified("its signature is no detached JWS");
  const read = await wellFormed("signature", () => decodeProtectedHeader({ protected: header }));
  const { b64, crit, jwk, iat, props } = read;
  if (b64 !== false || crit?.length !== 1 || jwk === undefined)
    throw new Unverified("its signature's header lacks b64 false, crit or jwk");
  if (typeof iat !== "number" || !Number.isSafeInteger(iat)) throw new Unverified("its signature has no time");
  if (!Array.isArray(props) || props.length > SignatureLimits.properties || !props.every(isName))
    throw new Unverified("its signature does not say which properties it covers");
  return { header, protected: read, value, names: props, signedAt: iat, thumbprint: await thumbprintOf(jwk) };
}

function thumbprintOf(jwk: JWK): Promise<string> {
  return wellFormed("signature", () => calculateJwkThumbprint(jwk));
}

/** What a stranger sent as it reads; whatever is wrong with that is wrong with the message. */
async function wellFormed<T>(what: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Unverified) throw error;
    throw new Unverified(`its ${what} is malformed`);
  }
}

function isName(name: unknown): name is string {
  return typeof name === "string" && !isUnsigned(name);
}

/**
 * The token was good when the message was signed, and still when the entity took it. Of a copy only the first can be
 * said: when its own message was taken is not on it.
 */
function checkTimes(message: SinkMessage, { notBefore, end }: Claims, { signedAt }: Signature): void {
  const taken = message.enqueuedTime.getTime() / 1_000;
  const copy = COPY_PROPERTIES.some((name) => name in message.properties);
  if (signedAt < notBefore - SKEW_SECONDS || signedAt > end)
    throw new Unverified(`it was signed at ${iso(signedAt)}, when its token did not hold`);
  if (signedAt > taken + SKEW_SECONDS)
    throw new Unverified(`it was signed at ${iso(signedAt)}, after the entity took it at ${iso(taken)}`);
  if (taken > end + SKEW_SECONDS + (copy ? COPY_SECONDS : 0))
    throw new Unverified(
      `its token ended at ${iso(end)}, before the entity took ${copy ? "this copy" : "it"} at ${iso(taken)}`,
    );
}

/** Puts an entry last; where there are too many, the one that was put there first goes. */
function remember<T>(entries: Map<string, T>, name: string, value: T): void {
  entries.delete(name);
  const [oldest] = entries.keys();
  if (entries.size >= MAX_REMEMBERED && oldest !== undefined) entries.delete(oldest);
  entries.set(name, value);
}

async function signatureHolds({ header, value }: Signature, payload: Uint8Array, key: CryptoKey): Promise<void> {
  try {
    await flattenedVerify({ protected: header, payload, signature: value }, key, {
      algorithms: SIGNATURE_ALGORITHMS,
    });
  } catch {
    throw new Unverified("its signature does not hold for this body and these properties under this id");
  }
}

/** Leaves a sink the signed properties, and those that are nobody's word; the token and the signature are not for it. */
function keepTrusted(properties: SinkMessage["properties"], names: readonly string[]): void {
  const signed = new Set(names);
  for (const name of Object.keys(properties)) {
    const own = name === PRODUCER_TOKEN_PROPERTY || name === PRODUCER_SIGNATURE_PROPERTY;
    if (own || !(signed.has(name) || isUnsigned(name))) delete properties[name];
  }
}

function iso(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? "no time" : date.toISOString();
}

/** A claim as it is shown: cut, and never the token that it stood in. */
function shown(claim: unknown): string {
  return typeof claim === "string" ? JSON.stringify(claim.slice(0, 200)) : "none";
}

/**
 * A signed message carries two application properties, and nothing in them lets whoever reads the queue sign another:
 *
 * - `stowage-producer-token`: a JWT of a trusted issuer whose only audience is `stowage:` and the thumbprint (RFC 7638,
 *   SHA-256) of the producer's public key. It is good for nothing else, and for nobody without the private key.
 * - `stowage-producer-signature`: a detached JWS (RFC 7515, RFC 7797: `b64` false) by that key, `HEADER..SIGNATURE`. Its
 *   protected header has `alg` (ES256 or EdDSA), `b64` and `crit`, `jwk` (the public key), `iat` (when it was signed, in
 *   seconds since 1970) and `props` (names of the application properties that are signed, sorted).
 *
 * What is signed are these lines in UTF-8, each ended by a line feed: the word `stowage-producer-1`, then `NAME VALUE` for
 * entity, messageId, sessionId, partitionKey, contentType, subject, correlationId, replyTo, replyToSessionId, body, and
 * `property.NAME VALUE` for each name of `props`, in their order. A VALUE is unpadded base64url of UTF-8, and empty for what is
 * absent or empty. The entity is the queue or topic that is sent to, replyTo a queue, both in lower case; the partition
 * key is empty where there is a session; the body is its SHA-256 in hexadecimal digits. A NAME of a property is base64url too,
 * and the value is a letter and the value's text: `s` text, `n` a number's shortest decimal, `b` true or false, `d` a time in
 * ISO 8601 with milliseconds and Z, `z` null.
 */
export const PRODUCER_TOKEN_PROPERTY = "stowage-producer-token";
/** See PRODUCER_TOKEN_PROPERTY. */
export const PRODUCER_SIGNATURE_PROPERTY = "stowage-producer-signature";

/** The one audience of the token that binds a producer's key, by the thumbprint of its public key. */
export function producerAudience(thumbprint: string): string {
  return `stowage:${thumbprint}`;
}

/** Limits of a signed message's own parts. */
export const SignatureLimits = {
  /** Characters of the token. */
  token: 8_192,
  /** Characters of the signature, its header included. */
  signature: 4_096,
  /** Application properties that are signed. */
  properties: 64,
} as const;

/** Who may publish to a pipeline's entity, beyond holding the send right. */
export interface PipelineProducers {
  /**
   * Every message must carry a producer's signature (a detached JWS over its body and key properties) under a token of
   * one of these issuers; a message without one, or with one that does not hold, is poison (`UnverifiedProducer`).
   */
  requireSignature?: SignatureRules;
}

/** Which signatures hold. */
export interface SignatureRules {
  /** Issuers that vouch for producers' keys, 1 to 10. */
  issuers: TrustedIssuer[];
}

/** An issuer of tokens that bind a producer's key. */
export interface TrustedIssuer {
  /** The token's `iss`, an https URL: a cluster's service-account issuer, for one. */
  issuer: string;
  /** The key set's URL. @default what the issuer's OpenID configuration names */
  jwksUri?: string;
  /** Subjects that may publish: `system:serviceaccount:shop:checkout`. 1 to 100, each exact. */
  subjects: string[];
}

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

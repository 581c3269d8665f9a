/** Why a message is not from a producer that the pipeline trusts. Its words name values, never the token. */
export class Unverified extends Error {}

/** The keys that a signature is checked with cannot be had now. */
export class KeysUnavailable extends Error {}

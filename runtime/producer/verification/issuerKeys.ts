import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters, type LocalJWKSet } from "jose";
import type { TrustedIssuer } from "../../contract/index.js";
import { KeysUnavailable, Unverified } from "./refused.js";

/** Gets a document, as the standard `fetch` does. */
export type Fetch = (url: string, init: { redirect: "error"; signal: AbortSignal }) => Promise<Response>;

/** Time as the key set sees it. */
export interface KeyTime {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after so many milliseconds. */
  wait(milliseconds: number): Promise<void>;
}

/** A key set is got anew after so long, in milliseconds, and what it was found to vouch for is checked anew. */
export const FRESH_MILLISECONDS = 600_000;
/** And used for so long where that fails: a key that its issuer has taken back counts no longer than this. */
const STALE_MILLISECONDS = 3_600_000;
/** Between two requests to one issuer, in milliseconds: messages with keys that nobody knows must not flood it. */
export const COOLDOWN_MILLISECONDS = 5_000;
/** Time limit of one request, in milliseconds, and the largest document that is read, in bytes. */
const REQUEST_MILLISECONDS = 5_000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 100;

interface HeldKeys {
  find: LocalJWKSet;
  /** When the request for them began. */
  at: number;
}

/** The public keys of one issuer: got when first needed, held, and got anew in bounded haste. */
export class IssuerKeys {
  private held: HeldKeys | undefined;
  private request: Promise<HeldKeys> | undefined;
  private requestedAt = Number.NEGATIVE_INFINITY;
  private failure: string | undefined;
  private jwksUri: string | undefined;

  constructor(
    private readonly issuer: TrustedIssuer,
    private readonly fetch: Fetch,
    private readonly time: KeyTime,
  ) {
    this.jwksUri = issuer.jwksUri;
  }

  /**
   * The key that a token's header names. A key that is not in the set is asked for once more where the set was got before
   * `since`, a moment at which the token was there: a set that was got later has its key, if there is one. Rejects with Unverified where there
   * is no such key, with KeysUnavailable where nobody can tell.
   */
  async find(header: JWSHeaderParameters, since: number): Promise<Awaited<ReturnType<LocalJWKSet>>> {
    const held = await this.current(this.time.now() - FRESH_MILLISECONDS);
    try {
      return await keyIn(held, header);
    } catch (error) {
      if (!(error instanceof Unverified) || held.at >= since) throw error;
    }
    const next = await this.current(since);
    if (next.at < since) throw new KeysUnavailable(this.unreachable());
    return keyIn(next, header);
  }

  /** Rejects where the keys cannot be had. */
  async probe(): Promise<void> {
    await this.current(this.time.now() - FRESH_MILLISECONDS);
  }

  /** Keys that were got after `since`; older ones, up to an hour, where none can be had now. */
  private async current(since: number): Promise<HeldKeys> {
    if (this.held !== undefined && this.held.at >= since) return this.held;
    try {
      return await this.load();
    } catch {
      if (this.held !== undefined && this.time.now() - this.held.at < STALE_MILLISECONDS) return this.held;
      throw new KeysUnavailable(this.unreachable());
    }
  }

  private unreachable(): string {
    return `The keys of ${this.issuer.issuer} cannot be had: ${this.failure ?? "they were not asked for yet"}`;
  }

  /** One request at a time, and none within the cool-down of the last one: it is waited for where it succeeded. */
  private load(): Promise<HeldKeys> {
    this.request ??= this.requested().finally(() => {
      this.request = undefined;
    });
    return this.request;
  }

  private async requested(): Promise<HeldKeys> {
    const rest = this.requestedAt + COOLDOWN_MILLISECONDS - this.time.now();
    // Where the last one failed, that is known: whoever asks is told at once, and asks again.
    if (rest > 0 && this.failure !== undefined) throw new Error(this.failure);
    if (rest > 0) await this.time.wait(rest);
    this.requestedAt = this.time.now();
    try {
      const at = this.time.now();
      this.jwksUri ??= await this.discovered();
      const keys = await this.document(this.jwksUri);
      this.held = { find: createLocalJWKSet(keySetOf(keys)), at };
      this.failure = undefined;
      return this.held;
    } catch (error) {
      this.failure = wordsOf(error);
      throw error;
    }
  }

  /** Where the issuer's OpenID configuration says that its keys are. */
  private async discovered(): Promise<string> {
    const { issuer } = this.issuer;
    const found = await this.document(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    const { issuer: own, jwks_uri: uri } = found;
    if (own !== issuer) throw new Error(`its configuration is of the issuer ${JSON.stringify(own)}`);
    if (typeof uri !== "string" || !uri.startsWith("https://"))
      throw new Error("its configuration names no https URL as jwks_uri");
    return uri;
  }

  private async document(url: string): Promise<{ readonly [key: string]: unknown }> {
    const response = await this.fetch(url, {
      // Whoever can redirect the request would choose the keys.
      redirect: "error",
      signal: AbortSignal.timeout(REQUEST_MILLISECONDS),
    });
    const text = await boundedText(response);
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) throw new Error(`${url} gives no JSON object`);
    return value as { readonly [key: string]: unknown };
  }
}

async function keyIn(held: HeldKeys, header: JWSHeaderParameters): Promise<Awaited<ReturnType<LocalJWKSet>>> {
  try {
    return await held.find(header);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey)
      throw new Unverified("its token is signed by a key that its issuer does not have");
    if (error instanceof errors.JWKSMultipleMatchingKeys)
      throw new Unverified("its token does not say which of its issuer's keys it is signed by");
    if (error instanceof errors.JOSENotSupported)
      throw new Unverified("its token is signed by no algorithm for key sets");
    throw new Unverified("its token is signed by a key of its issuer that cannot be used");
  }
}

function keySetOf(value: { readonly [key: string]: unknown }): JSONWebKeySet {
  const { keys } = value;
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error(`it gives no list of at most ${MAX_KEYS} keys`);
  return { keys };
}

/** The body, and no more of it than a key set has. */
async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`its answer is larger than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** What a failed request says: the standard fetch hides why behind "fetch failed". */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}

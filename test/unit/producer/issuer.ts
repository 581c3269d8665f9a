import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { Fetch, KeyTime } from "../../../runtime/producer/verification/issuerKeys.js";

/** A name that no resolver knows: nothing may ask for it. */
export const ISSUER = "https://issuer.invalid/cluster";
export const SUBJECT = "system:serviceaccount:shop:checkout";

/** A time that stands still until it is moved; waits end at once and move it. */
export class TestTime implements KeyTime {
  milliseconds = 1_700_000_000_000;
  waited = 0;

  now(): number {
    return this.milliseconds;
  }

  async wait(milliseconds: number): Promise<void> {
    this.waited += milliseconds;
    this.milliseconds += milliseconds;
  }
}

/** Claims that a test gives a token otherwise. */
export interface TokenChange {
  issuer?: string;
  subject?: string;
  audience?: string | string[];
  /** Seconds from now. */
  expiresIn?: number;
  notBefore?: number;
}

/** An issuer of tokens: its keys, its documents, and what was asked of it. */
export class TestIssuer {
  readonly asked: string[] = [];
  /** What a request fails with; undefined where it is answered. */
  failure: Error | undefined;
  /** Answers in place of the documents, by URL. */
  readonly answers = new Map<string, () => Response>();
  private keys: { kid: string; jwk: JWK; privateKey: CryptoKey }[] = [];

  private constructor(readonly time: TestTime) {}

  static async create(time = new TestTime()): Promise<TestIssuer> {
    const issuer = new TestIssuer(time);
    await issuer.rotate();
    return issuer;
  }

  /** Another key takes the place of all before; they are forgotten. */
  async rotate(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair("RS256");
    const jwk = await exportJWK(publicKey);
    const kid = await calculateJwkThumbprint(jwk);
    this.keys = [{ kid, jwk: { ...jwk, kid, alg: "RS256", use: "sig" }, privateKey }];
  }

  /** A token for an audience, an hour long. */
  token(audience: string, change: TokenChange = {}): Promise<string> {
    const [key] = this.keys;
    if (key === undefined) throw new Error("the issuer has no key");
    const now = Math.floor(this.time.now() / 1_000);
    return new SignJWT({})
      .setProtectedHeader({ alg: "RS256", kid: key.kid })
      .setIssuer(change.issuer ?? ISSUER)
      .setSubject(change.subject ?? SUBJECT)
      .setAudience(change.audience ?? [audience])
      .setIssuedAt(now)
      .setNotBefore(change.notBefore ?? now)
      .setExpirationTime(now + (change.expiresIn ?? 3_600))
      .sign(key.privateKey);
  }

  /** In place of the network. */
  readonly fetch: Fetch = async (url, { redirect }) => {
    this.asked.push(url);
    if (redirect !== "error") throw new Error("redirects would be followed");
    if (this.failure !== undefined) throw this.failure;
    const answer = this.answers.get(url);
    if (answer !== undefined) return answer();
    if (url === `${ISSUER}/.well-known/openid-configuration`)
      return Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/keys` });
    if (url === `${ISSUER}/keys`) return Response.json({ keys: this.keys.map(({ jwk }) => jwk) });
    return new Response("not here", { status: 404 });
  };
}

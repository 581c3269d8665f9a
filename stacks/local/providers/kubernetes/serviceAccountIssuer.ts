import { createHash, generateKeyPairSync, type JsonWebKey, randomUUID } from "node:crypto";
import { createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import { isRecord, textAt } from "./object.js";

/** Who a service account token is for. */
export interface TokenRequest {
  namespace: string;
  serviceAccount: string;
  audience: string;
  /** Seconds that it holds: 600 at least, as the API server has it. */
  expirationSeconds: number;
  /** The pod that it is bound to. */
  pod?: { name: string; uid: string };
}

/** Whose a token is. */
export interface ServiceAccount {
  namespace: string;
  name: string;
  /** The pod that the token is bound to. */
  pod?: { name: string; uid: string };
}

/** A service account token, and when its file is to be written anew. */
export interface IssuedToken {
  token: string;
  /** Milliseconds since 1970. */
  renewAt: number;
}

/** Shortest time that a projected token holds, in seconds: the API server refuses less. */
export const SHORTEST_TOKEN_SECONDS = 600;
/** The kubelet writes a token anew when so much of its time is over, or when it is a day old. */
const RENEWED_AFTER = 0.8;
const DAY_SECONDS = 86_400;
const ALGORITHM = "RS256";
const KEY_BITS = 2_048;

/**
 * The cluster's issuer of service account tokens. Its private key is made here and stays in memory: tokens of an
 * earlier stand-in are no longer taken, as their pods are gone too.
 */
export class ServiceAccountIssuer {
  private readonly keys = generateKeyPairSync("rsa", { modulusLength: KEY_BITS });
  private readonly jwk: JsonWebKey & { kid: string };

  /**
   * @param url what stands in tokens as their issuer: the cluster's OIDC issuer URL, to the letter
   * @param now milliseconds since 1970
   */
  constructor(
    readonly url: string,
    private readonly now: () => number = Date.now,
  ) {
    const jwk = this.keys.publicKey.export({ format: "jwk" });
    const kid = createHash("sha256").update(JSON.stringify(jwk)).digest("base64url");
    this.jwk = { ...jwk, kid, alg: ALGORITHM, use: "sig" };
  }

  /** The public key, as a cluster publishes it. */
  get keySet(): { keys: (JsonWebKey & { kid: string; kty: string })[] } {
    return { keys: [{ ...this.jwk, kty: "RSA" }] };
  }

  /** A token as the API server issues it. */
  async issue(request: TokenRequest): Promise<IssuedToken> {
    const { namespace, serviceAccount, audience, expirationSeconds, pod } = request;
    const seconds = Math.floor(this.now() / 1_000);
    const claims = {
      namespace,
      serviceaccount: { name: serviceAccount },
      ...(pod === undefined ? {} : { pod }),
    };
    const token = await new SignJWT({ "kubernetes.io": claims })
      .setProtectedHeader({ alg: ALGORITHM, kid: this.jwk.kid })
      .setIssuer(this.url)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
      .setAudience([audience])
      .setIssuedAt(seconds)
      .setNotBefore(seconds)
      .setExpirationTime(seconds + expirationSeconds)
      .setJti(randomUUID())
      .sign(this.keys.privateKey);
    return { token, renewAt: (seconds + Math.min(expirationSeconds * RENEWED_AFTER, DAY_SECONDS)) * 1_000 };
  }

  /**
   * Whose a token of this issuer is, for the API server: its signature, its times, and the cluster's own audience.
   * Undefined where any of that does not hold.
   */
  async verify(token: string): Promise<ServiceAccount | undefined> {
    const keys = createLocalJWKSet(this.keySet);
    const expected = {
      issuer: this.url,
      audience: this.url,
      algorithms: [ALGORITHM],
      currentDate: new Date(this.now()),
    };
    const claims = await jwtVerify(token, keys, expected).then(
      ({ payload }) => payload["kubernetes.io"],
      () => undefined,
    );
    const [namespace, name] = [textAt(claims, "namespace"), textAt(claims, "serviceaccount", "name")];
    if (namespace === undefined || name === undefined) return undefined;
    const pod = isRecord(claims) && isRecord(claims["pod"]) ? claims["pod"] : undefined;
    if (pod === undefined) return { namespace, name };
    return { namespace, name, pod: { name: textAt(pod, "name") ?? "", uid: textAt(pod, "uid") ?? "" } };
  }

  /** True where a token is to be written anew. */
  isDue({ renewAt }: IssuedToken): boolean {
    return this.now() >= renewAt;
  }
}

import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import type { FederatedCredential } from "./directory.js";
import { badSignature, malformedAssertion, noCredential, notInTime, unmatched, unreachableIssuer } from "./errors.js";

/** Public keys of an issuer; undefined for one that is not known here. */
export type IssuerKeys = (issuer: string) => JSONWebKeySet | undefined;

/** Algorithms of issuers that are taken: those of Kubernetes' service account issuers. */
const ALGORITHMS = ["RS256", "ES256"];

/**
 * Checks a token that was presented in place of a secret: whether a federated credential has its issuer, its subject
 * and its audience (upper and lower case count), whether its issuer has signed it, and whether its time has come and
 * is not over. Throws the EntraError that says which of it failed.
 */
export async function checkAssertion(
  assertion: string,
  credentials: readonly FederatedCredential[],
  keysOf: IssuerKeys,
  now: number,
): Promise<void> {
  const claims = read(assertion);
  matchCredential(claims, credentials);
  const issuer = claims.iss ?? "";
  const keys = keysOf(issuer);
  if (keys === undefined) throw unreachableIssuer(issuer);
  try {
    await jwtVerify(assertion, createLocalJWKSet(keys), {
      algorithms: ALGORITHMS,
      requiredClaims: ["exp"],
      currentDate: new Date(now),
    });
  } catch (error) {
    if (isUntimely(error)) throw notInTime(now, claims.nbf ?? claims.iat ?? 0, claims.exp ?? 0);
    if (error instanceof errors.JWKSNoMatchingKey) throw badSignature("The key was not found.");
    if (error instanceof errors.JWSSignatureVerificationFailed)
      throw badSignature("The provided signature value did not match the expected signature value.");
    throw malformedAssertion(error instanceof Error ? `${error.message}.` : "");
  }
}

function isUntimely(error: unknown): boolean {
  return (
    error instanceof errors.JWTExpired || (error instanceof errors.JWTClaimValidationFailed && error.claim === "nbf")
  );
}

function read(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion);
  } catch {
    throw malformedAssertion("It has not the three parts of a signed token.");
  }
}

/** Entra names the first part that matches nothing: the issuer, then the subject, then the audience. */
function matchCredential(claims: JWTPayload, credentials: readonly FederatedCredential[]): void {
  const [issuer, subject] = [claims.iss ?? "", claims.sub ?? ""];
  const audiences = [claims.aud ?? []].flat();
  if (credentials.length === 0) throw noCredential(issuer, subject, audiences.join(", "));
  const ofIssuer = credentials.filter((each) => each.issuer === issuer);
  if (ofIssuer.length === 0) throw unmatched("issuer", issuer);
  const ofSubject = ofIssuer.filter((each) => each.subject === subject);
  if (ofSubject.length === 0) throw unmatched("subject", subject);
  if (!ofSubject.some((each) => each.audiences.some((audience) => audiences.includes(audience))))
    throw unmatched("audience", audiences.join(", "));
}

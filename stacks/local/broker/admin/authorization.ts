import { AccessRight, type Principal } from "../core/access.js";
import { type AccessGuard, claimant, TokenKind } from "../core/accessGuard.js";
import { parseAudience } from "../core/audience.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";

/** What a request shows of itself. */
export interface Credentials {
  /** Host with port, as the client calls us. */
  readonly host: string;
  /** Decoded path, without slashes around it. */
  readonly path: string;
  /** The header `Authorization`. */
  readonly authorization: string | undefined;
}

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** A header's token: `Bearer <jwt>`, `SharedAccessSignature sr=…`, or a JWT alone, as the headers for targets have it. */
function tokenIn(header: string): Token {
  if (/^SharedAccessSignature\s/i.test(header)) {
    return { kind: TokenKind.SharedAccess, text: header };
  }
  return { kind: TokenKind.Jwt, text: header.replace(/^Bearer\s+/i, "").trim() };
}

function refused(reason: string): BrokerError {
  return new BrokerError(BrokerErrorCode.UnauthorizedAccess, reason);
}

async function principalOf(guard: AccessGuard, credentials: Credentials): Promise<Principal> {
  const { authorization, host, path } = credentials;
  if (authorization === undefined || authorization === "") {
    throw refused("MissingToken: The authorization header was not found, and a token is needed.");
  }
  const { kind, text } = tokenIn(authorization);
  return guard.identify(kind, text, parseAudience(`https://${host}/${path}`));
}

function claimed(authorization: string | undefined): string | undefined {
  const token = authorization === undefined ? undefined : tokenIn(authorization);
  return token === undefined ? undefined : claimant(token.kind, token.text);
}

/**
 * Lets a request of administration through where its principal holds Manage, at the entity or above, and writes it into
 * the access log whatever comes of it.
 * @throws BrokerError UnauthorizedAccess or ExpiredToken
 */
export async function authorize(guard: AccessGuard, entity: string, credentials: Credentials): Promise<void> {
  const right = AccessRight.Manage;
  if (!guard.enforced) {
    guard.log({ action: "admin", outcome: "allowed", right, entity });
    return;
  }
  let who = claimed(credentials.authorization);
  try {
    const principal = await principalOf(guard, credentials);
    who = principal.name;
    // A shared access signature holds for the address that was signed, which may lie below the entity.
    const scope = principal.sharedAccess === undefined ? entity : credentials.path;
    if (!guard.allows(principal, scope, right)) {
      throw refused(`Manage,EntityRead claims required for this operation. Resource: '${entity}'.`);
    }
    guard.log({ action: "admin", outcome: "allowed", who, right, entity });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    guard.log({ action: "admin", outcome: "refused", ...(who === undefined ? {} : { who }), right, entity, reason });
    throw error;
  }
}

/**
 * Whether a request may forward to a target: the token that it brings for that, or its own, must hold Send there.
 * @param header the request's `ServiceBusSupplementaryAuthorization` or `ServiceBusDlqSupplementaryAuthorization`
 */
export async function authorizeForward(
  guard: AccessGuard,
  target: string,
  credentials: Credentials,
  header: string | undefined,
): Promise<void> {
  if (!guard.enforced) {
    return;
  }
  const right = AccessRight.Send;
  const authorization = header ?? credentials.authorization;
  let who = claimed(authorization);
  try {
    const principal = await principalOf(guard, { host: credentials.host, path: target, authorization });
    who = principal.name;
    if (!guard.allows(principal, target, right)) {
      throw refused(`Send claims are required on '${target}' for forwarding messages to it.`);
    }
    guard.log({ action: "admin", outcome: "allowed", who, right, entity: target });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    guard.log({
      action: "admin",
      outcome: "refused",
      ...(who === undefined ? {} : { who }),
      right,
      entity: target,
      reason,
    });
    throw error;
  }
}

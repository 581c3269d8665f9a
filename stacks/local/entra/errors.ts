import { randomUUID } from "node:crypto";

/** What Entra ID answers to a request for a token that it refuses; texts as it was seen to send them. */
export class EntraError extends Error {
  constructor(
    readonly status: 400 | 401,
    /** OAuth's own code: `invalid_client`. */
    readonly error: string,
    /** Entra's code: 700213 of `AADSTS700213`. */
    readonly code: number,
    text: string,
  ) {
    super(`AADSTS${code}: ${text}`);
    this.name = "EntraError";
  }

  /** The body of the answer. */
  body(now: number): object {
    const ids = { trace_id: randomUUID(), correlation_id: randomUUID() };
    const timestamp = new Date(now)
      .toISOString()
      .replace("T", " ")
      .replace(/\.\d+Z$/, "Z");
    const trace = `Trace ID: ${ids.trace_id} Correlation ID: ${ids.correlation_id} Timestamp: ${timestamp}`;
    return {
      error: this.error,
      error_description: `${this.message} ${trace}`,
      error_codes: [this.code],
      timestamp,
      ...ids,
    };
  }
}

const FEDERATION = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
const ASSERTIONS = "https://learn.microsoft.com/entra/identity-platform/certificate-credentials";

export function missingParameter(name: string): EntraError {
  const text = `The request body must contain the following parameter: '${name}'.`;
  return new EntraError(400, "invalid_request", 900144, text);
}

export function unsupportedGrant(grant: string): EntraError {
  return new EntraError(
    400,
    "unsupported_grant_type",
    70003,
    `The app requested an unsupported grant type '${grant}'.`,
  );
}

export function unknownTenant(tenant: string): EntraError {
  const text = `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`;
  return new EntraError(400, "invalid_request", 90002, text);
}

export function unknownApplication(clientId: string, tenant: string): EntraError {
  const text =
    `Application with identifier '${clientId}' was not found in the directory '${tenant}'. This can happen if the ` +
    "application has not been installed by the administrator of the tenant or consented to by any user in the tenant. " +
    "You may have sent your authentication request to the wrong tenant.";
  return new EntraError(400, "unauthorized_client", 700016, text);
}

export function unknownResource(scope: string, tenant: string): EntraError {
  const text = `The resource principal named ${scope} was not found in the tenant named ${tenant}.`;
  return new EntraError(400, "invalid_resource", 500011, text);
}

export function wrongAssertionType(type: string): EntraError {
  const text = `The value '${type}' of 'client_assertion_type' is not 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'.`;
  return new EntraError(401, "invalid_client", 50027, text);
}

export function malformedAssertion(why: string): EntraError {
  return new EntraError(401, "invalid_client", 50027, `JWT token is invalid or malformed. ${why}`);
}

/** Entra's code for each part of a token that no federated credential of the application has. */
const UNMATCHED = { issuer: 700211, audience: 700212, subject: 700213 } as const;

export function unmatched(part: keyof typeof UNMATCHED, value: string): EntraError {
  const text =
    `No matching federated identity record found for presented assertion ${part} '${value}'. Check your federated ` +
    `identity credential Subject, Audience and Issuer against the presented assertion. ${FEDERATION}`;
  return new EntraError(401, "invalid_client", UNMATCHED[part], text);
}

/** The application has no federated credential at all. */
export function noCredential(issuer: string, subject: string, audience: string): EntraError {
  const text =
    "No matching federated identity record found for presented assertion. " +
    `Assertion Issuer: '${issuer}'. Assertion Subject: '${subject}'. Assertion Audience: '${audience}'. ${FEDERATION}`;
  return new EntraError(401, "invalid_client", 70021, text);
}

/** The issuer's keys cannot be had. */
export function unreachableIssuer(issuer: string): EntraError {
  const text = `Request to External OIDC endpoint failed. Here no keys of the issuer '${issuer}' are known: nothing is fetched from other machines.`;
  return new EntraError(400, "invalid_request", 50166, text);
}

export function badSignature(why: string): EntraError {
  return new EntraError(401, "invalid_client", 50013, `Assertion failed signature validation. [Reason - ${why}]`);
}

/** Times in seconds since 1970, as they stand in the token. */
export function notInTime(now: number, from: number, until: number): EntraError {
  const [current, start, end] = [now, from * 1_000, until * 1_000].map((time) => new Date(time).toISOString());
  const text =
    `Client assertion is not within its valid time range. Current time: ${current}, assertion valid from ${start}, ` +
    `expiry time of assertion ${end}. Review the documentation at ${ASSERTIONS}`;
  return new EntraError(401, "invalid_client", 700024, text);
}

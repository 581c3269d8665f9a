import { createHmac, timingSafeEqual } from "node:crypto";
import { AccessRight, type Principal } from "./access.js";
import { type Audience, covers, parseAudience, scopesOf } from "./audience.js";
import { BrokerError, BrokerErrorCode, expiredToken } from "./errors.js";

/** A shared access policy (authorization rule) of a namespace, a queue or a topic. */
export interface SharedAccessPolicy {
  /** 1 to 256 characters. */
  readonly name: string;
  /** At least one; `manage` includes the other two. */
  readonly rights: readonly AccessRight[];
  /** Used as it is written: the official clients do not decode it. */
  readonly primaryKey: string;
  /** Valid beside the primary key, so that keys can be rolled. */
  readonly secondaryKey?: string;
}

/** What a shared access signature says. */
interface Signature {
  /** The resource as it is encoded in the token: what was signed. */
  readonly encodedResource: string;
  readonly resource: Audience;
  readonly signature: string;
  readonly expirySeconds: number;
  readonly policy: string;
}

const PREFIX = /^SharedAccessSignature\s+/i;
const LONGEST_NAME = 256;
/** A service's policy holds at most so many at one scope. */
const MOST_AT_ONE_SCOPE = 12;

function invalid(code: string, text: string): BrokerError {
  return new BrokerError(BrokerErrorCode.UnauthorizedAccess, `${code}: ${text}`);
}

function malformed(): BrokerError {
  return invalid("MalformedToken", "The shared access signature needs the fields sr, sig, se and skn.");
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", "%20"));
  } catch {
    throw malformed();
  }
}

function parseSignature(token: string): Signature {
  const fields = new Map<string, string>();
  for (const part of token.replace(PREFIX, "").split("&")) {
    const split = part.indexOf("=");
    if (split > 0) {
      fields.set(part.slice(0, split), part.slice(split + 1));
    }
  }
  const encodedResource = fields.get("sr");
  const signature = fields.get("sig");
  const expiry = fields.get("se");
  const policy = fields.get("skn");
  if (
    !PREFIX.test(token) ||
    encodedResource === undefined ||
    signature === undefined ||
    expiry === undefined ||
    policy === undefined ||
    !/^\d{1,15}$/.test(expiry)
  ) {
    throw malformed();
  }
  return {
    encodedResource,
    resource: parseAudience(unescaped(encodedResource)),
    signature: unescaped(signature),
    expirySeconds: Number(expiry),
    policy: unescaped(policy),
  };
}

/** The name of the policy that a signature claims; undefined if it cannot be read. */
export function claimedPolicy(token: string): string | undefined {
  try {
    return parseSignature(token).policy;
  } catch {
    return undefined;
  }
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

function keysOf(policy: SharedAccessPolicy): string[] {
  return policy.secondaryKey === undefined ? [policy.primaryKey] : [policy.primaryKey, policy.secondaryKey];
}

/** How a principal was won: with which key of which policy. */
interface Origin {
  readonly scope: string;
  readonly policy: string;
  readonly key: string;
}

/** The shared access policies of one namespace, and what is signed with their keys. */
export class SharedAccessPolicies {
  /** By scope, then by name; both in lower case. */
  readonly #scopes = new Map<string, Map<string, SharedAccessPolicy>>();
  readonly #origins = new WeakMap<Principal, Origin>();

  /**
   * Makes or replaces a policy. @param scope path of a queue or topic; empty for the namespace
   * @throws BrokerError InvalidArgument for a name, a key or rights that cannot be, QuotaExceeded beyond 12 at a scope
   */
  put(scope: string, policy: SharedAccessPolicy): void {
    const { name, rights } = policy;
    const wrong = (what: string): BrokerError =>
      new BrokerError(BrokerErrorCode.InvalidArgument, `The shared access policy '${name}' of '${scope}' ${what}.`);
    if (name.length === 0 || name.length > LONGEST_NAME) {
      throw wrong(`needs a name of 1 to ${LONGEST_NAME} characters`);
    }
    if (keysOf(policy).some((key) => key.length === 0)) {
      throw wrong("has an empty key");
    }
    const known: readonly string[] = Object.values(AccessRight);
    if (rights.length === 0 || rights.some((right) => !known.includes(right))) {
      throw wrong(`needs at least one of the rights ${known.join(", ")}; it was given [${rights.join(", ")}]`);
    }
    const policies = this.#scopes.get(scope.toLowerCase()) ?? new Map<string, SharedAccessPolicy>();
    if (policies.size >= MOST_AT_ONE_SCOPE && !policies.has(name.toLowerCase())) {
      throw new BrokerError(
        BrokerErrorCode.QuotaExceeded,
        `'${scope}' has ${policies.size} shared access policies already, the most there may be: delete one first.`,
      );
    }
    this.#scopes.set(scope.toLowerCase(), policies);
    policies.set(name.toLowerCase(), { ...policy, rights: [...rights] });
  }

  /** Makes the policies of a scope those given, and no others. */
  set(scope: string, policies: readonly SharedAccessPolicy[]): void {
    this.deleteScope(scope);
    for (const policy of policies) {
      this.put(scope, policy);
    }
  }

  /** True if there was such a policy. */
  delete(scope: string, name: string): boolean {
    return this.#scopes.get(scope.toLowerCase())?.delete(name.toLowerCase()) ?? false;
  }

  /** Policies go with their entity. */
  deleteScope(scope: string): void {
    this.#scopes.delete(scope.toLowerCase());
  }

  /**
   * Whom a shared access signature speaks for, put for `audience`. The policy is looked for at the entity, then above.
   * @throws BrokerError UnauthorizedAccess (malformed, wrong audience, unknown policy, wrong signature), ExpiredToken
   */
  verify(token: string, audience: Audience, now: number): Principal {
    const said = parseSignature(token);
    const { resource } = said;
    if (resource.host.toLowerCase() !== audience.host.toLowerCase() || !covers(resource.entity, audience.entity)) {
      throw invalid(
        "InvalidAudience",
        `The authorization header contains a token with a wrong audience: it is for '${resource.host}/${resource.entity}', and was put for '${audience.host}/${audience.entity}'.`,
      );
    }
    const signed = `${said.encodedResource}\n${said.expirySeconds}`;
    const origin = this.#find(said.policy, audience.entity, (key) =>
      sameText(createHmac("sha256", key).update(signed).digest("base64"), said.signature),
    );
    if (origin === undefined) {
      throw invalid("InvalidSignature", `The token has an invalid signature (shared access policy '${said.policy}').`);
    }
    const expiresAt = said.expirySeconds * 1_000;
    if (expiresAt <= now) {
      throw expiredToken(expiresAt);
    }
    return this.#principal(origin, expiresAt, resource.entity);
  }

  /** Whom a policy's name and key speak for at an entity, as SASL PLAIN gives them; undefined if they are wrong. */
  login(name: string, key: string): Principal | undefined {
    for (const scope of this.#scopes.keys()) {
      const origin = this.#originAt(scope, name, (candidate) => sameText(candidate, key));
      if (origin !== undefined) {
        return this.#principal(origin, Number.POSITIVE_INFINITY, scope);
      }
    }
    return undefined;
  }

  /** Whether a principal's policy still is, with the key that was used, and grants a right at an entity. */
  allows(principal: Principal, entity: string, right: AccessRight): boolean {
    const { sharedAccess } = principal;
    const origin = this.#origins.get(principal);
    if (sharedAccess === undefined || origin === undefined || !covers(sharedAccess.scope, entity)) {
      return false;
    }
    const policy = this.#scopes.get(origin.scope)?.get(origin.policy);
    return (
      policy !== undefined &&
      // A queue's name may begin with another's: what is said of `a` is not said of `a/b`.
      scopesOf(entity).includes(origin.scope) &&
      keysOf(policy).includes(origin.key) &&
      (policy.rights.includes(right) || policy.rights.includes(AccessRight.Manage))
    );
  }

  #find(name: string, entity: string, fits: (key: string) => boolean): Origin | undefined {
    for (const scope of scopesOf(entity)) {
      const origin = this.#originAt(scope, name, fits);
      if (origin !== undefined) {
        return origin;
      }
    }
    return undefined;
  }

  #originAt(scope: string, name: string, fits: (key: string) => boolean): Origin | undefined {
    const policy = this.#scopes.get(scope)?.get(name.toLowerCase());
    const key = policy === undefined ? undefined : keysOf(policy).find(fits);
    return key === undefined ? undefined : { scope, policy: name.toLowerCase(), key };
  }

  /** It holds where both the policy and the signed resource do. */
  #principal(origin: Origin, expiresAt: number, resource: string): Principal {
    const policy = this.#scopes.get(origin.scope)?.get(origin.policy);
    const name = policy?.name ?? origin.policy;
    const principal: Principal = {
      id: name,
      name,
      expiresAt,
      sharedAccess: {
        scope: covers(origin.scope, resource) ? resource : origin.scope,
        rights: policy?.rights ?? [],
      },
    };
    this.#origins.set(principal, origin);
    return principal;
  }
}

/** Refuses policies that cannot be, before anything is changed; as `SharedAccessPolicies.put` does. */
export function checkPolicies(scope: string, policies: readonly SharedAccessPolicy[]): void {
  new SharedAccessPolicies().set(scope, policies);
}

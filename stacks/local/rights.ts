import {
  type AccessControl,
  AccessRight,
  BrokerError,
  BrokerErrorCode,
  type Clock,
  type Principal,
  systemClock,
} from "./broker/index.js";
import { type Directory, type TokenHolder, TokenProblem, TokenRefused } from "./entra/index.js";
import type { RoleAssignment } from "./providers/azure-native/index.js";

/** Azure's built-in roles of Service Bus, by the id of their definition, and what each allows. */
const ROLES: Readonly<Record<string, readonly AccessRight[]>> = {
  "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": [AccessRight.Send],
  "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": [AccessRight.Listen],
  "090c5cfd-751d-490a-894a-3ce6f1109419": [AccessRight.Send, AccessRight.Listen, AccessRight.Manage],
};

/** How Service Bus names what is wrong with a token. */
const REFUSALS: Readonly<Record<TokenProblem, string>> = {
  [TokenProblem.Malformed]: "MalformedToken: The token is malformed.",
  [TokenProblem.Signature]: "InvalidSignature: The token has an invalid signature.",
  [TokenProblem.Issuer]: "InvalidIssuer: The token has an invalid issuer.",
  [TokenProblem.Audience]: "InvalidAudience: The token has an invalid audience.",
  [TokenProblem.Expired]: "ExpiredToken: The token is expired.",
  [TokenProblem.NotYet]: "InvalidToken: The token is not valid yet.",
};

export interface RightsOptions {
  /** Reads access tokens; throws TokenRefused. `now` in milliseconds since 1970. */
  readonly verify: (token: string, now: number) => Promise<TokenHolder>;
  /** Who there is, for names in the access log. */
  readonly directory: Pick<Directory, "nameOf">;
  /** How long a new or a removed assignment takes to count, in seconds: minutes in Azure. @default 0 */
  readonly propagationSeconds?: number;
  /** @default the machine's time */
  readonly clock?: Clock;
}

/** An assignment, and when it counts; milliseconds since 1970. */
interface Held {
  readonly assignment: RoleAssignment;
  readonly from: number;
  until: number;
}

/** Who may do what on the local bus: what role assignments say, decided as Azure does, with its delay where one is asked for. */
export class LocalRights {
  private readonly held = new Map<string, Held[]>();
  private readonly timers = new Set<() => void>();
  private readonly listeners = new Set<() => void>();
  private readonly clock: Clock;
  private readonly delayMs: number;

  constructor(private readonly options: RightsOptions) {
    this.clock = options.clock ?? systemClock;
    this.delayMs = (options.propagationSeconds ?? 0) * 1_000;
  }

  /** Keeps an assignment; it counts once it has been there for as long as propagation takes. */
  put(id: string, assignment: RoleAssignment): void {
    const key = id.toLowerCase();
    const others = this.held.get(key) ?? [];
    const now = this.clock.now();
    const standing = others.find((each) => each.until === Number.POSITIVE_INFINITY);
    if (standing !== undefined && says(standing.assignment) === says(assignment)) return;
    if (standing !== undefined) standing.until = now + this.delayMs;
    const from = Math.max(now, assignment.madeAt + this.delayMs);
    this.held.set(key, [...others, { assignment, from, until: Number.POSITIVE_INFINITY }]);
    this.changes(from);
  }

  /** Forgets an assignment; it goes on counting for as long as propagation takes. */
  delete(id: string): void {
    const until = this.clock.now() + this.delayMs;
    for (const each of this.held.get(id.toLowerCase()) ?? []) each.until = Math.min(each.until, until);
    this.changes(until);
  }

  /** Calls back each time that what somebody may do has changed. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /** Calls off what is still to come. */
  close(): void {
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    this.listeners.clear();
  }

  /**
   * The decisions for one namespace.
   * @param namespaceId its resource id
   */
  accessTo(namespaceId: string): AccessControl {
    return {
      identify: (token, now) => this.identify(token, now),
      allows: (principal, entity, right) => this.allows(principal.id, namespaceId, entity, right),
    };
  }

  private async identify(token: string, now: number): Promise<Principal> {
    try {
      const { principalId, expiresAt } = await this.options.verify(token, now);
      return { id: principalId, name: this.options.directory.nameOf(principalId) ?? principalId, expiresAt };
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      const expired = error.problem === TokenProblem.Expired;
      throw new BrokerError(
        expired ? BrokerErrorCode.ExpiredToken : BrokerErrorCode.UnauthorizedAccess,
        `${REFUSALS[error.problem]} ${error.message}`,
      );
    }
  }

  private allows(principalId: string, namespaceId: string, entity: string, right: AccessRight): boolean {
    const now = this.clock.now();
    return [...this.held.values()].flat().some(({ assignment, from, until }) => {
      if (now < from || now >= until || !same(assignment.principalId, principalId)) return false;
      if (!rolesOf(assignment).includes(right)) return false;
      const scope = scopePath(assignment.scope, namespaceId);
      return scope !== undefined && reaches(scope, entity, isQueue(assignment.scope));
    });
  }

  /** Tells of a change when it comes: at once, or after what propagation takes. */
  private changes(at: number): void {
    const tell = () => {
      this.forgetEnded();
      for (const listener of this.listeners) listener();
    };
    const wait = at - this.clock.now();
    if (wait <= 0) {
      tell();
      return;
    }
    const cancel = this.clock.after(wait, () => {
      this.timers.delete(cancel);
      tell();
    });
    this.timers.add(cancel);
  }

  private forgetEnded(): void {
    const now = this.clock.now();
    for (const [key, all] of this.held) {
      const left = all.filter(({ until }) => until > now);
      if (left.length === 0) this.held.delete(key);
      else this.held.set(key, left);
    }
  }
}

/**
 * Path of what a scope is in a namespace, as the broker names entities: `orders`, `events/Subscriptions/audit`, empty
 * for the namespace and for what it lies in (its resource group, its subscription). Undefined where the scope is
 * somewhere else.
 */
export function scopePath(scope: string, namespaceId: string): string | undefined {
  const [at, namespace] = [scope.replace(/\/+$/, ""), namespaceId.toLowerCase()];
  if (namespace === at.toLowerCase() || namespace.startsWith(`${at.toLowerCase()}/`)) return "";
  if (!at.toLowerCase().startsWith(`${namespace}/`)) return undefined;
  const match = /^\/(?:queues|topics)\/([^/]+)(?:\/subscriptions\/([^/]+))?$/i.exec(at.slice(namespace.length));
  if (match === null) return undefined;
  const [, entity = "", subscription] = match;
  // A slash in the name of an entity is a tilde in its id.
  const path = entity.replaceAll("~", "/");
  return subscription === undefined ? path : `${path}/Subscriptions/${subscription}`;
}

/** True for the id of a queue: nothing lies in one, whatever the names of others begin with. */
function isQueue(scope: string): boolean {
  return /\/queues\/[^/]+\/*$/i.test(scope);
}

/** True where a right on `scope` holds for `entity`: the same, or a topic's subscription. `a/b` does not lie in `a`. */
function reaches(scope: string, entity: string, queue: boolean): boolean {
  const [above, path] = [scope.toLowerCase(), entity.toLowerCase()];
  return above === "" || above === path || (!queue && path.startsWith(`${above}/subscriptions/`));
}

function rolesOf({ roleDefinitionId }: RoleAssignment): readonly AccessRight[] {
  return ROLES[roleDefinitionId.split("/").at(-1)?.toLowerCase() ?? ""] ?? [];
}

/** What an assignment allows, whatever its description and its date are. */
function says({ scope, principalId, roleDefinitionId }: RoleAssignment): string {
  return [scope, principalId, roleDefinitionId].join("\n").toLowerCase();
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

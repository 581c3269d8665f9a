import { type IdentityKind, type PrincipalType, type Right, type RightsEntry, RightsScope } from "./args.js";

/** What a bus tells apart when it lets somebody in. */
export const AccessRight = {
  Send: "send",
  /** Receive, peek, settle. */
  Listen: "listen",
  /** Counts, settings and rules; includes the other two. */
  Manage: "manage",
} as const;
export type AccessRight = (typeof AccessRight)[keyof typeof AccessRight];

/** An entity as the matrix has it. */
export interface MatrixEntity {
  /** Name of the Service Bus namespace. */
  namespace: string;
  kind: Exclude<RightsScope, "namespace">;
  /** `renders`, `events`, `events/subscriptions/audit`. */
  path: string;
}

/** An identity as the matrix has it. */
export interface MatrixIdentity {
  identity: string;
  kind: IdentityKind;
  principalType: PrincipalType;
}

/** What an identity can do at an entity, from whatever it was granted there or above. */
export interface EffectiveRights extends MatrixIdentity, MatrixEntityName {
  /** What there is: nobody sends to a subscription, and nobody receives from a topic itself. */
  access: { [A in AccessRight]: boolean };
  /** What it follows from: `queue renders`, `topic events`, `namespace`. */
  grantedOn: string[];
}

interface MatrixEntityName {
  namespace: string;
  entity: string;
}

/** What a role allows on what it is assigned to. Data Owner holds every action, sending and receiving included. */
const ALLOWS: { [R in Right]: AccessRight[] } = {
  send: [AccessRight.Send],
  receive: [AccessRight.Listen],
  manage: [AccessRight.Send, AccessRight.Listen, AccessRight.Manage],
};

/** What can be done with an entity of a kind at all. */
const POSSIBLE: { [K in MatrixEntity["kind"]]: AccessRight[] } = {
  queue: [AccessRight.Send, AccessRight.Listen, AccessRight.Manage],
  topic: [AccessRight.Send, AccessRight.Manage],
  subscription: [AccessRight.Listen, AccessRight.Manage],
};

/** Entities are named without regard to case. */
const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/**
 * Whether a row holds for an entity: the one that it names, and what lies in it. A queue's name may contain slashes
 * and contains nothing all the same: only a topic holds subscriptions.
 */
function covers({ scope, entity }: RightsEntry, path: string): boolean {
  if (scope === RightsScope.Namespace) return true;
  if (same(entity, path)) return true;
  return scope === RightsScope.Topic && path.toLowerCase().startsWith(`${entity.toLowerCase()}/subscriptions/`);
}

/** The rows by which an identity has an access at an entity. */
function reasons(rights: RightsEntry[], identity: string, path: string, access: AccessRight, namespace?: string) {
  return rights.filter(
    (row) =>
      row.identity === identity &&
      (namespace === undefined || same(row.namespace, namespace)) &&
      ALLOWS[row.right].includes(access) &&
      covers(row, path),
  );
}

/**
 * Whether the rows allow an identity to do something at an entity, as Azure decides it: a role that is assigned to a
 * namespace holds for all its entities, one on a topic for its subscriptions, and what no row allows is refused.
 * `entity` is a path; empty for the namespace itself. Without `namespace` the rows of every namespace count.
 */
export function allowed(
  rights: RightsEntry[],
  identity: string,
  entity: string,
  access: AccessRight,
  namespace?: string,
): boolean {
  return reasons(rights, identity, entity, access, namespace).length > 0;
}

/** The identities that have any right, each once, in the order of their first. */
export function identitiesOf(rights: RightsEntry[]): MatrixIdentity[] {
  const byName = new Map<string, MatrixIdentity>();
  for (const { identity, kind, principalType } of rights)
    if (!byName.has(identity)) byName.set(identity, { identity, kind, principalType });
  return [...byName.values()];
}

/** The whole matrix: a row for every identity at every entity, what is refused included. */
export function effectiveRights(
  rights: RightsEntry[],
  entities: MatrixEntity[],
  identities: MatrixIdentity[] = identitiesOf(rights),
): EffectiveRights[] {
  return entities.flatMap(({ namespace, kind: entityKind, path }) =>
    identities.map((who) => {
      const why = (access: AccessRight) =>
        POSSIBLE[entityKind].includes(access) ? reasons(rights, who.identity, path, access, namespace) : [];
      const found = { send: why(AccessRight.Send), listen: why(AccessRight.Listen), manage: why(AccessRight.Manage) };
      const rows = [...new Set([...found.send, ...found.listen, ...found.manage])];
      return {
        ...who,
        namespace,
        entity: path,
        access: { send: found.send.length > 0, listen: found.listen.length > 0, manage: found.manage.length > 0 },
        grantedOn: [...new Set(rows.map(({ scope, entity }) => (entity === "" ? scope : `${scope} ${entity}`)))],
      };
    }),
  );
}

const HEAD = ["namespace", "entity", "identity", "kind", "principal", "send", "listen", "manage", "granted on"];

/**
 * The matrix as a table to read: a line for every identity that can do something at an entity, and one for every entity
 * that nobody can use. Identities without any right are named below it.
 */
export function rightsTable(
  rights: RightsEntry[],
  entities: MatrixEntity[],
  identities: MatrixIdentity[] = identitiesOf(rights),
): string {
  const cells = effectiveRights(rights, entities, identities).filter((row) => row.grantedOn.length > 0);
  const lines = entities.flatMap(({ namespace, path }) => {
    const here = cells.filter((row) => row.namespace === namespace && row.entity === path);
    if (here.length === 0) return [[namespace, path, "nobody", "", "", "no", "no", "no", ""]];
    return here.map(({ identity, kind, principalType, access, grantedOn }) => [
      namespace,
      path,
      identity,
      kind,
      principalType,
      ...[access.send, access.listen, access.manage].map((yes) => (yes ? "yes" : "no")),
      grantedOn.join(", "),
    ]);
  });
  const without = identities.filter(({ identity }) => !cells.some((row) => row.identity === identity));
  return [
    ...columns([HEAD, ...lines]),
    "Whatever is not listed is refused.",
    ...without.map(({ identity, kind }) => `Without any right here: ${identity} (${kind}).`),
  ].join("\n");
}

/** Lines whose cells stand below each other. */
function columns(lines: string[][]): string[] {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

import { type Client, errors, types } from "cassandra-driver";
import { StowageError } from "../../../contract/index.js";
import { REQUEST_MS, SCHEMA_MS } from "../client.js";
import { literal, quoted } from "../cql.js";
import { describe } from "../describe.js";
import { nodesOf, replicationOf } from "../schema/state.js";
import { alterReplication } from "../schema/statements.js";

/** Codes of what keeps a ring from being administered. */
export const AccessCode = {
  /** The role of the connection may not do it. */
  RightsMissing: "RightsMissing",
  /** Roles and passwords are not on all of their replicas. */
  NotReplicated: "SystemAuthNotReplicated",
  /** A secret cannot be filled. */
  NotPublished: "SecretNotPublished",
} as const;
export type AccessCode = (typeof AccessCode)[keyof typeof AccessCode];

/** Where Cassandra keeps roles, passwords and rights. */
const KEYSPACE = "system_auth";
/** Replicas of it in each datacenter that has so many nodes: a login must not hang on one node, or two. */
const REPLICAS = 3;
/** Rows of one page. */
const PAGE = 500;

/** Whether the ring asks for passwords, found out by what only a role can ask. */
export async function asksForPasswords(client: Client): Promise<boolean> {
  try {
    await client.execute("LIST ROLES", [], { prepare: false });
    return true;
  } catch (error) {
    // Without authentication everybody is anonymous, and the anonymous may not ask this.
    if (error instanceof errors.ResponseError && error.code === types.responseErrorCodes.unauthorized) return false;
    throw error;
  }
}

/**
 * Replicates roles and passwords min(3, nodes) times in every datacenter, and repairs them: each row is read at ALL, whose
 * blocking read repair writes to every replica what it lacks, and then read at ALL again. Until then a login may meet a
 * replica that has never heard of the role. A datacenter with more replicas than that keeps them. `known`: whether roles
 * of a pipeline are there, which are made after this; with them, and without a change, a node that is down is no obstacle.
 */
export async function replicateSystemAuth(
  client: Client,
  known: boolean,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const before = await replication(client);
  const wanted = wantedReplicas(nodesOf(client), before);
  const changed = before.strategy !== "NetworkTopologyStrategy" || !same(before.replicas, wanted);
  if (changed) {
    await administer(client, alterReplication(KEYSPACE, wanted));
    say(`done      replicate ${KEYSPACE} ${text(wanted)}`);
  }
  try {
    for (const pass of ["repair", "verify"] as const) {
      const rows = await readAll(client, signal);
      if (changed && pass === "verify") say(`done      repair ${KEYSPACE}: ${rows} rows, each on all of its replicas`);
    }
  } catch (error) {
    signal.throwIfAborted();
    const unentitled = withoutRights(error);
    if (unentitled !== undefined) throw unentitled;
    const down = client.hosts.values().some((host) => !host.isUp());
    if (!changed && known && down) {
      say(`left      repair ${KEYSPACE}: a node is down (${describe(error)})`);
      return;
    }
    throw new StowageError(
      AccessCode.NotReplicated,
      `Roles and passwords cannot be read from all of their replicas (${text(wanted)}): ${describe(error)} All nodes must ` +
        "be up while authentication is set up. Check nodetool status, and run it again.",
      { cause: error },
    );
  }
}

/** Replicas by datacenter: min(3, nodes), and where there are more of them already, those. */
export function wantedReplicas(
  nodes: { readonly [datacenter: string]: number },
  before: { strategy: string; replicas: { readonly [datacenter: string]: number } },
): { [datacenter: string]: number } {
  const kept = before.strategy === "NetworkTopologyStrategy" ? before.replicas : {};
  return Object.fromEntries(
    Object.entries(nodes)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([datacenter, count]) => [
        datacenter,
        Math.max(Math.min(REPLICAS, count), Math.min(kept[datacenter] ?? 0, count)),
      ]),
  );
}

function same(a: { readonly [key: string]: number }, b: { readonly [key: string]: number }): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function text(replicas: { readonly [datacenter: string]: number }): string {
  return Object.entries(replicas)
    .map(([datacenter, count]) => `${datacenter}: ${count}`)
    .join(", ");
}

async function replication(client: Client): Promise<ReturnType<typeof replicationOf>> {
  const found = await client.execute(
    `SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ${literal(KEYSPACE)}`,
    [],
    { prepare: false },
  );
  return replicationOf(found.first());
}

/** Reads every row of every table at ALL; gives how many there are. */
async function readAll(client: Client, signal: AbortSignal): Promise<number> {
  const tables = await client.execute(
    `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ${literal(KEYSPACE)}`,
    [],
    { prepare: false },
  );
  let rows = 0;
  for (const table of tables.rows) {
    let pageState: string | undefined;
    do {
      signal.throwIfAborted();
      const page = await client.execute(
        `SELECT * FROM ${quoted(KEYSPACE)}.${quoted(String(table["table_name"]))}`,
        [],
        {
          consistency: types.consistencies.all,
          prepare: false,
          fetchSize: PAGE,
          readTimeout: REQUEST_MS,
          ...(pageState === undefined ? {} : { pageState }),
        },
      );
      rows += page.rows.length;
      pageState = page.pageState ?? undefined;
    } while (pageState !== undefined);
  }
  return rows;
}

/** Carries out a statement of an administrator, and gives its rows. Throws a StowageError that says which right is missing. */
export async function administer(client: Client, statement: string): Promise<types.Row[]> {
  try {
    const result = await client.execute(statement, [], {
      prepare: false,
      isIdempotent: true,
      readTimeout: SCHEMA_MS,
    });
    // A list of nothing comes as an answer without rows, which the driver's types do not know.
    const rows: types.Row[] | undefined = result.rows;
    return rows ?? [];
  } catch (error) {
    throw withoutRights(error) ?? error;
  }
}

/** What a role without rights is told; undefined where the error is another. */
export function withoutRights(error: unknown): StowageError | undefined {
  if (!(error instanceof errors.ResponseError) || error.code !== types.responseErrorCodes.unauthorized)
    return undefined;
  return new StowageError(
    AccessCode.RightsMissing,
    `The role of the connection has not the right: ${describe(error)} Run it as a superuser, whose secret the schema job mounts.`,
    { cause: error },
  );
}

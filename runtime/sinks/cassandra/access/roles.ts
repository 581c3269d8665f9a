import { setTimeout as pause } from "node:timers/promises";
import { type Client, errors } from "cassandra-driver";
import { type CassandraConnection, StowageError } from "../../../contract/index.js";
import { connectOne } from "../client.js";
import { literal, qualified, quoted } from "../cql.js";
import { isLoginError } from "./connectFailure.js";
import type { Login } from "./credentials.js";
import { AccessCode, administer, withoutRights } from "./systemAuth.js";

/** The role that people read tables with. */
export const READER_ROLE = "stowage_reader";

/** The two roles of a pipeline: one is used while the other one's password is changed. */
export function rolesOf(pipeline: string): [string, string] {
  const name = `stowage_${pipeline.replaceAll("-", "_")}`;
  return [`${name}_a`, `${name}_b`];
}

/** Rights on a table, in CQL's words. MODIFY is INSERT, UPDATE, DELETE, and TRUNCATE with them: Cassandra knows nothing finer. */
export const TableRight = { Select: "SELECT", Modify: "MODIFY" } as const;
export type TableRight = (typeof TableRight)[keyof typeof TableRight];

/** What a role may do with a table. */
export interface Grant {
  table: { keyspace: string; name: string };
  rights: readonly TableRight[];
}

/** What makes and changes roles; a test has one of its own. */
export interface RoleAdmin {
  /** Which of the roles are there. */
  existing(roles: readonly string[]): Promise<string[]>;
  /**
   * Makes the role where it is not there, with a password that nobody knows, and gives it these rights. With `exact` all
   * others are taken from it, and every role that was granted to it; without it those on other tables stay.
   */
  ensure(role: string, grants: readonly Grant[], exact: boolean): Promise<void>;
  setPassword(login: Login): Promise<void>;
  /** True once each node that is up lets the role in; false where one still refuses it after `patienceMilliseconds`. */
  logsIn(login: Login, patienceMilliseconds: number, signal: AbortSignal): Promise<boolean>;
}

/** Wait before a node that refuses a role is asked again, in milliseconds. */
const PAUSE_MS = 500;

/** Roles of a ring, by a client that may administer it. */
export class RingRoles implements RoleAdmin {
  constructor(
    private readonly client: Client,
    private readonly connection: CassandraConnection,
    private readonly newPassword: () => string,
  ) {}

  async existing(roles: readonly string[]): Promise<string[]> {
    const found = await administer(this.client, "LIST ROLES");
    const names = new Set(found.rows.map((row) => String(row["role"])));
    return roles.filter((role) => names.has(role));
  }

  async ensure(role: string, grants: readonly Grant[], exact: boolean): Promise<void> {
    const { client } = this;
    await this.secretly(
      `CREATE ROLE IF NOT EXISTS ${quoted(role)} WITH LOGIN = true AND SUPERUSER = false AND PASSWORD = `,
      { username: role, password: this.newPassword() },
    );
    const roles = await administer(client, `LIST ROLES OF ${quoted(role)} NORECURSIVE`);
    for (const row of roles.rows) {
      const name = String(row["role"]);
      if (name !== role) await administer(client, `REVOKE ${quoted(name)} FROM ${quoted(role)}`);
      else if (row["super"] === true || row["login"] !== true)
        await administer(client, `ALTER ROLE ${quoted(role)} WITH SUPERUSER = false AND LOGIN = true`);
    }
    const held = await administer(client, `LIST ALL PERMISSIONS OF ${quoted(role)} NORECURSIVE`);
    const rights = held.rows.map((row) => ({ right: String(row["permission"]), on: String(row["resource"]) }));
    const wanted = grants.flatMap(({ table, rights: all }) =>
      all.map((right) => ({ right, on: `<table ${table.keyspace}.${table.name}>`, table })),
    );
    for (const { right, on } of rights) {
      const stays = wanted.some((one) => one.right === right && one.on === on);
      const others = !exact && right === TableRight.Select && on.startsWith("<table ");
      if (!stays && !others)
        await administer(client, `REVOKE ${right} ON ${resource(role, right, on)} FROM ${quoted(role)}`);
    }
    for (const { right, on, table } of wanted)
      if (!rights.some((one) => one.right === right && one.on === on))
        await administer(client, `GRANT ${right} ON TABLE ${qualified(table)} TO ${quoted(role)}`);
  }

  async setPassword(login: Login): Promise<void> {
    await this.secretly(`ALTER ROLE ${quoted(login.username)} WITH PASSWORD = `, login);
  }

  async logsIn(login: Login, patienceMilliseconds: number, signal: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + patienceMilliseconds;
    const up = this.client.getState().getConnectedHosts();
    for (const { address } of up)
      while (!(await this.letsIn(address, login))) {
        if (performance.now() > deadline) return false;
        await pause(PAUSE_MS, undefined, { signal });
      }
    return true;
  }

  /** Throws where the node cannot be asked. */
  private async letsIn(address: string, login: Login): Promise<boolean> {
    try {
      const client = await connectOne(this.connection, address, login);
      await client.shutdown();
      return true;
    } catch (error) {
      const inner = error instanceof errors.NoHostAvailableError ? Object.values<unknown>(error.innerErrors ?? {}) : [];
      if ([error, ...inner].some(isLoginError)) return false;
      throw error;
    }
  }

  /** A statement that ends with the password: it is in no error, and no log of the driver. A role's password cannot be bound. */
  private async secretly(statement: string, { username, password }: Login): Promise<void> {
    try {
      await this.client.execute(statement + literal(password), [], { prepare: false, isIdempotent: true });
    } catch (error) {
      const known = withoutRights(error);
      if (known !== undefined) throw known;
      const words = (error instanceof Error ? error.message : String(error)).replaceAll(password, "…");
      throw new Error(`The password of role ${username} cannot be set: ${words}`);
    }
  }
}

/** How Cassandra lists what a right is on, and how it is revoked. */
const RESOURCES: [RegExp, (name: string) => string][] = [
  [/^<all keyspaces>$/, () => "ALL KEYSPACES"],
  [/^<all tables in (\w+)>$/, (name) => `ALL TABLES IN KEYSPACE ${quoted(name)}`],
  [/^<keyspace (\w+)>$/, (name) => `KEYSPACE ${quoted(name)}`],
  [/^<table (\w+\.\w+)>$/, (name) => `TABLE ${name.split(".").map(quoted).join(".")}`],
  [/^<all roles>$/, () => "ALL ROLES"],
  [/^<role (\S+)>$/, (name) => `ROLE ${quoted(name)}`],
  [/^<all functions>$/, () => "ALL FUNCTIONS"],
  [/^<all functions in (\w+)>$/, (name) => `ALL FUNCTIONS IN KEYSPACE ${quoted(name)}`],
  [/^<all mbeans>$/, () => "ALL MBEANS"],
];

function resource(role: string, right: string, listed: string): string {
  for (const [pattern, cql] of RESOURCES) {
    const found = pattern.exec(listed);
    if (found !== null) return cql(found[1] ?? "");
  }
  throw new StowageError(
    AccessCode.RightsMissing,
    `Role ${role} has ${right} on ${listed}, which is more than it needs. Revoke it, and run this again.`,
  );
}

import { setTimeout as pause } from "node:timers/promises";
import { type Client, errors } from "cassandra-driver";
import { type CassandraConnection, StowageError } from "../../../contract/index.js";
import { connectOne, SCHEMA_MS } from "../client.js";
import { literal, qualified, quoted } from "../cql.js";
import { describe } from "../describe.js";
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
   * Makes the role where it is not there, without a password, so that nobody is let in, and gives it these rights. With `exact` all
   * others are taken from it, and every role that was granted to it; without it those on other tables stay.
   */
  ensure(role: string, grants: readonly Grant[], exact: boolean): Promise<void>;
  /** Waits where the ring takes no second change within some seconds. */
  setPassword(login: Login, signal: AbortSignal): Promise<void>;
  /** True once each node that is up lets the role in; false where one still refuses it after `patienceMilliseconds`. */
  logsIn(login: Login, patienceMilliseconds: number, signal: AbortSignal): Promise<boolean>;
}

/** Wait before a node that refuses a role, or a password, is asked again, in milliseconds. */
const PAUSE_MS = 500;
/** What Cassandra says of a password that was changed too recently, and how long that is waited for, in milliseconds. */
const TOO_SOON = "can only be changed every";
const TOO_SOON_MS = 30_000;

/** Roles of a ring, by a client that may administer it. */
export class RingRoles implements RoleAdmin {
  constructor(
    private readonly client: Client,
    private readonly connection: CassandraConnection,
  ) {}

  async existing(roles: readonly string[]): Promise<string[]> {
    const found = await administer(this.client, "LIST ROLES");
    const names = new Set(found.map((row) => String(row["role"])));
    return roles.filter((role) => names.has(role));
  }

  async ensure(role: string, grants: readonly Grant[], exact: boolean): Promise<void> {
    const { client } = this;
    await administer(client, `CREATE ROLE IF NOT EXISTS ${quoted(role)} WITH LOGIN = true AND SUPERUSER = false`);
    const roles = await administer(client, `LIST ROLES OF ${quoted(role)} NORECURSIVE`);
    for (const row of roles) {
      const name = String(row["role"]);
      if (name !== role) await administer(client, `REVOKE ${quoted(name)} FROM ${quoted(role)}`);
      else if (row["super"] === true || row["login"] !== true)
        await administer(client, `ALTER ROLE ${quoted(role)} WITH SUPERUSER = false AND LOGIN = true`);
    }
    const held = await administer(client, `LIST ALL PERMISSIONS OF ${quoted(role)} NORECURSIVE`);
    const rights = held.map((row) => ({ right: String(row["permission"]), on: String(row["resource"]) }));
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

  async setPassword(login: Login, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + TOO_SOON_MS;
    while (!(await this.tryPassword(login))) {
      if (performance.now() > deadline)
        throw new StowageError(
          AccessCode.NotPublished,
          `Cassandra lets the password of role ${login.username} be changed only once in a while, and it was changed just ` +
            "now by somebody else. Run one job at a time.",
        );
      await pause(PAUSE_MS, undefined, { signal });
    }
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

  /**
   * False where it was changed too recently: since 5.0 Cassandra takes no second change within 5 s. The statement holds the
   * password, since a role's cannot be bound: it is in no error, and in no log of the driver.
   */
  private async tryPassword({ username, password }: Login): Promise<boolean> {
    try {
      const statement = `ALTER ROLE ${quoted(username)} WITH PASSWORD = ${literal(password)}`;
      await this.client.execute(statement, [], { prepare: false, isIdempotent: true, readTimeout: SCHEMA_MS });
      return true;
    } catch (error) {
      const words = describe(error).replaceAll(password, "…");
      if (words.includes(TOO_SOON)) return false;
      throw withoutRights(error) ?? new Error(`The password of role ${username} cannot be set: ${words}`);
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

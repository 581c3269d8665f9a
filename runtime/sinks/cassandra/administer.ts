import { readFileSync } from "node:fs";
import type { Client } from "cassandra-driver";
import {
  type CassandraConnection,
  type CassandraSink,
  type Connection,
  type Duration,
  durationSeconds,
  NotBegunError,
  type Pipeline,
  StowageError,
} from "../../contract/index.js";
import { newPassword } from "../../support/password.js";
import type { SecretStore } from "../../support/secretStore.js";
import { ConnectError } from "./access/connectFailure.js";
import { type Grant, READER_ROLE, RingRoles, rolesOf, TableRight } from "./access/roles.js";
import { type Publication, publishLogin, type Rotation, rotate } from "./access/rotation.js";
import { AccessCode, asksForPasswords, replicateSystemAuth, withoutRights } from "./access/systemAuth.js";
import { connectWhenUp } from "./client.js";
import { cassandraParts } from "./parts.js";
import { bringSchema, planOf } from "./schema/apply.js";
import { type Change, planSchema } from "./schema/plan.js";
import { wantedSchema } from "./schema/state.js";

/** How a pipeline's schema is applied. */
export interface ApplyOptions {
  /** Lossy changes that may be made, each in the words of the plan. @default none */
  allow?: readonly string[] | undefined;
  /** The secret that the worker's role and password go to. Without it only roles that are there get their rights. */
  publish?: SecretStore | undefined;
  /** The secret that the role for reading goes to, which is made with it. */
  reader?: SecretStore | undefined;
  /** Is told each step. @default nobody */
  say?: ((line: string) => void) | undefined;
}

/** How a role is rotated. */
export interface RotateOptions {
  publish: SecretStore;
  /** Nothing is done within this time of the last rotation. */
  rest: Duration;
  say?: ((line: string) => void) | undefined;
  /** Milliseconds since 1970. @default Date.now */
  now?: (() => number) | undefined;
}

/**
 * Brings about what a pipeline needs of its ring, as a superuser, in this order: where passwords are asked for,
 * `system_auth` on enough replicas and repaired; keyspace, types and tables; the roles with exactly their rights; the
 * secrets. Run twice, it changes nothing the second time. Throws a StowageError where something is refused.
 */
export async function applySchema(
  pipeline: Pipeline,
  connection: Connection,
  signal: AbortSignal,
  { allow, publish, reader, say = () => undefined }: ApplyOptions = {},
): Promise<void> {
  const { sink, cassandra } = cassandraParts(pipeline, connection);
  const client = await reached(cassandra, signal);
  try {
    const admin = new RingRoles(client, cassandra);
    const roles = rolesOf(pipeline.name);
    const asks = await asksForPasswords(client);
    const before = asks ? await admin.existing(roles) : [];
    if (asks) await replicateSystemAuth(client, before.length > 0, say, signal);
    await bringSchema(client, wantedSchema(sink), signal, { allow, say });
    if (!asks) {
      if (publish !== undefined || reader !== undefined) throw noPasswords();
      return;
    }
    const made = publish === undefined ? roles.filter((role) => before.includes(role)) : roles;
    for (const role of made) await admin.ensure(role, grantsOf(sink), true);
    const publication = (secret: SecretStore): Publication => publicationOf(admin, secret, cassandra.tls?.caFile, say);
    if (publish !== undefined) await publishLogin(publication(publish), roles, signal);
    if (reader !== undefined) {
      await admin.ensure(READER_ROLE, [{ table: sink.table, rights: [TableRight.Select] }], false);
      await publishLogin(publication(reader), [READER_ROLE], signal);
    }
  } catch (error) {
    throw withoutRights(error) ?? error;
  } finally {
    await client.shutdown();
  }
}

/** The statements that make keyspace, types and tables from nothing, in order. No ring is needed. */
export function statementsOf(sink: CassandraSink): string[] {
  const nothing = { nodes: sink.replication, replication: undefined, types: [], tables: {} };
  return planSchema(nothing, wantedSchema(sink)).flatMap(({ statement }) => statement ?? []);
}

/** What `applySchema` would change of keyspace, types and tables. */
export async function diffSchema(pipeline: Pipeline, connection: Connection, signal: AbortSignal): Promise<Change[]> {
  const { sink, cassandra } = cassandraParts(pipeline, connection);
  const client = await reached(cassandra, signal);
  try {
    return await planOf(client, wantedSchema(sink));
  } finally {
    await client.shutdown();
  }
}

/** Turns from the role in use to the pipeline's other one, as a superuser. */
export async function rotateRole(
  pipeline: Pipeline,
  connection: Connection,
  signal: AbortSignal,
  { publish, rest, say = () => undefined, now = Date.now }: RotateOptions,
): Promise<Rotation> {
  const { sink, cassandra } = cassandraParts(pipeline, connection);
  const client = await reached(cassandra, signal);
  try {
    if (!(await asksForPasswords(client))) throw noPasswords();
    const publication = publicationOf(new RingRoles(client, cassandra), publish, cassandra.tls?.caFile, say);
    const grants = grantsOf(sink);
    return await rotate({ ...publication, now }, rolesOf(pipeline.name), grants, durationSeconds(rest) * 1000, signal);
  } finally {
    await client.shutdown();
  }
}

/** Connects, for a command that has done nothing yet. Throws a NotBegunError where the ring lets nobody in. */
async function reached(connection: CassandraConnection, signal: AbortSignal): Promise<Client> {
  try {
    return await connectWhenUp(connection, signal);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    throw new NotBegunError(error.code, error.message, { cause: error });
  }
}

/** What a worker needs of its own tables, its ledger among them: it writes, and a claim and a probe are reads. */
function grantsOf(sink: CassandraSink): Grant[] {
  return wantedSchema(sink).tables.map(({ shape }) => ({
    table: shape,
    rights: [TableRight.Select, TableRight.Modify],
  }));
}

function publicationOf(
  admin: RingRoles,
  secret: SecretStore,
  caFile: string | undefined,
  say: (line: string) => void,
): Publication {
  const authority = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
  return { admin, secret, authority, newPassword, now: Date.now, say };
}

function noPasswords(): StowageError {
  return new StowageError(
    AccessCode.NotPublished,
    "The ring asks for no password, so that there is no role to publish. Turn authentication on (PasswordAuthenticator, " +
      "CassandraAuthorizer), or leave out --publish and --reader.",
  );
}

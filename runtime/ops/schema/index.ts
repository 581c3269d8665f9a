import {
  type CassandraSink,
  type Connection,
  type Duration,
  type Pipeline,
  SinkKind,
  sinkKind,
} from "../../contract/index.js";
import { KubernetesSecret, secretNamed } from "../../kubernetes/index.js";
import type { Change } from "../../sinks/cassandra/index.js";
import { newPassword } from "../../support/password.js";
import type { SecretStore } from "../../support/secretStore.js";

export type { Change } from "../../sinks/cassandra/index.js";

/** A pipeline, and where its store is. */
export interface SchemaInput {
  pipeline: Pipeline;
  connection: Connection;
}

/** Where a service account's token is by itself: what `--kubernetes` names otherwise. */
export const KUBERNETES_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
/** How long a role is left alone after a rotation where nothing is said: longer than kubelet takes to bring a secret. */
export const ROTATION_REST: Duration = "5m";

/** What the command line says of a schema that is to be applied. */
export interface SchemaApplyOptions {
  /** Lossy changes that may be made, in the words of the plan. */
  allow?: readonly string[] | undefined;
  /** `NAMESPACE/SECRET` that the worker's role goes to. */
  publish?: string | undefined;
  /** `NAMESPACE/SECRET` that the role for reading goes to. */
  reader?: string | undefined;
  /** Folder with `token` and `ca.crt` of a service account. */
  kubernetes?: string | undefined;
}

/** The secret that an option names. Throws an InvalidInputError, or a StowageError outside of a cluster. */
export function secretOf(option: string, text: string, folder = KUBERNETES_FOLDER): SecretStore {
  return new KubernetesSecret({ ...secretNamed(option, text), folder });
}

/** Brings about what a pipeline's store needs. Those that need nothing have it. Each step is told to `say`. */
export async function schemaApply(
  { pipeline, connection }: SchemaInput,
  { allow, publish, reader, kubernetes }: SchemaApplyOptions,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (sinkKind(pipeline) !== SinkKind.Cassandra) return;
  const { applySchema } = await import("../../sinks/cassandra/index.js");
  await applySchema(pipeline, connection, signal, {
    allow,
    publish: publish === undefined ? undefined : secretOf("--publish", publish, kubernetes),
    reader: reader === undefined ? undefined : secretOf("--reader", reader, kubernetes),
    say,
  });
}

/** What would be changed; empty where nothing would. */
export async function schemaDiff({ pipeline, connection }: SchemaInput, signal: AbortSignal): Promise<Change[]> {
  if (sinkKind(pipeline) !== SinkKind.Cassandra) return [];
  return (await import("../../sinks/cassandra/index.js")).diffSchema(pipeline, connection, signal);
}

/** The statements that make a sink's keyspace, types and tables from nothing. */
export async function schemaStatements(sink: CassandraSink): Promise<string[]> {
  return (await import("../../sinks/cassandra/index.js")).statementsOf(sink);
}

/** The plan as text, a line each. */
export async function diffText(changes: readonly Change[]): Promise<string> {
  const { changeLine } = await import("../../sinks/cassandra/index.js");
  return changes.map((change) => `${changeLine(change)}\n`).join("");
}

/** The plan as one JSON object. */
export function diffJson(changes: readonly Change[]): string {
  return `${JSON.stringify({ same: changes.length === 0, changes })}\n`;
}

/** Turns to the pipeline's other role. Gives a sentence. */
export async function rotatePassword(
  { pipeline, connection }: SchemaInput,
  publish: SecretStore,
  rest: Duration,
  signal: AbortSignal,
): Promise<string> {
  const { rotateRole } = await import("../../sinks/cassandra/index.js");
  const done = await rotateRole(pipeline, connection, signal, { publish, rest });
  return done.kind === "rotated"
    ? `Secret ${publish.name} holds role ${done.to} with a new password; role ${done.from} keeps its own until the next time.`
    : `Secret ${publish.name} holds role ${done.role} since ${done.since}, less than ${rest} ago: nothing is done.`;
}

/** How often a secret is read anew where somebody else writes it at the same time. */
const FILL_TRIES = 10;

/** Fills the key `password` where it is empty, and never replaces it. Gives a sentence. */
export async function fillPassword(secret: SecretStore, signal: AbortSignal): Promise<string> {
  for (let tries = 0; tries < FILL_TRIES; tries++) {
    const { values, version } = await secret.read(signal);
    if ((values["password"] ?? "") !== "") return `Secret ${secret.name} has a password, which stays.`;
    if (await secret.write({ password: newPassword() }, version, signal))
      return `Secret ${secret.name} has a password now.`;
  }
  throw new Error(`Secret ${secret.name} was written by somebody else ${FILL_TRIES} times while it was about to be.`);
}

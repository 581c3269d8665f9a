import { isIP, connect as plain } from "node:net";
import { connect as secure } from "node:tls";
import { errors, types } from "cassandra-driver";
import { type CassandraConnection, RetryCode, StowageError } from "../../../contract/index.js";
import { describe, messageOf } from "../describe.js";

/** Why a ring cannot be used. */
export const ConnectReason = {
  /** Nobody answers, or none of those who do is of the datacenter. */
  Unreachable: "unreachable",
  /** Role and password are not what the ring knows. */
  Password: "password",
  /** The ring asks for a password, and there is none. */
  NoPassword: "noPassword",
  /** Role and password are not in their folder. */
  NoCredentials: "noCredentials",
  /** The ring speaks TLS, and the connection does not. */
  Plaintext: "plaintext",
  /** The connection speaks TLS, and the ring does not. */
  NoTls: "noTls",
  /** The nodes' certificate is signed by an authority that is not trusted. */
  Authority: "authority",
  /** The nodes' certificate bears another name. */
  ServerName: "serverName",
  /** The nodes' certificate has expired, or does not hold yet. */
  Validity: "validity",
} as const;
export type ConnectReason = (typeof ConnectReason)[keyof typeof ConnectReason];

/**
 * Thrown where a ring cannot be connected with: which of the reasons it is, and what to do. All of them may pass without
 * a change of the worker's: a secret is filled, an authority renewed, a node comes up.
 */
export class ConnectError extends StowageError {
  constructor(
    readonly reason: ConnectReason,
    message: string,
    options: ErrorOptions,
  ) {
    super(RetryCode.StoreUnavailable, message, options);
    this.name = "ConnectError";
  }
}

/** Time that a look at a port may take, in milliseconds, and how many contact points are looked at. */
const LOOK_MS = 3_000;
const LOOKS = 3;

/** What OpenSSL says of certificates whose signature leads to no authority that is trusted. */
const UNTRUSTED = new Set([
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** The reason for which the ring could not be connected with, in a sentence. Looks at the ports where the error leaves it open. */
export async function connectFailure(connection: CassandraConnection, error: unknown): Promise<ConnectError> {
  const { contactPoints, port, localDatacenter } = connection;
  const causes = causesOf(error);
  const say = (reason: ConnectReason, sentence: string) => new ConnectError(reason, sentence, { cause: error });
  const at = `the ring at ${contactPoints.join(", ")}, port ${port},`;
  for (const cause of causes) {
    const found = certificateFault(connection, cause) ?? credentialFault(connection, cause, at);
    if (found !== undefined) return say(...found);
  }
  const speaks = await spokenAt(connection);
  if (speaks === "tls" && connection.tls === undefined)
    return say(
      ConnectReason.Plaintext,
      `Plaintext is refused: ${at} speaks TLS. Give the connection tls.caFile, the authority of its nodes.`,
    );
  if (speaks === "plaintext" && connection.tls !== undefined)
    return say(
      ConnectReason.NoTls,
      `The connection asks for TLS, and ${at} speaks plaintext. Turn TLS on there (client_encryption_options), or remove ` +
        "tls from the connection.",
    );
  return say(
    ConnectReason.Unreachable,
    `No Cassandra node of datacenter ${localDatacenter} answers at ${contactPoints.join(", ")}, port ${port}: ` +
      `${describe(error)} Check that the ring is up and that the connection names its datacenter.`,
  );
}

function certificateFault({ tls }: CassandraConnection, cause: unknown): [ConnectReason, string] | undefined {
  const code = codeOf(cause);
  const from = `(${messageOf(cause)})`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return [
      ConnectReason.ServerName,
      `The certificate of the nodes does not bear the name ${tls?.serverName ?? "of their address"} ${from}. Set ` +
        "tls.serverName to a name that it bears, or have it issued with this one.",
    ];
  if (UNTRUSTED.has(code))
    return [
      ConnectReason.Authority,
      `The certificate of the nodes is signed by an authority that ${tls?.caFile} does not hold ${from}. Put the ` +
        "authority of the ring there.",
    ];
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return [
      ConnectReason.Validity,
      `The certificate of the nodes does not hold now ${from}. Renew it, or set the clock.`,
    ];
  return undefined;
}

function credentialFault(
  { credentials }: CassandraConnection,
  cause: unknown,
  at: string,
): [ConnectReason, string] | undefined {
  if (cause instanceof StowageError) return [ConnectReason.NoCredentials, cause.message];
  if (!isLoginError(cause)) return undefined;
  if (credentials === undefined)
    return [
      ConnectReason.NoPassword,
      `A password is asked for by ${at} and the connection has none. Give it credentials.directory.`,
    ];
  return [
    ConnectReason.Password,
    `The password is refused: ${at} does not know the role and password in ${credentials.directory} ` +
      `(${messageOf(cause)}). Check that the secret there is the one of this ring, and that its schema job has run.`,
  ];
}

/** True for what the driver throws where role and password are not taken. */
export function isLoginError(error: unknown): boolean {
  return (
    error instanceof errors.AuthenticationError ||
    (error instanceof errors.ResponseError && error.code === types.responseErrorCodes.badCredentials)
  );
}

/** The errors of the single nodes, and the whole one. */
function causesOf(error: unknown): unknown[] {
  const inner = error instanceof errors.NoHostAvailableError ? Object.values<unknown>(error.innerErrors ?? {}) : [];
  return [...inner, error];
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What is spoken at the first contact points; undefined where nobody answers. */
async function spokenAt({ contactPoints, port }: CassandraConnection): Promise<"tls" | "plaintext" | undefined> {
  const found = await Promise.all(
    contactPoints.slice(0, LOOKS).map(async (host) => {
      if (await answersTls(host, port)) return "tls";
      return (await answersCql(host, port)) ? "plaintext" : undefined;
    }),
  );
  return found.find((one) => one !== undefined);
}

/** True where a TLS handshake comes to its end. Nothing is sent over it, so that any certificate will do. */
function answersTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = secure({ host, port, ...name, rejectUnauthorized: false, timeout: LOOK_MS });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("secureConnect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
    socket.once("close", () => end(false));
  });
}

/** The request OPTIONS of the native protocol, version 4, which asks for nothing but an answer. */
const OPTIONS = Buffer.from([0x04, 0, 0, 0, 0x05, 0, 0, 0, 0]);
/** The highest bit of the first byte marks an answer; the others are the protocol's version. */
const ANSWER = 0x80;

function answersCql(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = plain({ host, port, timeout: LOOK_MS });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once("connect", () => socket.write(OPTIONS));
    socket.once("data", (bytes: Buffer) => end(((bytes[0] ?? 0) & ANSWER) !== 0));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
    socket.once("close", () => end(false));
  });
}

import { randomBytes } from "node:crypto";
import { Client, errors } from "cassandra-driver";
import { type Access, accessOptions, FIRST_LOGIN, type Login } from "./agreement.js";
import type { LocalRing } from "./ring.js";

/** Longest time until the superuser can log in everywhere, in milliseconds. */
const LIMIT_MS = 60_000;
/** Pause between two tries, in milliseconds. */
const TRY_MS = 100;
/** Time-out of one statement, in milliseconds. */
const STATEMENT_MS = 20_000;

/**
 * Gives a ring that begins its superuser, as the operator does before it counts the ring as ready: makes the role, logs
 * in with it at every node, and takes the login of the role that every ring begins with. Does nothing where the role can
 * log in already. Rejects with the last refusal.
 * @param authorities authorities of the nodes' certificates, PEM; undefined where CQL is spoken without TLS
 */
export async function makeSuperuser(
  ring: LocalRing,
  superuser: Login,
  authorities: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const nodes = ring.nodes().map(({ address, datacenter }) => ({ address, datacenter }));
  const deadline = performance.now() + LIMIT_MS;
  const as = <T>(login: Login, work: (client: Client) => Promise<T>, [node] = nodes) =>
    withClient(ring.port, node, { login, authorities }, work);
  await untilAllowed(deadline, signal, () =>
    as(FIRST_LOGIN, (client) => client.execute(`CREATE ROLE IF NOT EXISTS ${identity(superuser)}`)).catch((error) => {
      if (isRefused(error)) return as(superuser, async () => undefined);
      throw error;
    }),
  );
  for (const node of nodes) await untilAllowed(deadline, signal, () => as(superuser, async () => undefined, [node]));
  const nobody = randomBytes(32).toString("base64url");
  const taken = `WITH SUPERUSER = false AND LOGIN = false AND PASSWORD = '${nobody}'`;
  await untilAllowed(deadline, signal, () =>
    as(superuser, (client) => client.execute(`ALTER ROLE IF EXISTS ${FIRST_LOGIN.username} ${taken}`)),
  );
}

/** Name, rights and password of the role in CQL: none of them can be bound. */
function identity({ username, password }: Login): string {
  const [name, secret] = [username.replaceAll('"', '""'), password.replaceAll("'", "''")];
  return `"${name}" WITH SUPERUSER = true AND LOGIN = true AND PASSWORD = '${secret}'`;
}

/** Tries again while a node refuses: roles and passwords are kept in caches, and made known a little later. */
async function untilAllowed(deadline: number, signal: AbortSignal, step: () => Promise<unknown>): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await step();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw said(error);
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_MS));
  }
}

function isRefused(error: unknown): boolean {
  if (error instanceof errors.AuthenticationError) return true;
  if (!(error instanceof errors.NoHostAvailableError)) return false;
  return Object.values(error.innerErrors).some((inner) => inner instanceof errors.AuthenticationError);
}

/** What went wrong, without the statement: it holds a password. */
function said(error: unknown): Error {
  return new Error(`the ring's superuser could not be made: ${error instanceof Error ? error.message : String(error)}`);
}

async function withClient<T>(
  port: number,
  node: { address: string; datacenter: string } | undefined,
  access: Access,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  if (node === undefined) throw new RangeError("The ring has no nodes.");
  const client = new Client({
    contactPoints: [`${node.address}:${port}`],
    localDataCenter: node.datacenter,
    isMetadataSyncEnabled: false,
    socketOptions: { readTimeout: STATEMENT_MS },
    ...accessOptions(access),
  });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.shutdown();
  }
}

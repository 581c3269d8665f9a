import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { auth, Client } from "cassandra-driver";
import { type CassandraConnection, CONTRACT_VERSION, type Connection } from "../../runtime/contract/index.js";
import { type LocalRing, planRing, startRing } from "../../stacks/local/cassandra/index.js";
import { CertificateAuthority } from "../../stacks/local/entra/authority.js";
import { type RingShape, ringObject, ringOptions } from "./cassandraHarness.js";

/** The name that the nodes' certificate bears. */
export const SERVER_NAME = "ring-dc1-service.storage.svc";
/** The role that Cassandra begins with. */
const SUPERUSER = { username: "cassandra", password: "cassandra" };

/** A role and its password. */
export interface Login {
  username: string;
  password: string;
}

/** A ring that asks for passwords and speaks TLS, and what its clients need. */
export interface SecureRing {
  ring: LocalRing;
  /** A folder that is removed at the end. */
  dir: string;
  /** File of the authority that signed the nodes' certificate. */
  caFile: string;
  /** A connection of the superuser. */
  admin: CassandraConnection;
  /** Connected, as the superuser. */
  client: Client;
  /** A connection whose credentials stand in the folder `name`, with the login written there. */
  connection(name: string, login: Login): CassandraConnection;
  /** A client by the bare driver; not connected yet. */
  bare(login: Login): Client;
  end(): Promise<void>;
}

export async function startSecureRing(shape: RingShape): Promise<SecureRing> {
  const { options, remove } = await ringOptions();
  const { dir } = options;
  const authority = await CertificateAuthority.create("test");
  const { cert, key } = await authority.issue({ names: [SERVER_NAME], client: true });
  const [caFile, keystorePem] = [join(dir, "ca.crt"), join(dir, "node.pem")];
  writeFileSync(caFile, authority.cert);
  writeFileSync(keystorePem, key + cert, { mode: 0o600 });
  const security = { authentication: true, tls: { keystorePem, truststorePem: caFile } };
  const ring = await startRing({ ...planRing(ringObject(shape)), security }, options);
  const { contactPoints, port, datacenter } = ring;
  const connection = (name: string, login: Login): CassandraConnection => {
    const directory = join(dir, "credentials", name);
    writeLogin(directory, login);
    const tls = { caFile, serverName: SERVER_NAME };
    return { contactPoints, port, localDatacenter: datacenter, tls, credentials: { directory } };
  };
  const bare = (login: Login) =>
    new Client({
      contactPoints,
      localDataCenter: datacenter,
      protocolOptions: { port },
      socketOptions: { readTimeout: 60_000 },
      authProvider: new auth.PlainTextAuthProvider(login.username, login.password),
      sslOptions: { ca: authority.cert, servername: SERVER_NAME, rejectUnauthorized: true },
    });
  const client = bare(SUPERUSER);
  const end = async () => {
    await client.shutdown();
    await ring.stop();
    remove();
  };
  return { ring, dir, caFile, admin: connection("admin", SUPERUSER), client, connection, bare, end };
}

/** Writes a role and its password as a mounted secret has them. */
export function writeLogin(directory: string, { username, password }: Login): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "username"), username);
  writeFileSync(join(directory, "password"), password);
}

/** A worker's connection to the ring, besides the bus that no test of the store needs. */
export function workerConnection(cassandra: CassandraConnection): Connection {
  const serviceBus = { fullyQualifiedNamespace: "127.0.0.1:5672", developmentEmulator: true };
  return { contractVersion: CONTRACT_VERSION, serviceBus, cassandra };
}

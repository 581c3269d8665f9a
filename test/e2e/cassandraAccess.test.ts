import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { Client, type ClientOptions, types } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  accessOptions,
  createRingController,
  type Login,
  loginOf,
  type RingController,
} from "../../stacks/local/cassandra/index.js";
import { CertManagerStandIn } from "../../stacks/local/certManager/index.js";
import type { KubernetesObject } from "../../stacks/local/providers/kubernetes/object.js";
import { entriesOf } from "../../stacks/local/providers/kubernetes/pods/configuration.js";
import { ObjectStore } from "../../stacks/local/providers/kubernetes/store.js";
import { ringCertificates } from "../support/certificates.js";
import { clusterObject, datacenterObject } from "../unit/cassandra-ring/objects.js";
import { ringOptions } from "./cassandraHarness.js";

/** One node on two busy cores takes 10 s; it is started twice. */
const REACH_MS = 120_000;
const SERVER_NAME = "ring-dc1-service.storage.svc";
const never = new AbortController().signal;

const ringObject = (stopped: boolean): KubernetesObject =>
  datacenterObject({
    tls: true,
    yaml: {
      num_tokens: 4,
      authenticator: "PasswordAuthenticator",
      authorizer: "CassandraAuthorizer",
      permissions_validity: "100ms",
      roles_validity: "100ms",
      credentials_validity: "100ms",
      maximum_timestamp_fail_threshold: "300s",
    },
    spec: { stopped },
  });

const cluster = new ObjectStore();
const certManager = new CertManagerStandIn();
let controller: RingController;
let folder = "";
let remove: () => void = () => undefined;

beforeAll(async () => {
  const { options, remove: removeFolder } = await ringOptions();
  [folder, remove] = [options.dir, removeFolder];
  controller = createRingController({ ring: options });
  // The ring's object is there before the certificates, as its operator may see them.
  const ready = controller.applied(cluster.put(ringObject(false)), undefined, never, cluster);
  for (const each of ringCertificates("ring", "dc1", "storage"))
    await certManager.applied(cluster.put(each), undefined, never, cluster);
  expect(await ready).toMatchObject({ cassandraOperatorProgress: "Ready" });
}, REACH_MS);

afterAll(async () => {
  certManager.close();
  await controller?.stop();
  remove();
}, REACH_MS);

const superuser = (): Login => {
  const login = loginOf(cluster, "storage", "ring-superuser");
  if (login === undefined) throw new Error("there is no superuser");
  return login;
};
const authority = () => entriesOf(cluster, "Secret", "storage", "ring-node-tls")?.get("ca.crt")?.toString() ?? "";

const trusting = (servername: string, ca: string) => ({ ca, servername, rejectUnauthorized: true });

/** One statement, as a worker would ask it: the authority and the name of the service are all that is trusted. */
async function as(
  login: Login | undefined,
  statement: string,
  sslOptions: ClientOptions["sslOptions"] | "plaintext" = trusting(SERVER_NAME, authority()),
) {
  const { ring } = controller;
  if (ring === undefined) throw new Error("there is no ring");
  const client = new Client({
    contactPoints: ring.contactPoints,
    localDataCenter: ring.datacenter,
    ...(login === undefined ? {} : { credentials: login }),
    ...(sslOptions === undefined || sslOptions === "plaintext" ? {} : { sslOptions }),
  });
  try {
    return await client.execute(statement, [], { consistency: types.consistencies.all });
  } finally {
    await client.shutdown();
  }
}

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => "",
    (error: Error & { innerErrors?: Record<string, Error> }) =>
      [error.message, ...Object.values(error.innerErrors ?? {}).map((inner) => inner.message)].join("; "),
  );

describe("a ring that is rendered with passwords and TLS", () => {
  it("is ready with a superuser that the operator made, and the first role is nobody any more", async () => {
    const login = superuser();
    expect(login.username).toBe("ring-superuser");
    expect(login.password).toMatch(/^[\w-]{43}$/);
    const { rows } = await as(login, "SELECT role, can_login, is_superuser FROM system_auth.roles");
    expect(rows.map((row) => ({ ...row }))).toEqual(
      expect.arrayContaining([
        { role: "cassandra", can_login: false, is_superuser: false },
        { role: "ring-superuser", can_login: true, is_superuser: true },
      ]),
    );
    const first = { username: "cassandra", password: "cassandra" };
    expect(await refusal(as(first, "SELECT key FROM system.local"))).toMatch(
      /Provided username cassandra and\/or password/,
    );
    expect(controller.notHonoured()).toEqual([]);
  });

  it("refuses a wrong password, nobody, plaintext, and is not taken under another name or by another authority", async () => {
    const look = "SELECT key FROM system.local";
    expect(await refusal(as({ ...superuser(), password: "wrong" }, look))).toMatch(/password are incorrect/);
    expect(await refusal(as(undefined, look))).toMatch(/requires authentication/);
    expect(await refusal(as(superuser(), look, "plaintext"))).not.toBe("");
    expect(await refusal(as(superuser(), look, trusting("other.svc", authority())))).toMatch(/does not match/);
    const others = new ObjectStore();
    for (const each of ringCertificates("ring", "dc1", "storage"))
      await certManager.applied(others.put(each), undefined, never, others);
    const other = entriesOf(others, "Secret", "storage", "ring-ca")?.get("ca.crt")?.toString() ?? "";
    expect(await refusal(as(superuser(), look, trusting(SERVER_NAME, other)))).toMatch(/certificate/);
  });

  it("speaks TLS between nodes, and to none without a certificate of the authority", async () => {
    const [node] = controller.ring?.nodes() ?? [];
    const combined = entriesOf(cluster, "Secret", "storage", "ring-node-tls")?.get("tls-combined.pem")?.toString();
    const call = (own: { key?: string | undefined; cert?: string | undefined }) =>
      new Promise<string>((resolve) => {
        const options = { host: node?.address, port: 7000, servername: SERVER_NAME, ca: authority(), ...own };
        const socket = connect(options, () => {
          // TLS 1.3 refuses a client without a certificate after the handshake, by ending the connection.
          socket.setTimeout(1_000, () => finish("stays open"));
        });
        const finish = (text: string) => {
          socket.destroy();
          resolve(text);
        };
        socket.once("error", (error) => finish(error.message));
        socket.once("end", () => finish("ended"));
      });
    expect(await call({ key: combined, cert: combined })).toBe("stays open");
    expect(await call({})).not.toBe("stays open");
  });

  it("honours rights, and the limit of timestamps for whoever is no superuser", async () => {
    const root = superuser();
    await as(root, "CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}");
    await as(root, "CREATE TABLE k.mine (id int PRIMARY KEY, v int)");
    await as(root, "CREATE TABLE k.theirs (id int PRIMARY KEY, v int)");
    await as(root, "CREATE ROLE w WITH LOGIN = true AND PASSWORD = 'w'");
    await as(root, "GRANT MODIFY ON TABLE k.mine TO w");
    const worker = { username: "w", password: "w" };
    await as(worker, "INSERT INTO k.mine (id, v) VALUES (1, 1)");
    expect(await refusal(as(worker, "INSERT INTO k.theirs (id, v) VALUES (1, 1)"))).toMatch(/has no MODIFY permission/);
    const ahead = (Date.now() + 600_000) * 1_000;
    const late = `INSERT INTO k.mine (id, v) VALUES (2, 2) USING TIMESTAMP ${ahead}`;
    expect(await refusal(as(worker, late))).toMatch(/maximum_timestamp|too far|threshold/i);
  });

  it("keeps its private key to this user alone, below its folder", () => {
    const files = readdirSync(join(folder, "tls")).map((name) => join(folder, "tls", name));
    expect(files.map((file) => statSync(file).mode & 0o077)).toEqual([0, expect.any(Number)]);
  });

  it(
    "is the same after it was stopped: its superuser, its rows, its roles",
    async () => {
      const before = superuser();
      await controller.applied(ringObject(true), undefined, never, cluster);
      expect(controller.access).toBeUndefined();
      await controller.applied(ringObject(false), undefined, never, cluster);
      expect(superuser()).toEqual(before);
      const { ring, access } = controller;
      if (ring === undefined || access === undefined) throw new Error("the ring does not run");
      const client = new Client({
        contactPoints: ring.contactPoints,
        localDataCenter: ring.datacenter,
        ...accessOptions(access),
      });
      expect((await client.execute("SELECT v FROM k.mine")).rows).toHaveLength(1);
      await client.shutdown();
    },
    REACH_MS,
  );
});

it(
  "a K8ssandraCluster of two datacenters has one superuser in both, over TLS from the files beside its keystores",
  async () => {
    const { options, remove: removeFolder } = await ringOptions();
    const rings = createRingController({ ring: options });
    const objects = new ObjectStore();
    try {
      for (const each of ringCertificates("ring", "dc1", "storage"))
        await certManager.applied(objects.put(each), undefined, never, objects);
      const stores = { keystoreSecretRef: { name: "ring-node-tls", key: "keystore.jks" } };
      const object = clusterObject({
        cassandra: {
          datacenters: ["dc1", "dc2"].map((name) => ({ metadata: { name }, size: 1 })),
          config: {
            cassandraYaml: {
              num_tokens: 4,
              client_encryption_options: { enabled: true },
              server_encryption_options: { internode_encryption: "all", require_client_auth: true },
            },
          },
          clientEncryptionStores: stores,
          serverEncryptionStores: stores,
        },
      });
      await rings.applied(objects.put(object), undefined, never, objects);
      const { ring, access } = rings;
      if (ring === undefined || access === undefined) throw new Error("the ring does not run");
      expect(access).toEqual({
        login: loginOf(objects, "storage", "field-trial-superuser"),
        authorities: entriesOf(objects, "Secret", "storage", "ring-node-tls")?.get("ca.crt")?.toString(),
      });
      for (const { address, datacenter } of ring.nodes()) {
        const client = new Client({
          contactPoints: [address],
          localDataCenter: datacenter,
          ...accessOptions(access),
        });
        const { rows } = await client.execute("SELECT data_center FROM system.local");
        expect(rows[0]?.["data_center"]).toBe(datacenter);
        await client.shutdown();
      }
    } finally {
      await rings.stop();
      removeFolder();
    }
  },
  REACH_MS,
);

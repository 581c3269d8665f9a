import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errors } from "cassandra-driver";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CassandraConnection } from "../../runtime/contract/index.js";
import { ConnectError } from "../../runtime/sinks/cassandra/access/connectFailure.js";
import { connect, connectWhenUp } from "../../runtime/sinks/cassandra/client.js";
import { applySchema, READER_ROLE, rolesOf } from "../../runtime/sinks/cassandra/index.js";
import { CertificateAuthority } from "../../stacks/local/entra/authority.js";
import { MemorySecret } from "../support/memorySecret.js";
import { pipelineOf, readings } from "./cassandraHarness.js";
import { type Login, type SecureRing, startSecureRing, workerConnection } from "./cassandraSecure.js";

const replication = { dc1: 1 };
const never = new AbortController().signal;
const roles = rolesOf("readings");

let kit: SecureRing;
const said: string[] = [];
const secret = new MemorySecret();
const reader = new MemorySecret();

beforeAll(async () => {
  const shape = { datacenter: "dc1", size: 1, racks: ["r1"], numTokens: 4 };
  kit = await startSecureRing({ name: "secure", ...shape });
  await kit.client.connect();
  await kit.client.execute("CREATE KEYSPACE others WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}");
  await kit.client.execute("CREATE TABLE others.t (id text PRIMARY KEY, value text)");
  const options = { publish: secret, reader, say: (line: string) => said.push(line) };
  await applySchema(pipelineOf(readings("readings"), replication), workerConnection(kit.admin), never, options);
  const neighbour = { ...pipelineOf(readings("neighbour"), replication), name: "neighbour" };
  await applySchema(neighbour, workerConnection(kit.admin), never, { publish: new MemorySecret() });
}, 120_000);

afterAll(async () => {
  await kit?.end();
}, 30_000);

/** Why the ring cannot be connected with. */
async function refusal(connection: CassandraConnection): Promise<ConnectError> {
  try {
    const client = await connect(connection);
    await client.shutdown();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("the ring was connected with");
}

const loginIn = ({ values }: MemorySecret): Login => ({
  username: values["username"] ?? "",
  password: values["password"] ?? "",
});

describe("a connection", () => {
  test("with the right role, authority and name is taken", async () => {
    const client = await connect(kit.connection("right", loginIn(secret)));
    const [row] = (await client.execute("SELECT cluster_name FROM system.local")).rows;
    expect(row?.["cluster_name"]).toBe("secure");
    await client.shutdown();
  });

  test("with a wrong password is refused with a sentence that says so, and holds none", async () => {
    const error = await refusal(kit.connection("wrong", { username: roles[0], password: "guessed-0815" }));
    expect(error.reason).toBe("password");
    expect(error.message).toMatch(/^The password is refused: the ring at 127\.\d+\.\d+\.1, port 9042, does not know/);
    expect(error.message).not.toContain("guessed-0815");
  });

  test("without a password is refused with a sentence that says so", async () => {
    const { credentials: _, ...bare } = kit.admin;
    const error = await refusal(bare);
    expect(error.reason).toBe("noPassword");
    expect(error.message).toMatch(/^A password is asked for by the ring .* Give it credentials\.directory\.$/);
  });

  test("whose credentials are not there is refused with the folder's name", async () => {
    const error = await refusal({ ...kit.admin, credentials: { directory: join(kit.dir, "nowhere") } });
    expect(error.reason).toBe("noCredentials");
    expect(error.message).toContain(`The folder ${join(kit.dir, "nowhere")} has no role and password`);
  });

  test("in plaintext is refused with a sentence that says so", async () => {
    const { tls: _, ...bare } = kit.admin;
    const error = await refusal(bare);
    expect(error.reason).toBe("plaintext");
    expect(error.message).toMatch(/^Plaintext is refused: the ring .* speaks TLS\. Give the connection tls\.caFile/);
  });

  test("to a ring of another authority is refused with a sentence that says so", async () => {
    const caFile = join(kit.dir, "stranger.crt");
    writeFileSync(caFile, (await CertificateAuthority.create("stranger")).cert);
    const error = await refusal({ ...kit.admin, tls: { caFile, serverName: "ring-dc1-service.storage.svc" } });
    expect(error.reason).toBe("authority");
    expect(error.message).toContain(`signed by an authority that ${caFile} does not hold`);
  });

  test("to nodes of another name is refused with a sentence that says so", async () => {
    const tls = { caFile: kit.caFile, serverName: "other-dc1-service.storage.svc" };
    const error = await refusal({ ...kit.admin, tls });
    expect(error.reason).toBe("serverName");
    expect(error.message).toMatch(/does not bear the name other-dc1-service\.storage\.svc/);
    // Without a name it is each node's address that counts.
    expect((await refusal({ ...kit.admin, tls: { caFile: kit.caFile } })).reason).toBe("serverName");
  });

  test("to an authority that is exchanged goes on with the new one", async () => {
    const caFile = join(kit.dir, "changing.crt");
    const tls = { caFile, serverName: "ring-dc1-service.storage.svc" };
    writeFileSync(caFile, (await CertificateAuthority.create("stranger")).cert);
    expect((await refusal({ ...kit.admin, tls })).reason).toBe("authority");
    writeFileSync(caFile, readFileSync(kit.caFile));
    await (await connectWhenUp({ ...kit.admin, tls }, never)).shutdown();
  });
});

describe("roles", () => {
  /** What each role may do, tried with the driver: the statement, and who is let. */
  const matrix: [statement: string, allowed: ("worker" | "reader")[]][] = [
    ["INSERT INTO telemetry.readings (device, day, seq, celsius) VALUES ('d', '2026-01-31', 1, 1)", ["worker"]],
    ["SELECT * FROM telemetry.readings", ["worker", "reader"]],
    ["DELETE FROM telemetry.readings WHERE device = 'd' AND day = '2026-01-31' AND seq = 1", ["worker"]],
    // MODIFY includes it: Cassandra knows nothing finer.
    ["TRUNCATE telemetry.readings", ["worker"]],
    ["ALTER TABLE telemetry.readings ADD more text", []],
    ["DROP TABLE telemetry.readings", []],
    ["CREATE INDEX more ON telemetry.readings (note)", []],
    ["INSERT INTO telemetry.neighbour (device, day, seq, celsius) VALUES ('d', '2026-01-31', 1, 1)", []],
    ["SELECT * FROM telemetry.neighbour", []],
    ["TRUNCATE telemetry.neighbour", []],
    ["CREATE TABLE telemetry.own (id text PRIMARY KEY)", []],
    ["CREATE TYPE telemetry.own (id text)", []],
    ["ALTER KEYSPACE telemetry WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}", []],
    ["DROP KEYSPACE telemetry", []],
    ["CREATE KEYSPACE own WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}", []],
    ["SELECT * FROM others.t", []],
    ["INSERT INTO others.t (id) VALUES ('a')", []],
    ["SELECT * FROM system_auth.roles", []],
    ["CREATE ROLE own", []],
    ["ALTER ROLE cassandra WITH PASSWORD = 'mine'", []],
    [`ALTER ROLE ${roles[0]} WITH SUPERUSER = true`, []],
    [`GRANT cassandra TO ${roles[0]}`, []],
    [`GRANT SELECT ON TABLE others.t TO ${roles[0]}`, []],
    [`DROP ROLE ${READER_ROLE}`, []],
  ];

  test.each(["worker", "reader"] as const)("the role of the %s may do what it needs and nothing else", async (who) => {
    const client = kit.bare(loginIn(who === "worker" ? secret : reader));
    await client.connect();
    const found: [string, boolean][] = [];
    for (const [statement] of matrix) {
      const done = await client.execute(statement).then(
        () => true,
        (error: unknown) => {
          if (error instanceof errors.ResponseError && error.code === 0x2100) return false;
          throw error;
        },
      );
      found.push([statement, done]);
    }
    expect(found).toEqual(matrix.map(([statement, allowed]) => [statement, allowed.includes(who)]));
    await client.shutdown();
  });

  test("hold their passwords in the secrets alone, with the authority of the ring", () => {
    const { username, password = "", "ca.crt": authority } = secret.values;
    expect(roles).toContain(username);
    expect(password).toMatch(/^[\w-]{43}$/);
    expect(authority).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(reader.values["username"]).toBe(READER_ROLE);
    expect(said.join("\n")).not.toContain(password);
  });

  test("lose what they were given besides, and get back what was taken", async () => {
    const [a] = roles;
    await kit.client.execute(`GRANT SELECT ON KEYSPACE others TO ${a}`);
    await kit.client.execute(`GRANT ALL PERMISSIONS ON ALL ROLES TO ${a}`);
    await kit.client.execute(`GRANT ALTER ON TABLE telemetry.readings TO ${a}`);
    await kit.client.execute(`REVOKE MODIFY ON TABLE telemetry.readings FROM ${a}`);
    await kit.client.execute(`CREATE ROLE helpers`);
    await kit.client.execute(`GRANT helpers TO ${a}`);
    await kit.client.execute(`ALTER ROLE ${a} WITH SUPERUSER = true`);
    const before = { ...secret.values };
    await applySchema(pipelineOf(readings("readings"), replication), workerConnection(kit.admin), never, {
      publish: secret,
    });
    const rights = await kit.client.execute(`LIST ALL PERMISSIONS OF ${a}`);
    expect(rights.rows.map((row) => `${row["permission"]} ${row["resource"]}`).sort()).toEqual([
      "MODIFY <table telemetry.readings>",
      "SELECT <table telemetry.readings>",
    ]);
    const held = await kit.client.execute(`LIST ROLES OF ${a}`);
    expect(held.rows.map((row) => [row["role"], row["super"]])).toEqual([[a, false]]);
    // A login that the ring takes is kept.
    expect(secret.values).toEqual(before);
  });

  test("of a secret that is another ring's get a new password", async () => {
    const foreign = new MemorySecret();
    foreign.values = { username: roles[1], password: "of-another-ring" };
    await applySchema(pipelineOf(readings("readings"), replication), workerConnection(kit.admin), never, {
      publish: foreign,
    });
    expect(foreign.values["username"]).toBe(roles[1]);
    const client = kit.bare(loginIn(foreign));
    await client.connect();
    await client.shutdown();
  }, 30_000);

  test("are not made by one who may not, who is told so", async () => {
    const error = await applySchema(
      pipelineOf(readings("readings"), replication),
      workerConnection(kit.connection("worker", loginIn(secret))),
      never,
    ).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "RightsMissing" });
    expect(String(error)).toMatch(/The role of the connection has not the right: .* Run it as a superuser/);
  });
});

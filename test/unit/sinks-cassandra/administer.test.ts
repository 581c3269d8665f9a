import { errors, types } from "cassandra-driver";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CONTRACT_VERSION } from "../../../runtime/contract/index.js";
import { applySchema } from "../../../runtime/sinks/cassandra/index.js";
import { type LiveSchema, wantedSchema } from "../../../runtime/sinks/cassandra/schema/state.js";
import { MemorySecret } from "../../support/memorySecret.js";
import { pipelineTo, sinks } from "../support/pipelines.js";
import { asWanted, type ScriptedRing, scriptedRing } from "./scriptedRing.js";

const sink = { ...sinks.cassandra.cassandra, replication: { dc1: 3 }, ledger: false };
const pipeline = pipelineTo("cassandra", { name: "night-readings", sink: { cassandra: sink } });
const wanted = wantedSchema(sink);
const { keyspace, name } = sink.table;
const nodes = { dc1: 4 };
const ADDRESSES = ["127.0.0.13:9042", "127.0.0.11:9042", "127.0.0.12:9042", "127.0.0.14:9042"];
const never = new AbortController().signal;
const connection = {
  contractVersion: CONTRACT_VERSION,
  serviceBus: { fullyQualifiedNamespace: "localhost", developmentEmulator: true },
  cassandra: { contactPoints: ["127.0.0.1"], port: 9042, localDatacenter: "dc1" },
};
const nothing: LiveSchema = { nodes, replication: undefined, types: [], tables: {} };
const [a, b] = ["stowage_night_readings_a", "stowage_night_readings_b"];

afterEach(() => {
  vi.restoreAllMocks();
});

interface HeldRight {
  permission: string;
  resource: string;
}

/** A ring that asks for passwords, whose roles are as said, and in which system_auth has one replica. */
function withRoles(live: LiveSchema, held: HeldRight[] = [], roles: object[] = []): ScriptedRing {
  const ring = scriptedRing(ADDRESSES, live);
  ring.act = (cql) => {
    if (cql.startsWith("CREATE KEYSPACE"))
      ring.live = { ...ring.live, replication: asWanted(wanted, nodes).replication };
    if (cql.startsWith("CREATE TABLE")) ring.live = asWanted(wanted, nodes);
  };
  ring.answers = (cql, pageState) => {
    if (cql.startsWith("LIST ROLES OF")) return { rows: roles };
    if (cql.startsWith("LIST ALL PERMISSIONS")) return { rows: held };
    if (cql.startsWith("LIST ROLES")) return { rows: [{ role: "cassandra" }] };
    if (cql.includes("system_schema.keyspaces"))
      return {
        rows: [{ replication: { class: "org.apache.cassandra.locator.SimpleStrategy", replication_factor: "1" } }],
      };
    if (cql.includes("system_schema.tables"))
      return { rows: [{ table_name: "roles" }, { table_name: "role_members" }] };
    return pageState === undefined ? { rows: [{}], pageState: "more" } : { rows: [{}] };
  };
  return ring;
}

describe("applying a schema", () => {
  test("replicates and repairs system_auth first, then makes tables, then the roles with exactly their rights", async () => {
    const ring = withRoles(nothing);
    const [publish, reader] = [new MemorySecret(), new MemorySecret()];
    await applySchema(pipeline, connection, never, { publish, reader });
    const table = `"${keyspace}"."${name}"`;
    const changes = ring.changes().map((cql) => cql.replace(/PASSWORD = .*/, "PASSWORD = …"));
    expect(changes).toEqual([
      `ALTER KEYSPACE "system_auth" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}`,
      expect.stringContaining(`CREATE KEYSPACE IF NOT EXISTS "${keyspace}"`),
      expect.stringContaining(`CREATE TABLE IF NOT EXISTS ${table}`),
      ...[a, b].flatMap((role) => [
        `CREATE ROLE IF NOT EXISTS "${role}" WITH LOGIN = true AND SUPERUSER = false`,
        `GRANT SELECT ON TABLE ${table} TO "${role}"`,
        `GRANT MODIFY ON TABLE ${table} TO "${role}"`,
      ]),
      `ALTER ROLE "${a}" WITH PASSWORD = …`,
      `CREATE ROLE IF NOT EXISTS "stowage_reader" WITH LOGIN = true AND SUPERUSER = false`,
      `GRANT SELECT ON TABLE ${table} TO "stowage_reader"`,
      `ALTER ROLE "stowage_reader" WITH PASSWORD = …`,
    ]);
    expect([publish.values["username"], reader.values["username"]]).toEqual([a, "stowage_reader"]);
  });

  test("reads every page of every table of system_auth at ALL, twice, before there is a role", async () => {
    const ring = withRoles(nothing);
    await applySchema(pipeline, connection, never, { publish: new MemorySecret() });
    const read = ring.asked.filter(({ cql }) => cql.startsWith(`SELECT * FROM "system_auth"`));
    const pass = ["roles", "roles", "role_members", "role_members"];
    expect(read.map(({ cql }) => /"(\w+)"$/.exec(cql)?.[1])).toEqual([...pass, ...pass]);
    expect(new Set(read.map(({ consistency }) => consistency))).toEqual(new Set([types.consistencies.all]));
    const first = (start: string) => ring.asked.findIndex(({ cql }) => cql.startsWith(start));
    expect(ring.asked.findLastIndex(({ cql }) => cql.includes(`"system_auth"."role_members"`))).toBeLessThan(
      first("CREATE ROLE"),
    );
    expect(first("ALTER KEYSPACE")).toBeLessThan(first(`SELECT * FROM "system_auth"`));
  });

  test("takes from a pipeline's role whatever it need not have, roles and the superuser's power too", async () => {
    const held = [
      { permission: "MODIFY", resource: `<table ${keyspace}.${name}>` },
      { permission: "SELECT", resource: "<table other.one>" },
      { permission: "ALTER", resource: `<keyspace ${keyspace}>` },
    ];
    const ring = withRoles(asWanted(wanted, nodes), held, [
      { role: a, super: true, login: true },
      { role: b, super: true, login: true },
      { role: "admins", super: false, login: false },
    ]);
    await applySchema(pipeline, connection, never, { publish: new MemorySecret() });
    const of = (role: string) => ring.changes().filter((cql) => cql.includes(`"${role}"`));
    expect(of(b)).toEqual(
      expect.arrayContaining([
        `ALTER ROLE "${b}" WITH SUPERUSER = false AND LOGIN = true`,
        `REVOKE "admins" FROM "${b}"`,
        `REVOKE SELECT ON TABLE "other"."one" FROM "${b}"`,
        `REVOKE ALTER ON KEYSPACE "${keyspace}" FROM "${b}"`,
        `GRANT SELECT ON TABLE "${keyspace}"."${name}" TO "${b}"`,
      ]),
    );
    expect(of(b).filter((cql) => cql.includes("MODIFY"))).toEqual([]);
  });

  test("publishes a password once each node lets the role in with it, however late", async () => {
    const ring = withRoles(asWanted(wanted, nodes));
    const publish = new MemorySecret();
    const last = ADDRESSES.at(-1) ?? "";
    ring.refusals.set(last, 1);
    const applying = applySchema(pipeline, connection, never, { publish });
    await expect.poll(() => ring.logins).toEqual(ADDRESSES);
    expect(publish.writes).toBe(0);
    await applying;
    expect([ring.logins, publish.writes]).toEqual([[...ADDRESSES, last], 1]);
  });

  test("says of a password that cannot be set why, and never the password", async () => {
    const ring = withRoles(asWanted(wanted, nodes));
    let statement = "";
    const { act } = ring;
    ring.act = (cql) => {
      act(cql);
      if (!cql.includes("PASSWORD")) return;
      statement = cql;
      throw new errors.ResponseError(types.responseErrorCodes.invalid, `no viable alternative at input ${cql}`);
    };
    const error: unknown = await applySchema(pipeline, connection, never, { publish: new MemorySecret() }).catch(
      (e) => e,
    );
    const password = /PASSWORD = '(.+)'$/.exec(statement)?.[1] ?? "";
    expect(password.length).toBeGreaterThanOrEqual(20);
    expect(String(error)).toContain(`The password of role ${a} cannot be set: `);
    const all = error instanceof Error ? `${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}` : "";
    expect(all).not.toContain(password);
  });
});

describe("a plan", () => {
  /** A ring without passwords in which one column is wanted to be gone and replicas are wanted to be fewer. */
  function lossy(): ScriptedRing {
    const live = asWanted(wanted, nodes);
    const ring = scriptedRing(ADDRESSES, {
      ...live,
      replication: { strategy: "NetworkTopologyStrategy", replicas: { dc1: 4 } },
    });
    ring.answers = () => {
      throw new errors.ResponseError(types.responseErrorCodes.unauthorized, "You have to be logged in");
    };
    ring.act = () => {
      ring.live = live;
    };
    return ring;
  }
  const lowering = `lower the replication of ${keyspace} in dc1 from 4 to 3`;
  const apply = (...allow: string[]) => applySchema(pipeline, connection, never, { allow });

  test("that would lose something is carried out by its own words alone, and changes nothing without them", async () => {
    const ring = lossy();
    await expect(apply()).rejects.toMatchObject({ code: "SchemaConflict", message: expect.stringContaining(lowering) });
    await expect(apply("drop column readings.celsius")).rejects.toThrow(`the lossy ones are ${lowering}`);
    expect(ring.changes()).toEqual([]);
    await apply(lowering);
    expect(ring.changes()).toEqual([
      `ALTER KEYSPACE "${keyspace}" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}`,
    ]);
  });

  test("is read and carried out at the node of the lowest address, where all who change the schema meet", async () => {
    const ring = lossy();
    await apply(lowering);
    const change = ring.asked.findIndex(({ cql }) => cql.startsWith("ALTER KEYSPACE"));
    const until = ring.asked.slice(0, change + 1).filter(({ cql }) => !cql.startsWith("LIST"));
    expect(new Set(until.map(({ host }) => host))).toEqual(new Set(["127.0.0.11:9042"]));
  });

  test("ends with a change that the nodes do not agree on, and goes on to no other", async () => {
    const ring = lossy();
    ring.agreed = false;
    await expect(apply(lowering)).rejects.toThrow(/The nodes do not agree on the schema after "ALTER KEYSPACE/);
  });

  test("is not done before each node has the schema", async () => {
    const ring = lossy();
    ring.elsewhere.set("127.0.0.14:9042", nothing);
    let done = false;
    const applying = apply(lowering).then(() => {
      done = true;
    });
    const askedThere = () => ring.asked.filter(({ host }) => host === "127.0.0.14:9042").length;
    await expect.poll(askedThere).toBeGreaterThan(8);
    expect(done).toBe(false);
    ring.elsewhere.clear();
    await applying;
  });
});

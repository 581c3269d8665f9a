import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "cassandra-driver";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readLogin } from "../../../runtime/sinks/cassandra/access/credentials.js";
import { type ClientSource, openClientSource } from "../../../runtime/sinks/cassandra/clientSource.js";
import { deferred, FakeClock, settled } from "../bus/fakes.js";

const LOOK = 5_000;
let directory: string;
let source: ClientSource | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stowage-login-"));
  write("role_a", "first");
});

afterEach(async () => {
  await source?.close();
  source = undefined;
  rmSync(directory, { recursive: true });
});

function write(username: string, password: string): void {
  writeFileSync(join(directory, "username"), username);
  writeFileSync(join(directory, "password"), password);
}

/** A source whose clients are never connected, and which of them was closed. */
async function opened() {
  const clock = new FakeClock();
  const clients: Client[] = [];
  const closed: number[] = [];
  const lines: string[] = [];
  const state = { reaches: 3, refuse: undefined as Error | undefined };
  const connect = async () => {
    if (state.refuse !== undefined) throw state.refuse;
    const place = clients.length;
    const { reaches } = state;
    const client = Object.assign(new Client({ contactPoints: ["127.0.0.1"], localDataCenter: "dc1" }), {
      getState: () => ({ getConnectedHosts: () => Array.from({ length: reaches }) }),
      shutdown: async () => {
        closed.push(place);
      },
    });
    clients.push(client);
    return client;
  };
  const log = {
    info: (message: string, fields?: object) => lines.push(`${message} ${JSON.stringify(fields)}`),
    warn: (message: string, fields?: object) => lines.push(`${message} ${JSON.stringify(fields)}`),
  };
  const connection = {
    contactPoints: ["127.0.0.1"],
    port: 9042,
    localDatacenter: "dc1",
    credentials: { directory },
  };
  source = await openClientSource(connection, { clock, log, connect });
  return { clock, clients, closed, lines, state, source };
}

describe("new credentials", () => {
  test("are taken with a client beside the old one, which ends after its last request", async () => {
    const { clock, clients, closed, lines, source: of } = await opened();
    const slow = deferred<string>();
    const running = of.use(() => slow.promise);
    const told: Client[] = [];
    of.onChange((client) => told.push(client));
    write("role_b", "second");
    await clock.advance(LOOK);
    expect(of.current()).toBe(clients[1]);
    expect(told).toEqual([clients[1]]);
    expect(await of.use(async (client) => client === clients[1])).toBe(true);
    expect(closed).toEqual([]);
    slow.resolve("done");
    expect(await running).toBe("done");
    await settled();
    expect(closed).toEqual([0]);
    // The role, and never its password.
    expect(lines).toEqual([`the ring is used with new credentials ${JSON.stringify({ role: "role_b" })}`]);
    await clock.advance(10 * LOOK);
    expect(clients).toHaveLength(2);
  });

  test("are any other password, of the same role and as long as the one before", async () => {
    const { clock, clients, source: of } = await opened();
    write("role_a", "other");
    await clock.advance(LOOK);
    expect(of.current()).toBe(clients[1]);
    await clock.advance(LOOK);
    expect(clients).toHaveLength(2);
  });

  test("do not wait for ever for a request of the client before", async () => {
    const { clock, closed, source: of } = await opened();
    of.use(() => new Promise(() => undefined)).catch(() => undefined);
    write("role_b", "second");
    await clock.advance(LOOK);
    await clock.advance(14_000);
    expect(closed).toEqual([]);
    await clock.advance(2_000);
    expect(closed).toEqual([0]);
  });

  test("that the ring refuses change nothing, are tried again, and are told once a minute", async () => {
    const { clock, clients, lines, state, source: of } = await opened();
    write("role_b", "second");
    state.refuse = new Error("The password is refused.");
    await clock.advance(11 * LOOK);
    expect(of.current()).toBe(clients[0]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("The password is refused.");
    await clock.advance(2 * LOOK);
    expect(lines).toHaveLength(2);
    state.refuse = undefined;
    await clock.advance(LOOK);
    expect(of.current()).toBe(clients[1]);
  });

  test("wait for a node that does not know them yet, a minute at most", async () => {
    const { clock, clients, closed, state, source: of } = await opened();
    state.reaches = 2;
    write("role_b", "second");
    await clock.advance(LOOK);
    expect(of.current()).toBe(clients[0]);
    expect(closed).toEqual([1]);
    await clock.advance(12 * LOOK);
    expect(of.current()).toBe(clients.at(-1));
    expect(clients.length).toBeGreaterThan(10);
  });

  test("that are half there are not read", async () => {
    const { clock, clients, source: of } = await opened();
    unlinkSync(join(directory, "password"));
    writeFileSync(join(directory, "username"), "role_b");
    await clock.advance(3 * LOOK);
    expect(of.current()).toBe(clients[0]);
    expect(() => readLogin({ directory })).toThrow(/has no role and password/);
  });
});

test("a source that is closed looks no more, and closes every client", async () => {
  const { clock, clients, closed, source: of } = await opened();
  await of.close();
  source = undefined;
  write("role_b", "second");
  await clock.advance(5 * LOOK);
  expect(clients).toHaveLength(1);
  expect(closed).toEqual([0]);
  expect(clock.pending).toBe(0);
});

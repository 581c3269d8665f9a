import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { type Client, types } from "cassandra-driver";
import { expect, test, vi } from "vitest";
import type { Outcome } from "../../runtime/contract/index.js";
import { applySchema, createSink } from "../../runtime/sinks/cassandra/index.js";
import { claimSubnet, createRingController, planRing, startRing } from "../../stacks/local/cassandra/index.js";
import { ObjectStore } from "../../stacks/local/providers/kubernetes/store.js";
import { sinkContext } from "../support/sinkContext.js";
import {
  clientOf,
  connectionOf,
  pipelineOf,
  reading,
  readings,
  ringObject,
  ringOptions,
  startTestRing,
} from "./cassandraHarness.js";

const never = new AbortController().signal;
const EPOCH_MS = Date.UTC(2026, 0, 31);

/** Whether something listens there. */
function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

/** Rows of the table. Nodes that have not noticed yet which of them is gone wait for it in vain: they are asked again. */
function rowsOf(client: Client, consistency: types.consistencies): Promise<number> {
  const query = "SELECT COUNT(*) AS count FROM telemetry.survived";
  const count = async () => Number((await client.execute(query, [], { consistency })).first()["count"]);
  return vi.waitFor(count, { timeout: 60_000, interval: 500 });
}

test("three nodes are the rendered ring, lose no row when one is killed, say so when two are, and leave nothing", async () => {
  const shape = { name: "Field Trial", datacenter: "dc1", size: 3, racks: ["north", "east", "south"], numTokens: 4 };
  const { ring, client, end } = await startTestRing(shape);
  try {
    // Rendered names, racks and tokens, as each node has them of itself and as the first has them of the others.
    const local = (await client.execute("SELECT cluster_name FROM system.local")).first();
    expect(local["cluster_name"]).toBe("Field Trial");
    const own = await Promise.all(
      [...client.hosts.values()].map(async (host) => {
        const row = (await client.execute("SELECT * FROM system.local", [], { host })).first();
        const address = String(row["rpc_address"]);
        return { address, datacenter: row["data_center"], rack: row["rack"], tokens: numbers(row["tokens"]) };
      }),
    );
    const planned = ring.plan.nodes.map(({ index, datacenter, rack, tokens }) => ({
      address: ring.contactPoints[index],
      datacenter,
      rack,
      tokens: numbers(tokens),
    }));
    expect(own.sort((a, b) => a.address.localeCompare(b.address))).toEqual(planned);
    const peers = await client.execute("SELECT peer, rack, tokens FROM system.peers_v2");
    expect(peers.rows).toHaveLength(2);
    for (const row of peers.rows) {
      const node = planned.find(({ address }) => address === String(row["peer"]));
      expect({ rack: row["rack"], tokens: numbers(row["tokens"]) }).toEqual({ rack: node?.rack, tokens: node?.tokens });
    }
    // Threads that look for work in vain may be late.
    for (const { pid } of ring.nodes())
      expect(readFileSync(`/proc/${pid}/timerslack_ns`, "utf8").trim()).toBe("1000000");

    const pipeline = pipelineOf(readings("survived"), { dc1: 3 });
    await applySchema(pipeline, connectionOf(ring), never);
    const sink = createSink({ pipeline, connection: connectionOf(ring), worker: "w" });
    await sink.start(never);

    // The second node dies while batches are in flight; what is to be tried again is, as the engine does.
    const messages = Array.from({ length: 1000 }, (_, n) => reading(n, EPOCH_MS));
    let waiting = messages;
    let killed: Promise<void> | undefined;
    for (let attempt = 1; waiting.length > 0 && attempt <= 10; attempt++) {
      const outcomes: Outcome[] = [];
      for (let i = 0; i < waiting.length; i += 100) {
        if (i >= 300) killed ??= ring.kill(1);
        outcomes.push(...(await sink.process(waiting.slice(i, i + 100), sinkContext(never, attempt))));
      }
      expect(outcomes.filter((outcome) => outcome.kind === "poison")).toEqual([]);
      waiting = waiting.filter((_, i) => outcomes[i]?.kind !== "done");
    }
    await killed;
    expect(waiting).toEqual([]);
    expect(ring.nodes()[1]?.alive).toBe(false);
    expect(await rowsOf(client, types.consistencies.localQuorum)).toBe(800);

    // The node comes back as itself, and the ring sees it.
    await ring.start(1);
    expect(ring.nodes().every(({ alive }) => alive)).toBe(true);
    expect(await rowsOf(client, types.consistencies.all)).toBe(800);

    // Two of three gone: no quorum, so nothing is settled, and the probe says the same.
    await Promise.all([ring.kill(0), ring.kill(2)]);
    const [outcome] = await sink.process([reading(5000, EPOCH_MS)], sinkContext(never));
    expect(outcome).toMatchObject({ kind: "retry", code: expect.stringMatching(/^Store(Unavailable|Timeout)$/) });
    await expect(sink.probe()).rejects.toThrow();
    await sink.stop();
  } finally {
    await end();
  }
  for (const { pid, address, alive } of ring.nodes()) {
    expect(alive).toBe(false);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(await listens(address, 9042)).toBe(false);
    expect(await listens(address, 7000)).toBe(false);
  }
}, 240_000);

test("another object gives another ring, beside one that runs; a change that a ring cannot take is refused", async () => {
  const taken = await claimSubnet(1);
  const subnet = await claimSubnet(2);
  expect(subnet.prefix).not.toBe(taken.prefix);
  const { options, remove } = await ringOptions();
  const controller = createRingController({ ring: { ...options, subnet } });
  const cluster = new ObjectStore();
  const shape = { name: "other", datacenter: "west", size: 2, racks: ["a", "b"], numTokens: 8 };
  try {
    const status = await controller.applied(ringObject(shape), undefined, never, cluster);
    expect(status).toMatchObject({
      conditions: expect.arrayContaining([{ type: "CassandraInitialized", status: "True" }]),
      datacenters: { west: { cassandra: { cassandraOperatorProgress: "Ready" } } },
    });
    const ring = controller.ring;
    if (ring === undefined) throw new Error("the controller has no ring");
    const client = clientOf(ring);
    await client.connect();
    const [host] = client.hosts.values();
    if (host === undefined) throw new Error("the client knows no node");
    const nodes = await Promise.all([
      client.execute("SELECT cluster_name, data_center, rack, tokens FROM system.local", [], { host }),
      client.execute("SELECT data_center, rack, tokens FROM system.peers_v2", [], { host }),
    ]);
    const rows = nodes.flatMap(({ rows }) => rows);
    expect(rows[0]?.["cluster_name"]).toBe("other");
    expect(rows.map((row) => row["data_center"])).toEqual(["west", "west"]);
    expect(rows.map((row) => row["rack"]).sort()).toEqual(["a", "b"]);
    expect(rows.map((row) => numbers(row["tokens"]).length)).toEqual([8, 8]);
    await client.shutdown();

    await controller.applied(ringObject(shape), ringObject(shape), never, cluster);
    expect(controller.ring).toBe(ring);
    const renamed = controller.applied(ringObject({ ...shape, name: "third" }), ringObject(shape), never, cluster);
    await expect(renamed).rejects.toThrow(/The cluster name cannot change from other to third/);
    const grown = controller.applied(ringObject({ ...shape, size: 3 }), ringObject(shape), never, cluster);
    await expect(grown).rejects.toThrow(/The number of nodes cannot change from 2 to 3/);

    await controller.removed(ringObject(shape), cluster);
    expect(controller.ring).toBeUndefined();
    expect(existsSync(options.dir)).toBe(false);
    for (const { address } of ring.nodes()) expect(await listens(address, 9042)).toBe(false);
  } finally {
    await controller.stop();
    await taken.release();
    remove();
  }
}, 180_000);

test("a node that cannot start is an error with the end of its log, and nothing is left", async () => {
  const { options, remove } = await ringOptions();
  const shape = { name: "broken", datacenter: "dc1", size: 1, racks: ["r1"], numTokens: 1 };
  const settings = { write_request_timeout: "soon" };
  const started = startRing(planRing(ringObject({ ...shape, settings })), options);
  await expect(started).rejects.toThrow(
    /node 127\.0\.\d+\.1 \(rack r1\) ended \(exit status \d+\)[\s\S]*Invalid duration: soon/,
  );
  remove();
}, 60_000);

test("a start that is called off ends its nodes", async () => {
  const { options, remove } = await ringOptions();
  const calledOff = new AbortController();
  const shape = { name: "off", datacenter: "dc1", size: 1, racks: ["r1"], numTokens: 1 };
  const subnet = await claimSubnet(1);
  const started = startRing(planRing(ringObject(shape)), {
    ...options,
    subnet,
    signal: calledOff.signal,
    onProgress: () => calledOff.abort(new Error("called off")),
  });
  await expect(started).rejects.toThrow("called off");
  expect(await listens(`${subnet.prefix}.1`, 7000)).toBe(false);
  await subnet.release();
  remove();
}, 60_000);

/** Tokens of a row or a plan, in numeric order. */
function numbers(tokens: unknown): bigint[] {
  const list: unknown[] = Array.isArray(tokens) ? tokens : [];
  return list.map((token) => BigInt(String(token))).sort((a, b) => (a < b ? -1 : 1));
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createLinstorStandIn, type LinstorStandIn, type MachineNode } from "../../../stacks/local/linstor/index.js";

const machines: MachineNode[] = ["a", "b"].map((zone, i) => ({ name: `n${i + 1}`, zone, capacityKib: 1_048_576 }));
const clusterObject = { apiVersion: "piraeus.io/v1", kind: "LinstorCluster", metadata: { name: "linstorcluster" } };
const open: LinstorStandIn[] = [];

function standIn(nodes = machines, stateFile?: string): LinstorStandIn {
  const made = createLinstorStandIn(stateFile === undefined ? { nodes } : { nodes, stateFile });
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((s) => s.close()));
});

function configuration(name: string, spec: Record<string, unknown>) {
  return { apiVersion: "piraeus.io/v1", kind: "LinstorSatelliteConfiguration", metadata: { name }, spec };
}

const thin = {
  name: "thin",
  lvmThinPool: { volumeGroup: "vg", thinPool: "tp" },
  source: { hostDevices: ["/dev/sdb"] },
};

async function ask(at: LinstorStandIn, method: string, path: string, body?: unknown) {
  const init = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await fetch(`${at.url}${path}`, { method, ...init });
  return { status: response.status, text: await response.text() };
}

async function poolsOf(at: LinstorStandIn): Promise<string[]> {
  const { text } = await ask(at, "GET", "/v1/view/storage-pools?storage_pools=thin");
  const pools = JSON.parse(text) as { node_name: string; provider_kind: string }[];
  return pools.map((p) => `${p.node_name} ${p.provider_kind}`);
}

describe("the operator's objects", () => {
  test("the cluster starts the API with the machine's nodes, a configuration makes its pools", async () => {
    const linstor = standIn();
    expect(() => linstor.url).toThrow("does not listen");
    const status = await linstor.controller.applied(clusterObject);
    expect(status).toMatchObject({
      conditions: expect.arrayContaining([expect.objectContaining({ type: "Available" })]),
    });
    await linstor.controller.applied(configuration("all", { storagePools: [thin] }));

    const nodes = JSON.parse((await ask(linstor, "GET", "/v1/nodes")).text) as { props: object }[];
    expect(nodes).toMatchObject([
      { name: "n1", connection_status: "ONLINE", props: { "Aux/topology/topology.kubernetes.io/zone": "a" } },
      { name: "n2", connection_status: "ONLINE", props: { "Aux/topology/topology.kubernetes.io/zone": "b" } },
    ]);
    expect(await poolsOf(linstor)).toEqual(["n1 LVM_THIN", "n2 LVM_THIN"]);
  });

  test("a configuration may come first, and selects nodes by their labels", async () => {
    const linstor = standIn([...machines, { name: "n3", zone: "a", capacityKib: 1_000, labels: { disk: "fast" } }]);
    await linstor.controller.applied(configuration("fast", { nodeSelector: { disk: "fast" }, storagePools: [thin] }));
    await linstor.controller.applied(clusterObject);
    expect(await poolsOf(linstor)).toEqual(["n3 LVM_THIN"]);
  });

  test("a configuration that selects nothing is refused with the labels there are", async () => {
    const lost = configuration("lost", { nodeSelector: { disk: "fast" }, storagePools: [thin] });
    await expect(standIn().controller.applied(lost)).rejects.toThrow(/selects none of the nodes n1 .*"topology/);
  });

  test("what is not modelled is refused by name", async () => {
    const { controller } = standIn();
    await expect(controller.applied(configuration("x", { nodeAffinity: {} }))).rejects.toThrow(/nodeAffinity/);
    await expect(controller.applied(configuration("y", { storagePools: [{ name: "odd" }] }))).rejects.toThrow(/"odd"/);
  });

  test("a removed configuration takes its unused pools along, one with volumes stays", async () => {
    const linstor = standIn();
    const all = configuration("all", { storagePools: [thin] });
    await linstor.controller.applied(clusterObject);
    await linstor.controller.applied(all);
    await ask(linstor, "POST", "/v1/resource-groups", { name: "g1", select_filter: { place_count: 1 } });
    await ask(linstor, "POST", "/v1/resource-groups/g1/volume-groups", {});
    await ask(linstor, "POST", "/v1/resource-groups/g1/spawn", {
      resource_definition_name: "v1",
      volume_sizes: [4096],
    });
    await linstor.controller.removed(all);
    expect(await poolsOf(linstor)).toEqual(["n1 LVM_THIN"]);
  });

  test("a controller that runs elsewhere is not started", async () => {
    const linstor = standIn();
    await linstor.controller.applied({
      ...clusterObject,
      spec: { externalController: { url: "http://10.0.0.4:3370" } },
    });
    expect(() => linstor.url).toThrow("does not listen");
  });

  test("without the cluster nothing listens any more", async () => {
    const linstor = standIn();
    await linstor.controller.applied(clusterObject);
    const { url } = linstor;
    await linstor.controller.removed(clusterObject);
    await expect(fetch(`${url}/v1/nodes`)).rejects.toThrow();
  });
});

describe("a request", () => {
  test.each([
    ["GET", "/v1/nothing", undefined, 404, /not found on server/],
    ["DELETE", "/v1/nodes", undefined, 405, /not allowed/],
    ["POST", "/v1/nodes", "{", 400, /Unable to parse/],
    ["POST", "/v1/nodes", { name: "n9", type: "SATELLITE", bogus: 1 }, 400, /Unable to parse/],
    ["POST", "/v1/nodes", { name: "n9", type: "SATELLITE", flags: [] }, 501, /does not model the field 'flags'/],
    ["POST", "/v1/nodes", { name: "bad name", type: "SATELLITE" }, 500, /is invalid/],
    ["DELETE", "/v1/nodes/n9", undefined, 200, /not found/],
    ["GET", "/v1/key-value-store/none", undefined, 404, /Could not find/],
  ])("%s %s %j answers %i", async (method, path, body, status, words) => {
    const linstor = standIn();
    await linstor.controller.applied(clusterObject);
    const answer = await ask(linstor, method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(words);
  });

  test("is answered with return codes of 64 bits, exact to the last", async () => {
    const linstor = standIn();
    await linstor.controller.applied(clusterObject);
    const { status, text } = await ask(linstor, "POST", "/v1/resource-groups/none/spawn", {
      resource_definition_name: "v1",
    });
    expect(status).toBe(404);
    expect(text).toContain('"ret_code":-4611686018406153923,');
  });

  test("of a size without limit is answered with the whole number", async () => {
    const linstor = standIn();
    await linstor.controller.applied(clusterObject);
    const { text } = await ask(linstor, "GET", "/v1/view/storage-pools?nodes=n1");
    expect(text).toContain('"free_capacity":9223372036854775807');
  });

  test("reaches it on loopback only", async () => {
    const linstor = standIn();
    await linstor.listen();
    expect(new URL(linstor.url).hostname).toBe("127.0.0.1");
  });
});

describe("faults", () => {
  test("strike where they are told to, as often as they are told to", async () => {
    const linstor = standIn();
    await linstor.listen();
    linstor.faults.add({ action: "status500", path: /nodes/, skip: 1, times: 2 });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await ask(linstor, "GET", "/v1/nodes")).status);
    expect(statuses).toEqual([200, 500, 500, 200, 200]);
  });

  test("drop a request before or after it has changed the state", async () => {
    const linstor = standIn();
    await linstor.listen();
    const put = () => ask(linstor, "PUT", "/v1/key-value-store/kvs", { override_props: { a: "1" } });
    linstor.faults.add({ action: "dropBefore" });
    await expect(put()).rejects.toThrow();
    expect((await ask(linstor, "GET", "/v1/key-value-store/kvs")).status).toBe(404);
    linstor.faults.add({ action: "dropAfter" });
    await expect(put()).rejects.toThrow();
    expect((await ask(linstor, "GET", "/v1/key-value-store/kvs")).text).toBe('[{"name":"kvs","props":{"a":"1"}}]');
  });
});

test("the state outlives the stand-in where it is given a file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "linstor-"));
  try {
    const file = join(folder, "state.json");
    const first = standIn(machines, file);
    await first.controller.applied(clusterObject);
    await ask(first, "PUT", "/v1/key-value-store/kvs", { override_props: { a: "1" } });
    await first.close();
    const second = standIn(machines, file);
    await second.listen();
    expect((await ask(second, "GET", "/v1/key-value-store/kvs")).text).toContain('"a":"1"');
    expect((await ask(second, "GET", "/v1/nodes")).text).toContain('"n2"');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

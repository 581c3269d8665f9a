import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  createRingController,
  type LocalRing,
  type RingOptions,
  type RingPlan,
} from "../../../stacks/local/cassandra/index.js";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { ObjectStore } from "../../../stacks/local/providers/kubernetes/store.js";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const signal = new AbortController().signal;
const cluster = new ObjectStore();

function object(changes: { name?: string; clusterName?: string; stopped?: boolean } = {}): KubernetesObject {
  const { name = "ring", clusterName = "telemetry", stopped = false } = changes;
  const datacenters = [{ metadata: { name: "dc1" }, size: 1, stopped }];
  return {
    apiVersion: "k8ssandra.io/v1alpha1",
    kind: "K8ssandraCluster",
    metadata: { name, namespace: "storage" },
    spec: { auth: false, reaper: {}, cassandra: { clusterName, serverVersion: "5.0.7", datacenters } },
  };
}

function kit(fails?: string) {
  const events: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "stowage-rings-"));
  folders.push(folder);
  const dir = join(folder, "ring");
  let failure = fails;
  const start = async (plan: RingPlan, options: RingOptions): Promise<LocalRing> => {
    events.push(`start ${plan.clusterName}`);
    mkdirSync(options.dir, { recursive: true });
    if (failure !== undefined) {
      const message = failure;
      failure = undefined;
      throw new Error(message);
    }
    if (options.signal.aborted) throw options.signal.reason;
    const stop = async () => void events.push(`stop ${plan.clusterName}`);
    const { datacenter } = plan;
    const absent = async () => undefined;
    return { plan, contactPoints: [], port: 9042, datacenter, nodes: () => [], kill: absent, start: absent, stop };
  };
  const subnet = { prefix: "127.0.1", release: async () => void events.push("release") };
  const ring = { dir, distribution: { version: "5", lib: "/lib" }, java: "java", baseEnv: {}, subnet, onProgress() {} };
  return { controller: createRingController({ ring, start }), events, dir };
}

describe("a ring object", () => {
  it("starts a ring once, says that it is ready, and what does not come true", async () => {
    const { controller, events } = kit();
    const status = await controller.applied(object(), undefined, signal, cluster);
    expect(status).toMatchObject({
      conditions: expect.arrayContaining([{ type: "CassandraInitialized", status: "True" }]),
    });
    await controller.applied(object(), object(), signal, cluster);
    expect(events).toEqual(["start telemetry"]);
    expect(controller.ring?.plan.clusterName).toBe("telemetry");
    expect(controller.notHonoured()).toEqual(["spec.reaper: repairs are not run locally"]);
  });

  it("that is renamed, or a second one, is refused by name and changes nothing", async () => {
    const { controller, events } = kit();
    await controller.applied(object(), undefined, signal, cluster);
    const renamed = controller.applied(object({ clusterName: "other" }), object(), signal, cluster);
    await expect(renamed).rejects.toThrow(
      /K8ssandraCluster storage\/ring cannot be changed on this machine: The cluster name/,
    );
    const second = controller.applied(object({ name: "second" }), undefined, signal, cluster);
    await expect(second).rejects.toThrow(/one ring runs on a machine at a time, and storage\/ring does/);
    expect(events).toEqual(["start telemetry"]);
  });

  it("may be tried again after a start that failed", async () => {
    const { controller, events } = kit("no memory");
    await expect(controller.applied(object(), undefined, signal, cluster)).rejects.toThrow("no memory");
    await controller.applied(object(), undefined, signal, cluster);
    expect(events).toEqual(["start telemetry", "start telemetry"]);
    expect(controller.ring).toBeDefined();
  });

  it("that asks for a stopped ring keeps what was written, and starts it again later", async () => {
    const { controller, events, dir } = kit();
    await controller.applied(object(), undefined, signal, cluster);
    const status = await controller.applied(object({ stopped: true }), object(), signal, cluster);
    expect(status).toMatchObject({ conditions: expect.arrayContaining([{ type: "Ready", status: "False" }]) });
    expect(controller.ring).toBeUndefined();
    expect(existsSync(dir)).toBe(true);
    await controller.applied(object(), object({ stopped: true }), signal, cluster);
    expect(events).toEqual(["start telemetry", "stop telemetry", "start telemetry"]);
  });

  it("that is removed takes its ring and its data along; another's removal does not", async () => {
    const { controller, events, dir } = kit();
    await controller.applied(object(), undefined, signal, cluster);
    await controller.removed(object({ name: "second" }), cluster);
    expect(existsSync(dir)).toBe(true);
    await controller.removed(object(), cluster);
    expect(existsSync(dir)).toBe(false);
    expect(events).toEqual(["start telemetry", "stop telemetry"]);
    await controller.applied(object({ clusterName: "other" }), undefined, signal, cluster);
    expect(events.at(-1)).toBe("start other");
  });
});

it("stopping ends the ring, gives the addresses back and refuses another start", async () => {
  const { controller, events } = kit();
  await controller.applied(object(), undefined, signal, cluster);
  await controller.stop();
  expect(events).toEqual(["start telemetry", "stop telemetry", "release"]);
  await expect(controller.applied(object(), undefined, signal, cluster)).rejects.toThrow("the environment is stopped");
});

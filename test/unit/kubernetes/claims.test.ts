import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { fits, quantity } from "../../../stacks/local/providers/kubernetes/pods/claims.js";
import { deployment, until, world } from "./support.js";

type Spec = Record<string, unknown>;

const volume = (spec: Spec = {}, labels: Record<string, string> = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "renders", labels },
  spec: {
    capacity: { storage: "10Gi" },
    accessModes: ["ReadWriteMany"],
    storageClassName: "",
    hostPath: { path: "/mnt/renders" },
    ...spec,
  },
});

const claim = (spec: Spec = {}, name = "renders"): KubernetesObject => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: {
    accessModes: ["ReadWriteMany"],
    storageClassName: "",
    resources: { requests: { storage: "1Gi" } },
    ...spec,
  },
});

describe("a claim", () => {
  it.each([
    ["by its volume's name", claim({ volumeName: "renders" }), volume(), true],
    ["not to a volume of another name", claim({ volumeName: "other" }), volume(), false],
    [
      "to a volume that is reserved for it",
      claim(),
      volume({ claimRef: { namespace: "default", name: "renders" } }),
      true,
    ],
    [
      "not to one that is reserved for another",
      claim(),
      volume({ claimRef: { namespace: "default", name: "b" } }),
      false,
    ],
    ["by labels", claim({ selector: { matchLabels: { v: "1" } } }), volume({}, { v: "1" }), true],
    ["not by other labels", claim({ selector: { matchLabels: { v: "1" } } }), volume({}, { v: "2" }), false],
    [
      "by label expressions",
      claim({ selector: { matchExpressions: [{ key: "v", operator: "In", values: ["1", "2"] }] } }),
      volume({}, { v: "2" }),
      true,
    ],
    ["not to a smaller volume", claim({ resources: { requests: { storage: "11Gi" } } }), volume(), false],
    ["not to a volume of another class", claim({ storageClassName: "fast" }), volume(), false],
    ["not where an access mode is missing", claim({ accessModes: ["ReadWriteOnce"] }), volume(), false],
    ["not as a block device", claim({ volumeMode: "Block" }), volume(), false],
  ])("is bound %s", (_how, c, v, expected) => expect(fits(c, v)).toBe(expected));

  it("measures sizes as Kubernetes does", () => {
    expect(["1Gi", "1G", "500M", "1536Ki", 7, "1.5Gi"].map(quantity)).toEqual([
      2 ** 30,
      1e9,
      5e8,
      1536 * 1024,
      7,
      1.5 * 2 ** 30,
    ]);
    expect(quantity("a lot")).toBeNaN();
  });

  it("gives a pod the folder that its volume is on this machine, and the data outlives the pod", async () => {
    const w = await world();
    const folder = join(w.dir, "renders");
    mkdirSync(folder);
    writeFileSync(join(folder, "marker"), "volume renders");
    const write = deployment(
      "writer",
      {
        command: ["sh", "-c", "cp /gluster/renders/marker /gluster/renders/copy && exec sleep 1000"],
        volumeMounts: [{ name: "data", mountPath: "/gluster/renders" }],
        readinessProbe: { exec: { command: ["test", "-e", "/gluster/renders/copy"] }, periodSeconds: 1 },
      },
      { replicas: 1 },
      { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "renders" } }] },
    );
    await w.apply(write);
    await until("the pod waits for the claim", () =>
      w.runner.pods()[0]?.problems.join().includes("no persistent volume claim"),
    );
    await w.apply(claim());
    await until("the pod waits for a volume", () => w.runner.pods()[0]?.problems.join().includes("is not bound"));
    await w.apply(volume());
    await until("the pod is ready", () => w.cluster.outcome(write).done);
    expect(readFileSync(join(folder, "copy"), "utf8")).toBe("volume renders");
    expect(w.store.get("PersistentVolumeClaim", "default", "renders")?.status).toMatchObject({
      phase: "Bound",
      volumeName: "renders",
    });
    await w.remove(write);
    expect(readFileSync(join(folder, "marker"), "utf8")).toBe("volume renders");
  });

  it("does not get a volume whose former claim is gone", async () => {
    const w = await world();
    await w.apply(volume());
    await w.apply(claim());
    const phase = () => w.store.get("PersistentVolume", "", "renders")?.status?.["phase"];
    expect(phase()).toBe("Bound");
    await w.remove(claim());
    expect(phase()).toBe("Released");
    await w.apply(claim({}, "another"));
    expect(w.store.get("PersistentVolumeClaim", "default", "another")?.status?.["phase"]).toBe("Pending");
  });
});

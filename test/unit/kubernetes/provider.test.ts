import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type CheckContext,
  type OperationContext,
  PartialFailureError,
  type PropertyMap,
  type ResourceModel,
  UNKNOWN,
} from "../../../stacks/local/providers/base/index.js";
import { Cluster } from "../../../stacks/local/providers/kubernetes/cluster.js";
import type { ObjectController } from "../../../stacks/local/providers/kubernetes/controller.js";
import { createKubernetesStandIn } from "../../../stacks/local/providers/kubernetes/index.js";
import { KNOWN_KINDS } from "../../../stacks/local/providers/kubernetes/kinds.js";
import { modelOf } from "../../../stacks/local/providers/kubernetes/provider.js";
import { ObjectStore } from "../../../stacks/local/providers/kubernetes/store.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { temporaryFolder, world } from "./support.js";

/** Groups whose kinds the SDK has no classes for. */
const CUSTOM = ["keda", "k8ssandra", "cassandra", "cert-manager", "snapshot", "piraeus", "monitoring"];
const CONFIG_MAP = "kubernetes:core/v1:ConfigMap";
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

function model(type: string, cluster = new Cluster(new ObjectStore()), maxWaitSeconds = 5): ResourceModel {
  const found = modelOf(type, { cluster: () => cluster, maxWaitSeconds });
  if (found === undefined) throw new Error(`no model of ${type}`);
  return found;
}

const standIn = () => createKubernetesStandIn({ stateFile: join(temporaryFolder(), "kubernetes.json") });

function context(more: Partial<CheckContext & OperationContext> = {}): CheckContext & OperationContext {
  return {
    state: standIn().state,
    signal: new AbortController().signal,
    urn: "urn:pulumi:test::toy::kubernetes:core/v1:ConfigMap::settings",
    type: CONFIG_MAP,
    name: "settings",
    olds: undefined,
    randomHex: (length) => "0123456789abcdef".slice(0, length),
    timeoutSeconds: 0,
    ...more,
  };
}

async function check(type: string, inputs: PropertyMap, olds?: PropertyMap) {
  return await model(type).check?.(inputs, context({ type, olds }));
}

describe("the kinds", () => {
  it("have the tokens of the SDK", () => {
    const require = createRequire(join(packageRoot(), "package.json"));
    for (const { apiVersion, kind, type } of KNOWN_KINDS) {
      const [, group = "", version = ""] = /^kubernetes:([^/:]+)\/([^:]+):/.exec(type) ?? [];
      const folder = group.split(".")[0] ?? "";
      if (CUSTOM.includes(folder)) {
        expect(type).toBe(`kubernetes:${apiVersion}:${kind}`);
        continue;
      }
      const sdk = require(`@pulumi/kubernetes/${folder}/${version}/index.js`) as Record<
        string,
        { __pulumiType: string }
      >;
      expect([type, sdk[kind]?.__pulumiType]).toEqual([type, type]);
    }
  });

  it("are unknown where nobody listed them", () => {
    expect(
      modelOf("kubernetes:example.com/v1:Guess", { cluster: () => new Cluster(new ObjectStore()), maxWaitSeconds: 1 }),
    ).toBe(undefined);
  });
});

describe("checking an object", () => {
  it("makes up a name that the object keeps, and fills in the namespace", async () => {
    const first = await check(CONFIG_MAP, { data: { a: "1" } });
    expect(first?.inputs).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "settings-01234567", namespace: "default", annotations: { "pulumi.com/autonamed": "true" } },
      data: { a: "1" },
    });
    const olds = { metadata: { name: "settings-ffffffff", annotations: { "pulumi.com/autonamed": "true" } } };
    expect((await check(CONFIG_MAP, { data: {} }, olds))?.inputs["metadata"]).toMatchObject({
      name: "settings-ffffffff",
    });
  });

  it("keeps a given name, and leaves an unknown one to be known later", async () => {
    const named = await check(CONFIG_MAP, { metadata: { name: "fixed", namespace: "apps" } });
    expect(named?.inputs["metadata"]).toEqual({ name: "fixed", namespace: "apps" });
    const unknown = await check(CONFIG_MAP, { metadata: { name: UNKNOWN } });
    expect(unknown).toMatchObject({ inputs: { metadata: { name: UNKNOWN } }, failures: [] });
  });

  it("takes the namespace from an object of the whole cluster", async () => {
    const checked = await check("kubernetes:core/v1:PersistentVolume", { metadata: { name: "v", namespace: "x" } });
    expect(checked?.inputs["metadata"]).toEqual({ name: "v" });
  });

  const template = {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "app", image: "i" }] },
  };
  const deployment = (spec: PropertyMap) => check(DEPLOYMENT, { metadata: { name: "web" }, spec });
  it.each<[string, PropertyMap, string]>([
    [
      "a selector that its pods do not match",
      { selector: { matchLabels: { app: "x" } }, template },
      'spec.selector.matchLabels["app"]',
    ],
    ["no selector", { template }, "spec.selector"],
    [
      "a volume that is not there",
      {
        selector: { matchLabels: { app: "web" } },
        template: {
          ...template,
          spec: { containers: [{ name: "app", volumeMounts: [{ name: "x", mountPath: "/x" }] }] },
        },
      },
      "spec.template.spec.containers.0.volumeMounts.0.name",
    ],
    [
      "a probe of a port that has no such name",
      {
        selector: { matchLabels: { app: "web" } },
        template: {
          ...template,
          spec: { containers: [{ name: "app", livenessProbe: { httpGet: { port: "http" } } }] },
        },
      },
      "spec.template.spec.containers.0.livenessProbe.port",
    ],
    [
      "a port out of range",
      {
        selector: { matchLabels: { app: "web" } },
        template: { ...template, spec: { containers: [{ name: "app", ports: [{ containerPort: 70_000 }] }] } },
      },
      "spec.template.spec.containers.0.ports.0.containerPort",
    ],
  ])("finds %s", async (_what, spec, path) => {
    expect((await deployment(spec))?.failures?.map((f) => f.path)).toEqual([path]);
  });

  it("says nothing of what is not known yet", async () => {
    const checked = await deployment({ selector: UNKNOWN, template: UNKNOWN });
    expect(checked?.failures).toEqual([]);
    const half = await deployment({ selector: { matchLabels: UNKNOWN }, template });
    expect(half?.failures).toEqual([]);
  });

  it("refuses a name that the API server refuses", async () => {
    const checked = await check(CONFIG_MAP, { metadata: { name: "Not_A_Name" } });
    expect(checked?.failures).toMatchObject([{ path: "metadata.name", value: '"Not_A_Name"' }]);
  });
});

describe("making an object", () => {
  it("gives it its id, uid and generation, and refuses a second of its name", async () => {
    const m = model(CONFIG_MAP);
    const inputs: PropertyMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "a", namespace: "default" },
      data: { k: "v" },
    };
    const made = await m.create(inputs, context());
    expect(made.id).toBe("default/a");
    expect(made.outputs["metadata"]).toMatchObject({
      name: "a",
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      generation: 1,
    });
    await expect(m.create(inputs, context())).rejects.toThrow("ConfigMap default/a is there already");
  });

  it("refuses a namespace that is not there, and takes it once it is", async () => {
    const cluster = new Cluster(new ObjectStore());
    const inputs: PropertyMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "apps" } };
    const create = () => model(CONFIG_MAP, cluster).create(inputs, context());
    await expect(create()).rejects.toThrow("there is no namespace apps");
    const namespace: PropertyMap = { apiVersion: "v1", kind: "Namespace", metadata: { name: "apps" } };
    await model("kubernetes:core/v1:Namespace", cluster).create(namespace, context());
    expect((await create()).id).toBe("apps/a");
  });

  it("takes a namespace with all that is in it", async () => {
    const cluster = new Cluster(new ObjectStore());
    const namespaces = model("kubernetes:core/v1:Namespace", cluster);
    const namespace: PropertyMap = { apiVersion: "v1", kind: "Namespace", metadata: { name: "apps" } };
    const { id, outputs } = await namespaces.create(namespace, context());
    const inputs: PropertyMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "apps" } };
    await model(CONFIG_MAP, cluster).create(inputs, context());
    await namespaces.delete?.(id, { type: "", id, inputs: namespace, outputs }, context());
    expect(cluster.store.all()).toEqual([]);
  });

  it("takes a namespace that was there beforehand, but does not make it", async () => {
    const cluster = new Cluster(new ObjectStore(), undefined, ["piraeus"]);
    const inputs: PropertyMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "piraeus" } };
    expect((await model(CONFIG_MAP, cluster).create(inputs, context())).id).toBe("piraeus/a");
    const namespace: PropertyMap = { apiVersion: "v1", kind: "Namespace", metadata: { name: "piraeus" } };
    const again = model("kubernetes:core/v1:Namespace", cluster).create(namespace, context());
    await expect(again).rejects.toThrow("Namespace piraeus is there already");
  });

  it("keeps a Helm release as an object and says that it is deployed", async () => {
    const m = model("kubernetes:helm.sh/v3:Release");
    const checked = await m.check?.({ chart: "keda", version: "2.18.0" }, context({ name: "keda" }));
    const made = await m.create(checked?.inputs ?? {}, context());
    expect(made).toMatchObject({
      id: "default/keda-01234567",
      outputs: { chart: "keda", status: { status: "deployed" } },
    });
  });

  it("lets a release make its namespace, and reads the namespaces that are there anyway", async () => {
    const cluster = new Cluster(new ObjectStore());
    const release: PropertyMap = { chart: "keda", name: "keda", namespace: "keda" };
    const releases = model("kubernetes:helm.sh/v3:Release", cluster);
    await expect(releases.create(release, context())).rejects.toThrow("there is no namespace keda");
    await releases.create({ ...release, createNamespace: true }, context());
    const read = (id: string) => model("kubernetes:core/v1:Namespace", cluster).read?.(id, context());
    expect(await read("keda")).toMatchObject({ id: "keda", outputs: { metadata: { name: "keda" } } });
    expect(await read("kube-system")).toMatchObject({ outputs: { status: { phase: "Active" } } });
    expect(await read("missing")).toBeUndefined();
  });

  const replaces = (type: string) =>
    modelOf(type, { cluster: () => new Cluster(new ObjectStore()), maxWaitSeconds: 1 })?.replaceOn;
  it.each([
    [DEPLOYMENT, "spec.selector"],
    ["kubernetes:batch/v1:Job", "spec.template"],
    [CONFIG_MAP, "data"],
    ["kubernetes:core/v1:PersistentVolume", "spec.hostPath"],
    ["kubernetes:core/v1:PersistentVolumeClaim", "spec.volumeName"],
    ["kubernetes:storage.k8s.io/v1:StorageClass", "parameters"],
    ["kubernetes:core/v1:Service", "spec.clusterIP"],
    ["kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", "roleRef"],
  ])("of %s is replaced by a change of %s and of its name", (type, path) => {
    expect(replaces(type)).toEqual(expect.arrayContaining([path, "metadata.name", "metadata.namespace"]));
  });

  it("goes before its successor where both have the same given name", () => {
    const of = (name: string, annotations: PropertyMap = {}): PropertyMap => ({ metadata: { name, annotations } });
    const m = model(CONFIG_MAP);
    expect(m.deleteBeforeReplace?.(of("a"), of("a"))).toBe(true);
    expect(m.deleteBeforeReplace?.(of("a"), of("b"))).toBe(false);
    expect(m.deleteBeforeReplace?.(of("a"), of("a", { "pulumi.com/autonamed": "true" }))).toBe(false);
  });
});

describe("a workload", () => {
  const app = (command: string[], more: PropertyMap = {}, annotations: PropertyMap = {}): PropertyMap => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "app", namespace: "default", annotations },
    spec: {
      selector: { matchLabels: { app: "app" } },
      template: {
        metadata: { labels: { app: "app" } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "app", command, ...more }] },
      },
    },
  });

  it("is waited for, and its status is in the outputs", async () => {
    const w = await world();
    const made = await model(DEPLOYMENT, w.cluster).create(app(["sleep", "1000"]), context());
    expect(made.outputs["status"]).toMatchObject({ availableReplicas: 1 });
  });

  it("that is not ready in time is kept, and the error has the last probe and the log", async () => {
    const w = await world();
    const probe = { exec: { command: ["false"] }, periodSeconds: 1 };
    const creation = model(DEPLOYMENT, w.cluster).create(
      app(["sh", "-c", "echo I am not well; exec sleep 1000"], { readinessProbe: probe }),
      context({ timeoutSeconds: 1 }),
    );
    const error: unknown = await creation.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(String(error)).toContain("Deployment default/app is not ready after 1 s");
    expect(String(error)).toContain("readiness probe failed: command ended with 1");
    expect(String(error)).toContain("I am not well");
    expect(w.store.get("Deployment", "default", "app")).toBeDefined();
  });

  it("is not waited for where it says so", async () => {
    const w = await world();
    const inputs = app(
      ["sleep", "1000"],
      { readinessProbe: { exec: { command: ["false"] } } },
      { "pulumi.com/skipAwait": "true" },
    );
    expect((await model(DEPLOYMENT, w.cluster).create(inputs, context())).id).toBe("default/app");
  });

  it("that cannot be run here is refused with every reason, and nothing is kept", async () => {
    const w = await world();
    const inputs = app(["true"], {
      readinessProbe: { grpc: { port: 1 } },
      volumeDevices: [{ name: "x", devicePath: "/dev/x" }],
    });
    await expect(model(DEPLOYMENT, w.cluster).create(inputs, context())).rejects.toThrow(
      /2 problems\n.*volumeDevices.*\n.*readinessProbe\.grpc/,
    );
    expect(w.store.all()).toEqual([]);
  });

  it("runs nothing without effects", async () => {
    const s = standIn();
    await s.listen();
    onTestFinished(() => s.close());
    const cluster = new Cluster(new ObjectStore());
    expect((await model(DEPLOYMENT, cluster).create(app(["false"]), context())).outputs["status"]).toBeUndefined();
    expect(s.pods()).toEqual([]);
  });
});

describe("an operator's object", () => {
  const RING = "kubernetes:cassandra.datastax.com/v1beta1:CassandraDatacenter";
  const inputs: PropertyMap = {
    apiVersion: "cassandra.datastax.com/v1beta1",
    kind: "CassandraDatacenter",
    metadata: { name: "dc1", namespace: "default" },
    spec: { size: 3 },
  };

  function controller(more: Partial<ObjectController> = {}): ObjectController & { calls: string[] } {
    const calls: string[] = [];
    return {
      calls,
      kinds: ["CassandraDatacenter"],
      applied: async (object, previous) => {
        calls.push(`applied ${JSON.stringify(previous?.spec)} to ${JSON.stringify(object.spec)}`);
        return { cassandraOperatorProgress: "Ready" };
      },
      removed: async (object) => void calls.push(`removed ${object.metadata.name}`),
      ...more,
    };
  }

  it("is brought about by its controller, whose answer is its status", async () => {
    const c = controller();
    const w = await world({ controllers: [c] });
    const m = model(RING, w.cluster);
    const { id, outputs } = await m.create(inputs, context());
    expect(outputs["status"]).toEqual({ cassandraOperatorProgress: "Ready" });
    await m.update?.(id, { type: RING, id, inputs, outputs }, { ...inputs, spec: { size: 1 } }, context());
    await m.delete?.(id, { type: RING, id, inputs, outputs }, context());
    expect(c.calls).toEqual(['applied undefined to {"size":3}', 'applied {"size":3} to {"size":1}', "removed dc1"]);
  });

  it("is kept, with the reason, where its controller fails or takes too long", async () => {
    const fails = await world({ controllers: [controller({ applied: () => Promise.reject(new Error("no Java")) })] });
    await expect(model(RING, fails.cluster).create(inputs, context())).rejects.toThrow(
      "CassandraDatacenter default/dc1: no Java",
    );
    expect(fails.store.all()).toHaveLength(1);
    const hangs = await world({ controllers: [controller({ applied: () => new Promise(() => undefined) })] });
    await expect(model(RING, hangs.cluster).create(inputs, context({ timeoutSeconds: 1 }))).rejects.toThrow("in time");
  });

  it("is waited for by the condition it names", async () => {
    const annotations = { "pulumi.com/waitFor": "jsonpath={.status.progress}=Ready" };
    const ring: PropertyMap = { ...inputs, metadata: { name: "dc1", namespace: "default", annotations } };
    const w = await world();
    const late = model(RING, w.cluster).create(ring, context({ timeoutSeconds: 1 }));
    await expect(late).rejects.toThrow("jsonpath={.status.progress}=Ready does not hold");
    w.store.setStatus({ kind: "CassandraDatacenter", namespace: "default", name: "dc1" }, { progress: "Ready" });
    const id = "default/dc1";
    const current = { type: RING, id, inputs: ring, outputs: ring };
    expect((await model(RING, w.cluster).update?.(id, current, ring, context()))?.["status"]).toEqual({
      progress: "Ready",
    });
  });
});

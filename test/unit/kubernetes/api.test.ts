import { readFileSync, realpathSync, statSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KubernetesSecret } from "../../../runtime/kubernetes/index.js";
import { ServiceAccountIssuer } from "../../../stacks/local/providers/kubernetes/index.js";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { deployment, until, type World, world } from "./support.js";

const FOLDER = "/var/run/stowage/kubernetes";
const never = new AbortController().signal;
const base64 = (text: string) => Buffer.from(text).toString("base64");

function secret(name: string, data: Record<string, string>, namespace = "workers"): KubernetesObject {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, base64(value)]));
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, type: "Opaque", data: encoded };
}

function rbac(kind: string, name: string, namespace: string, fields: object): KubernetesObject {
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name, namespace }, ...fields };
}

const namespace = (name: string): KubernetesObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

/** A pod of account storage/schema with its token mounted by hand, as jobs have it. */
function schemaPod(): KubernetesObject {
  const pod = deployment("schema", {
    command: ["sleep", "1000"],
    volumeMounts: [{ name: "api", mountPath: FOLDER }],
  });
  pod.metadata.namespace = "storage";
  const { spec } = (pod.spec as { template: { spec: Record<string, unknown> } }).template;
  spec["serviceAccountName"] = "schema";
  spec["automountServiceAccountToken"] = false;
  spec["volumes"] = [
    {
      name: "api",
      projected: {
        sources: [
          { serviceAccountToken: { path: "token", expirationSeconds: 3_600 } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
          { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
        ],
      },
    },
  ];
  return pod;
}

interface Reached {
  w: World;
  folder: string;
  url: string;
  issuer: ServiceAccountIssuer;
}

/** A job's pod in `storage` that may read and patch one secret in `workers`, and what it finds of the API. */
async function reached(now?: () => number): Promise<Reached> {
  const issuer = new ServiceAccountIssuer("https://cluster", now);
  const w = await world({ api: true, issuer });
  await w.apply(namespace("storage"));
  await w.apply(namespace("workers"));
  await w.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "schema", namespace: "storage" } });
  const rules = [{ apiGroups: [""], resources: ["secrets"], resourceNames: ["readings"], verbs: ["get", "patch"] }];
  await w.apply(rbac("Role", "schema", "workers", { rules }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "schema" };
  const subjects = [{ kind: "ServiceAccount", name: "schema", namespace: "storage" }];
  await w.apply(rbac("RoleBinding", "schema", "workers", { roleRef, subjects }));
  await w.apply(secret("readings", { username: "", password: "" }));
  await w.apply(secret("other", { password: "of others" }));
  await w.apply(schemaPod());
  await until("the pod runs", () => w.runner.pods()[0]?.pid);
  const folder = w.runner.rewrites().find(({ from }) => from === FOLDER)?.to ?? "";
  return { w, folder, url: `https://127.0.0.1:${w.api?.port}`, issuer };
}

interface Call {
  method?: string;
  path?: string;
  token?: string | undefined;
  body?: string;
  type?: string;
}

const READINGS = "/api/v1/namespaces/workers/secrets/readings";

/** What the API answers to a bare request with the pod's token. */
function call({ folder, url }: Reached, { method = "GET", path = READINGS, body, type, ...rest }: Call = {}) {
  const token = "token" in rest ? rest.token : readFileSync(join(folder, "token"), "utf8");
  return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(type === undefined ? {} : { "content-type": type }),
    };
    const asking = request(
      new URL(path, url),
      { method, headers, agent: false, ca: readFileSync(join(folder, "ca.crt")) },
      (response) => {
        let text = "";
        response.on("data", (part) => {
          text += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      },
    );
    asking.once("error", reject);
    asking.end(body);
  });
}

const patch = (world: Reached, change: unknown, more: Call = {}) =>
  call(world, { method: "PATCH", type: "application/merge-patch+json", body: JSON.stringify(change), ...more });

describe("the API that pods call", () => {
  it("lets an account read and patch the one secret that a role of another namespace names", async () => {
    const r = await reached();
    expect(readFileSync(join(r.folder, "namespace"), "utf8")).toBe("storage");
    const client = new KubernetesSecret({
      namespace: "workers",
      secret: "readings",
      folder: r.folder,
      apiServer: r.url,
    });
    const first = await client.read(never);
    expect(first.values).toEqual({ username: "", password: "" });
    expect(await client.write({ username: "stowage_readings_a", password: "p w" }, first.version, never)).toBe(true);
    expect((await client.read(never)).values).toEqual({ username: "stowage_readings_a", password: "p w" });
    // Who comes with the version of before loses, and changes nothing.
    expect(await client.write({ password: "late" }, first.version, never)).toBe(false);
    expect((await client.read(never)).values["password"]).toBe("p w");
    const other = new KubernetesSecret({ namespace: "workers", secret: "other", folder: r.folder, apiServer: r.url });
    await expect(other.read(never)).rejects.toThrow(
      /secrets "other" is forbidden: User "system:serviceaccount:storage:schema" cannot get resource "secrets" in API group "" in the namespace "workers"/,
    );
  });

  it("answers a conflict, and every refusal, in Kubernetes' shape", async () => {
    const r = await reached();
    const { body } = await call(r);
    expect(body).toMatchObject({ kind: "Secret", apiVersion: "v1", metadata: { name: "readings" }, type: "Opaque" });
    const version = (body["metadata"] as { resourceVersion: string }).resourceVersion;
    expect((await patch(r, { metadata: { resourceVersion: version, labels: { a: "b" } } })).status).toBe(200);
    expect(await patch(r, { metadata: { resourceVersion: version } })).toEqual({
      status: 409,
      body: {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Failure",
        message: expect.stringContaining(
          'Operation cannot be fulfilled on secrets "readings": the object has been modified',
        ),
        reason: "Conflict",
        details: { name: "readings", kind: "secrets" },
        code: 409,
      },
    });
  });

  it.each<[string, Call, number, string]>([
    ["another secret", { path: "/api/v1/namespaces/workers/secrets/other" }, 403, "Forbidden"],
    ["a secret of another namespace", { path: "/api/v1/namespaces/storage/secrets/readings" }, 403, "Forbidden"],
    ["all secrets", { path: "/api/v1/namespaces/workers/secrets" }, 404, "NotFound"],
    ["another kind", { path: "/api/v1/namespaces/workers/configmaps/readings" }, 404, "NotFound"],
    ["deleting it", { method: "DELETE" }, 403, "Forbidden"],
    ["replacing it", { method: "PUT", body: "{}" }, 403, "Forbidden"],
    ["no token", { token: undefined }, 401, "Unauthorized"],
    ["what is no token", { token: "abc" }, 401, "Unauthorized"],
    [
      "another kind of patch",
      { method: "PATCH", type: "application/json-patch+json", body: "[]" },
      415,
      "UnsupportedMediaType",
    ],
    ["what is no JSON", { method: "PATCH", type: "application/merge-patch+json", body: "{" }, 400, "BadRequest"],
    ["what is no object", { method: "PATCH", type: "application/merge-patch+json", body: "[]" }, 400, "BadRequest"],
  ])("refuses %s", async (_what, asked, status, reason) => {
    expect(await call(await reached(), asked)).toMatchObject({
      status,
      body: { kind: "Status", reason, code: status },
    });
  });

  it.each<[string, unknown, number]>([
    ["another name", { metadata: { name: "x" } }, 422],
    ["another type", { type: "kubernetes.io/tls" }, 422],
    ["a key that is none", { data: { "a b": "" } }, 422],
    ["a value that is not base64", { data: { password: "not base64!" } }, 400],
    ["more than a secret holds", { data: { password: base64("x".repeat(1_048_577)) } }, 422],
    ["no data any more that is an object", { data: [] }, 422],
  ])("refuses %s, and does not repeat a value", async (_what, change, status) => {
    const r = await reached();
    const { status: answered, body } = await patch(r, change);
    expect([answered, JSON.stringify(body).includes("not base64!")]).toEqual([status, false]);
    expect((await call(r)).body["data"]).toEqual({ username: "", password: "" });
  });

  it("merges: a key that is null goes, others stay, strings are encoded", async () => {
    const r = await reached();
    await patch(r, { data: { username: base64("u"), password: base64("p") } });
    expect((await patch(r, { data: { username: null }, stringData: { more: "text" } })).body["data"]).toEqual({
      password: base64("p"),
      more: base64("text"),
    });
    expect((await call(r)).body).not.toHaveProperty("stringData");
  });

  it("does not change a secret that says so", async () => {
    const r = await reached();
    await r.w.apply({ ...secret("readings", { password: "p" }), immutable: true });
    expect((await patch(r, { data: { password: base64("q") } })).status).toBe(422);
    expect((await patch(r, { metadata: { labels: { a: "b" } } })).status).toBe(200);
  });

  it("takes no token of another issuer, for another audience, that is over, or whose pod or account is gone", async () => {
    let now = Date.now();
    const r = await reached(() => now);
    const asked = { namespace: "storage", serviceAccount: "schema", expirationSeconds: 600 };
    const with_ = async (issuer: ServiceAccountIssuer, audience: string, more: object = {}) =>
      (await call(r, { token: (await issuer.issue({ ...asked, audience, ...more })).token })).status;
    expect(await with_(r.issuer, "https://cluster")).toBe(200);
    expect(await with_(r.issuer, "api://AzureADTokenExchange")).toBe(401);
    expect(await with_(new ServiceAccountIssuer("https://cluster"), "https://cluster")).toBe(401);
    expect(await with_(r.issuer, "https://cluster", { pod: { name: "gone", uid: "gone" } })).toBe(401);
    expect(await with_(r.issuer, "https://cluster", { serviceAccount: "nobody" })).toBe(401);
    const { token } = await r.issuer.issue({ ...asked, audience: "https://cluster" });
    now += 601_000;
    expect((await call(r, { token })).status).toBe(401);
  });

  it("gives no right to an account of the same name in another namespace", async () => {
    const r = await reached();
    await r.w.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "schema", namespace: "workers" } });
    const asked = { serviceAccount: "schema", expirationSeconds: 600, audience: "https://cluster" };
    const status = async (namespace: string) =>
      (await call(r, { token: (await r.issuer.issue({ ...asked, namespace })).token })).status;
    expect([await status("storage"), await status("workers")]).toEqual([200, 403]);
  });

  it("follows the roles as they are: one that is taken away counts at once", async () => {
    const r = await reached();
    r.w.store.remove({ kind: "RoleBinding", namespace: "workers", name: "schema" });
    expect((await call(r)).status).toBe(403);
    const roleRef = { kind: "ClusterRole", name: "reader" };
    const subjects = [{ kind: "Group", name: "system:serviceaccounts:storage" }];
    await r.w.apply(
      rbac("ClusterRole", "reader", "", { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["get"] }] }),
    );
    await r.w.apply(rbac("RoleBinding", "reader", "workers", { roleRef, subjects }));
    expect((await call(r)).status).toBe(200);
    expect((await patch(r, {})).status).toBe(403);
  });
});

describe("a mounted secret", () => {
  it("changes under a running pod as a whole, for its user alone, and is not rewritten", async () => {
    const r = await reached();
    const app = deployment("app", {
      command: ["sleep", "1000"],
      ports: [{ containerPort: 8080 }],
      volumeMounts: [{ name: "login", mountPath: "/var/run/stowage/cassandra" }],
    });
    app.metadata.namespace = "workers";
    const { spec } = (app.spec as { template: { spec: Record<string, unknown> } }).template;
    spec["volumes"] = [{ name: "login", secret: { secretName: "readings" } }];
    await r.w.apply(app);
    const pods = () => r.w.runner.pods().filter(({ owner }) => owner === "Deployment workers/app");
    const pid = await until("it runs", () => pods()[0]?.pid);
    const root = r.w.runner.rewrites().find(({ from }) => from === "/var/run/stowage/cassandra")?.to ?? "";
    expect(readFileSync(join(root, "password"), "utf8")).toBe("");
    // A password that looks like the container's port stays what it is.
    for (const text of ["one", "two", "8080"]) {
      const before = realpathSync(join(root, "..data"));
      await patch(r, { data: { username: base64(text), password: base64(text) } });
      const after = realpathSync(join(root, "..data"));
      expect(after).not.toBe(before);
      for (const name of ["username", "password"]) {
        expect(readFileSync(join(root, name), "utf8")).toBe(text);
        expect(realpathSync(join(root, name))).toBe(join(after, name));
        expect(statSync(join(root, name)).mode & 0o777).toBe(0o600);
      }
    }
    await patch(r, { data: { username: null } });
    expect(() => statSync(join(root, "username"))).toThrow(/ENOENT/);
    expect(pods()[0]?.pid).toBe(pid);
  });

  it("keeps what a pod wrote into it when the stack is applied again, and takes what the stack changes", async () => {
    const r = await reached();
    await patch(r, { data: { password: base64("generated"), "ca.crt": base64("pem") } });
    const again = secret("readings", { username: "", password: "" });
    again.metadata.labels = { part: "stowage" };
    await r.w.apply(again);
    expect((await call(r)).body).toMatchObject({
      metadata: { labels: { part: "stowage" } },
      data: { username: "", password: base64("generated"), "ca.crt": base64("pem") },
    });
    await r.w.apply(secret("readings", { password: "from the stack" }));
    expect((await call(r)).body["data"]).toEqual({ password: base64("from the stack"), "ca.crt": base64("pem") });
  });
});

it("each namespace has the authority of the API, one that comes later too", async () => {
  const { w } = await reached();
  for (const name of ["default", "kube-system", "storage", "workers"])
    expect(w.store.get("ConfigMap", name, "kube-root-ca.crt")?.data?.["ca.crt"]).toBe(w.api?.authority);
});

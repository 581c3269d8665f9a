import { readFileSync, statSync } from "node:fs";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { ServiceAccountIssuer } from "../../../stacks/local/providers/kubernetes/index.js";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { parseTemplate } from "../../../stacks/local/providers/kubernetes/pods/template.js";
import { injectWorkloadIdentity } from "../../../stacks/local/providers/kubernetes/pods/webhook.js";
import { deployment, readIfThere, until, world } from "./support.js";

const ISSUER = "https://issuer.stowage.invalid/";
const WEBHOOK = { tenantId: "tenant-1", authorityHost: "https://localhost:4443/" };
const USE = { "azure.workload.identity/use": "true" };
const CLIENT = "11111111-1111-4111-8111-111111111111";

function account(annotations: Record<string, string> = { "azure.workload.identity/client-id": CLIENT }) {
  const metadata = { name: "renders", namespace: "default", annotations };
  return { apiVersion: "v1", kind: "ServiceAccount", metadata } satisfies KubernetesObject;
}

/** A deployment that writes the variables of its container to a file, and stays. */
function app(labels: Record<string, string>, file: string): KubernetesObject {
  const made = deployment("app", {
    command: ["sh", "-c", `env > ${file}.part; mv ${file}.part ${file}; exec sleep 1000`],
  });
  const template = (made.spec as { template: { metadata: object; spec: object } }).template;
  template.metadata = { labels: { app: "app", ...labels } };
  template.spec = { ...template.spec, serviceAccountName: "renders" };
  return made;
}

/** The variables of the container, by name. */
async function variables(file: string): Promise<Record<string, string>> {
  const text = await until("the container has written its variables", () => readIfThere(file));
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
}

const started = async (labels: Record<string, string>, annotations?: Record<string, string>, now?: () => number) => {
  const issuer = new ServiceAccountIssuer(ISSUER, now);
  const w = await world({ issuer, webhook: WEBHOOK });
  const file = `${w.dir}/env`;
  await w.apply(account(annotations));
  await w.apply(app(labels, file));
  return { w, issuer, env: await variables(file) };
};

describe("a pod with the label, whose service account has the annotation", () => {
  it("has the variables of the Azure SDKs, and a token that the cluster's issuer signed", async () => {
    const { env, issuer, w } = await started(USE);
    expect(env).toMatchObject({
      AZURE_CLIENT_ID: CLIENT,
      AZURE_TENANT_ID: "tenant-1",
      AZURE_AUTHORITY_HOST: "https://localhost:4443/",
    });
    const file = env["AZURE_FEDERATED_TOKEN_FILE"] ?? "";
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { payload } = await jwtVerify(readFileSync(file, "utf8"), createLocalJWKSet(issuer.keySet), {
      issuer: ISSUER,
      audience: "api://AzureADTokenExchange",
      subject: "system:serviceaccount:default:renders",
    });
    const [pod] = w.runner.pods();
    expect(payload["kubernetes.io"]).toMatchObject({ serviceaccount: { name: "renders" }, pod: { name: pod?.name } });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3_600);
    // Nothing of it stands where everybody of this machine can read it.
    expect(JSON.stringify(env)).not.toContain("eyJ");
  });

  it("has its token renewed before it ends, and the file is never without one", async () => {
    let now = Date.now();
    const { env } = await started(USE, undefined, () => now);
    const file = env["AZURE_FEDERATED_TOKEN_FILE"] ?? "";
    const first = decodeJwt(readFileSync(file, "utf8"));
    now += 0.81 * 3_600_000;
    const second = await until("the token is another", () => {
      const claims = decodeJwt(readFileSync(file, "utf8"));
      return claims.jti === first.jti ? undefined : claims;
    });
    expect(second.exp ?? 0).toBeGreaterThan((first.exp ?? 0) + 2_000);
    expect(now).toBeLessThan((first.exp ?? 0) * 1_000);
  });

  it.each([
    [3_600, 2_880],
    [600, 480],
    // However long it holds, the kubelet renews it after a day.
    [864_000, 86_400],
  ])("that holds for %s s has it renewed after %s s, and not before", async (expirationSeconds, renewedAfter) => {
    let now = 1_700_000_000_000;
    const issuer = new ServiceAccountIssuer(ISSUER, () => now);
    const token = await issuer.issue({ namespace: "a", serviceAccount: "b", audience: "c", expirationSeconds });
    now += renewedAfter * 1_000 - 1;
    expect(issuer.isDue(token)).toBe(false);
    now += 1;
    expect(issuer.isDue(token)).toBe(true);
  });
});

describe("a pod is given nothing", () => {
  const none = expect.not.objectContaining({ AZURE_FEDERATED_TOKEN_FILE: expect.anything() });

  it("where its template forgets the label", async () => {
    expect((await started({})).env).toEqual(none);
  });

  it("where the label says anything but true", async () => {
    expect((await started({ "azure.workload.identity/use": "yes" })).env).toEqual(none);
  });

  it("where its service account forgets the annotation", async () => {
    expect((await started(USE, {})).env).toEqual(none);
  });
});

describe("what the webhook changes in a pod", () => {
  const template = (annotations: Record<string, string> = {}) =>
    parseTemplate({
      metadata: { labels: USE, annotations },
      spec: {
        serviceAccountName: "renders",
        initContainers: [{ name: "init" }],
        containers: [{ name: "app", env: [{ name: "AZURE_CLIENT_ID", value: "mine" }] }, { name: "proxy" }],
      },
    });
  const injected = (pod: Record<string, string> = {}, sa: Record<string, string> = {}) =>
    injectWorkloadIdentity(template(pod), account({ "azure.workload.identity/client-id": CLIENT, ...sa }), WEBHOOK);
  const seconds = (t: ReturnType<typeof injected>) =>
    t.spec.volumes[0]?.projected?.sources[0]?.serviceAccountToken?.expirationSeconds;

  it("are all containers, and no variable that one states itself", () => {
    const { spec } = injected();
    const all = [...spec.initContainers, ...spec.containers];
    expect(all.map((c) => c.volumeMounts.map(({ mountPath }) => mountPath))).toEqual(
      all.map(() => ["/var/run/secrets/azure/tokens"]),
    );
    expect(spec.containers[0]?.env[0]).toEqual({ name: "AZURE_CLIENT_ID", value: "mine" });
    expect(spec.containers[0]?.env.filter(({ name }) => name === "AZURE_CLIENT_ID")).toHaveLength(1);
  });

  it("are not containers that are to be skipped", () => {
    const { spec } = injected({ "azure.workload.identity/skip-containers": "proxy; init" });
    expect(spec.containers.map((c) => c.volumeMounts.length)).toEqual([1, 0]);
    expect(spec.initContainers[0]?.env).toEqual([]);
  });

  it("is a token that holds as long as the pod says, else the service account, else an hour", () => {
    const key = "azure.workload.identity/service-account-token-expiration";
    expect(seconds(injected())).toBe(3_600);
    expect(seconds(injected({}, { [key]: "7200" }))).toBe(7_200);
    expect(seconds(injected({ [key]: "86400" }, { [key]: "7200" }))).toBe(86_400);
    expect(() => injected({ [key]: "600" })).toThrow("from 3600 to 86400 seconds (found 600)");
  });

  it("is the tenant of the service account where it names one", () => {
    const { spec } = injected({}, { "azure.workload.identity/tenant-id": "tenant-2" });
    expect(spec.containers[1]?.env).toContainEqual({ name: "AZURE_TENANT_ID", value: "tenant-2" });
  });
});

describe("a service account token that a pod mounts itself", () => {
  const mounting = (file: string, token: object): KubernetesObject => {
    const container = {
      command: ["sh", "-c", `cp /tokens/bus ${file}.part; mv ${file}.part ${file}; exec sleep 1000`],
      volumeMounts: [{ name: "tokens", mountPath: "/tokens" }],
    };
    const volumes = [{ name: "tokens", projected: { sources: [{ serviceAccountToken: token }] } }];
    return deployment("app", container, {}, { volumes });
  };

  it("is issued for its audience and its time, by default the issuer's own", async () => {
    const w = await world({ issuer: new ServiceAccountIssuer(ISSUER) });
    const file = `${w.dir}/token`;
    await w.apply(mounting(file, { path: "bus", audience: "vault", expirationSeconds: 600 }));
    const claims = decodeJwt(await until("it has its token", () => readIfThere(file)));
    expect(claims).toMatchObject({ iss: ISSUER, aud: ["vault"], sub: "system:serviceaccount:default:default" });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600);
    const other = `${w.dir}/other`;
    const second = mounting(other, { path: "bus" });
    second.metadata.name = "second";
    await w.apply(second);
    expect(decodeJwt(await until("it has its token", () => readIfThere(other))).aud).toEqual([ISSUER]);
  });

  it("of less than ten minutes is refused, as the API server refuses it", () => {
    const { spec } = mounting("/x", { path: "bus", expirationSeconds: 599 });
    expect(() => parseTemplate((spec as { template: unknown }).template)).toThrow("from 600 to 4294967296 seconds");
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KubernetesSecret, secretNamed } from "../../../runtime/kubernetes/index.js";
import { fillPassword } from "../../../runtime/ops/schema/index.js";
import { CertificateAuthority } from "../../../stacks/local/entra/authority.js";
import { FakeClock } from "../bus/fakes.js";

// An API server on loopback, with the shapes of the real one: one secret, its version, conflicts and refusals.

const PATH = "/api/v1/namespaces/workers/secrets/readings-cassandra";
const never = new AbortController().signal;
let server: Server;
let folder: string;
let stranger: string;
let url: string;
let state: { version: number; data: { [key: string]: string }; token: string; failures: number[]; asked: string[] };

const status = (code: number, reason: string, message: string) =>
  JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", reason, message, code });

beforeAll(async () => {
  const authority = await CertificateAuthority.create("cluster");
  folder = mkdtempSync(join(tmpdir(), "stowage-account-"));
  stranger = mkdtempSync(join(tmpdir(), "stowage-account-"));
  writeFileSync(join(folder, "ca.crt"), authority.cert);
  writeFileSync(join(stranger, "ca.crt"), (await CertificateAuthority.create("stranger")).cert);
  writeFileSync(join(stranger, "token"), "first");
  server = createServer(await authority.issue(), (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const answer = (code: number, text: string) => {
        response.writeHead(code, { "content-type": "application/json" });
        response.end(text);
      };
      const { method = "", url: path, headers } = request;
      state.asked.push(`${method} ${headers["content-type"] ?? ""}`.trim());
      const failure = state.failures.shift();
      if (failure !== undefined) return answer(failure, status(failure, "InternalError", "etcd is away"));
      if (headers.authorization !== `Bearer ${state.token}`)
        return answer(401, status(401, "Unauthorized", "Unauthorized"));
      if (path === "/api/v1/namespaces/workers/secrets/denied")
        return answer(403, status(403, "Forbidden", 'secrets "denied" is forbidden'));
      if (path !== PATH) return answer(404, status(404, "NotFound", "not found"));
      if (method === "PATCH") {
        const { metadata, data } = JSON.parse(Buffer.concat(parts).toString()) as {
          metadata: { resourceVersion: string };
          data: { [key: string]: string };
        };
        if (metadata.resourceVersion !== String(state.version))
          return answer(409, status(409, "Conflict", "the object has been modified"));
        state.data = { ...state.data, ...data };
        state.version++;
      }
      const metadata = { name: "readings-cassandra", namespace: "workers", resourceVersion: String(state.version) };
      answer(200, JSON.stringify({ kind: "Secret", apiVersion: "v1", metadata, data: state.data, type: "Opaque" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
  rmSync(stranger, { recursive: true });
});

beforeEach(() => {
  state = { version: 7, data: {}, token: "first", failures: [], asked: [] };
  writeFileSync(join(folder, "token"), "first\n");
});

const clock = new FakeClock();
const secret = (name = "readings-cassandra", account = folder) =>
  new KubernetesSecret({ namespace: "workers", secret: name, folder: account, apiServer: url, clock });
/** What a promise comes to, while the clock runs. */
async function hurried<T>(promise: Promise<T>): Promise<T> {
  const done = promise.finally(() => {
    running = false;
  });
  let running = true;
  done.catch(() => undefined);
  while (running) await clock.advance(500);
  return done;
}

describe("a secret", () => {
  test("is read and written by keys, the others stay", async () => {
    state.data = { "ca.crt": Buffer.from("PEM").toString("base64") };
    const { values, version } = await secret().read(never);
    expect([values, version]).toEqual([{ "ca.crt": "PEM" }, "7"]);
    expect(await secret().write({ username: "rôle", password: "p" }, version, never)).toBe(true);
    expect((await secret().read(never)).values).toEqual({ "ca.crt": "PEM", username: "rôle", password: "p" });
    expect(state.asked[1]).toBe("PATCH application/merge-patch+json");
  });

  test("that somebody else has written since is not written", async () => {
    const { version } = await secret().read(never);
    state.version++;
    expect(await secret().write({ username: "late" }, version, never)).toBe(false);
    expect(state.data).toEqual({});
  });

  test("is asked for with the token that the folder holds then", async () => {
    const one = secret();
    await one.read(never);
    state.token = "second";
    await expect(one.read(never)).rejects.toMatchObject({ code: "SecretRefused" });
    writeFileSync(join(folder, "token"), "second");
    await one.read(never);
  });

  test("is asked for again where the server is busy or away, and given up after five tries", async () => {
    state.failures = [500, 503, 429, 500];
    expect((await hurried(secret().read(never))).version).toBe("7");
    expect(state.asked).toHaveLength(5);
    state.failures = [500, 500, 500, 500, 500];
    await expect(hurried(secret().read(never))).rejects.toThrow(
      /cannot be asked for .* \(5 tries\): it answers 500: etcd is away/,
    );
  });

  test.each([
    ["readings-other", "SecretMissing", /does not exist/],
    ["denied", "SecretRefused", /may not get secret workers\/denied .* the verbs get and patch on secrets/],
  ])("%s is %s, with what to do", async (name, code, words) => {
    const error = await secret(name)
      .read(never)
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code, message: expect.stringMatching(words) });
  });

  test("is not asked of a server that another authority vouches for", async () => {
    await expect(hurried(secret("readings-cassandra", stranger).read(never))).rejects.toThrow(/certificate/);
    expect(state.asked).toEqual([]);
  });

  test("outside of a pod is named as such", async () => {
    const away = secret("readings-cassandra", join(folder, "nowhere"));
    await expect(away.read(never)).rejects.toThrow(/has no (token|ca\.crt) of a service account .*--kubernetes/);
    expect(() => new KubernetesSecret({ namespace: "a", secret: "b", folder })).toThrow(/KUBERNETES_SERVICE_HOST/);
  });

  test("has a name of two parts", () => {
    expect(secretNamed("--publish", "workers/readings-cassandra")).toEqual({
      namespace: "workers",
      secret: "readings-cassandra",
    });
    for (const text of ["readings", "a/b/c", "../b", "A/b", "/"])
      expect(() => secretNamed("--publish", text)).toThrow("--publish: must be NAMESPACE/SECRET");
  });
});

describe("a password", () => {
  test("is filled in where there is none, and never replaced", async () => {
    expect(await fillPassword(secret(), never)).toBe("Secret workers/readings-cassandra has a password now.");
    const { password = "" } = (await secret().read(never)).values;
    expect(password).toMatch(/^[\w-]{43}$/);
    expect(await fillPassword(secret(), never)).toBe("Secret workers/readings-cassandra has a password, which stays.");
    expect((await secret().read(never)).values).toEqual({ password });
  });

  test("of two who fill it at once is the one that was first", async () => {
    const said = await Promise.all([fillPassword(secret(), never), fillPassword(secret(), never)]);
    expect(said.filter((one) => one.endsWith("now."))).toHaveLength(1);
    expect(state.version).toBe(8);
  });
});

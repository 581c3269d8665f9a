import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkloadIdentityCredential } from "@azure/identity";
import { decodeJwt } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AccessLog } from "../../../stacks/local/accessLog.js";
import { LocalCloud } from "../../../stacks/local/cloud.js";

const PRINCIPAL = "5a4d1e00-0000-4000-8000-000000000001";
let dir: string;
let cloud: LocalCloud;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "stowage-cloud-"));
  cloud = await LocalCloud.start({ dir, issuerUrl: "https://issuer.stowage.invalid/" });
});
afterEach(async () => {
  await cloud.close();
  rmSync(dir, { recursive: true, force: true });
});

describe("Azure on this machine", () => {
  it("lets a registered producer log in with nothing but what its environment says", async () => {
    const login = await cloud.loginOf(cloud.register("sample", PRINCIPAL));
    expect(statSync(login["AZURE_FEDERATED_TOKEN_FILE"] ?? "").mode & 0o777).toBe(0o600);
    const credential = new WorkloadIdentityCredential({
      tenantId: login["AZURE_TENANT_ID"] ?? "",
      clientId: login["AZURE_CLIENT_ID"] ?? "",
      tokenFilePath: login["AZURE_FEDERATED_TOKEN_FILE"] ?? "",
      authorityHost: login["AZURE_AUTHORITY_HOST"] ?? "",
      disableInstanceDiscovery: true,
      tlsOptions: { ca: readFileSync(login["NODE_EXTRA_CA_CERTS"] ?? "", "utf8") },
    });
    const { token } = await credential.getToken("https://servicebus.azure.net//.default");
    expect(decodeJwt(token)["oid"]).toBe(PRINCIPAL);
    expect(JSON.stringify(login)).not.toContain("eyJ");
  });

  it("is trusted by nobody who was not told to", async () => {
    const code = await new Promise((resolve) => {
      request(cloud.entra.authorityHost)
        .once("error", (error: NodeJS.ErrnoException) => resolve(error.code))
        .end();
    });
    expect(code).toMatch(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  });

  it("speaks TLS on the bus, under the name that the certificate is for, and takes no shared key where that is off", async () => {
    const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
    const { endpoint } = await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: true }, id);
    expect(endpoint).toMatch(/^https:\/\/localhost:\d+\/$/);
    expect(cloud.namespaces.host).toBe(new URL(endpoint).host);
    expect(() => cloud.namespaces.broker.connectionString()).toThrow("There is no connection string");
  });

  it("keeps no private key in a file", () => {
    expect(readFileSync(cloud.authorityFile, "utf8")).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(readFileSync(cloud.authorityFile, "utf8")).not.toContain("PRIVATE");
  });
});

describe("the access log", () => {
  it("has a line of JSON an event, counts the refusals, and stays within its bound", async () => {
    const log = new AccessLog(join(dir, "log", "access.log"));
    const at = Date.parse("2026-01-02T03:04:05Z");
    log.add({ at, action: "put-token", outcome: "allowed", who: "renders", entity: "renders" });
    for (let i = 0; i < 300; i++)
      log.add({
        at,
        action: "attach",
        outcome: "refused",
        who: "renders",
        right: "send",
        entity: `q-${i}`,
        reason: "no",
      });
    await log.flushed();
    const lines = readFileSync(log.path, "utf8").trim().split("\n");
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      at: "2026-01-02T03:04:05.000Z",
      action: "put-token",
      outcome: "allowed",
      who: "renders",
      entity: "renders",
    });
    expect([lines.length, log.refused, log.refusals().length]).toEqual([301, 300, 200]);
    expect(log.refusals().at(-1)).toMatchObject({ entity: "q-299" });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Finding } from "../../runtime/ops/doctor/index.js";
import { LocalCloud } from "../../stacks/local/cloud.js";
import { startCommand } from "../support/command.js";
import { trust } from "../support/trust.js";
import { pipelineOf } from "../unit/bus/fakes.js";

/** Needs the compiled command (`npm run build`). */

const BUS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
const ROLES = "/providers/Microsoft.Authorization/roleDefinitions";
const WORKER = "5a4d1e00-0000-4000-8000-0000000000c1";
const DATA_OWNER = "090c5cfd-751d-490a-894a-3ce6f1109419";
const DATA_RECEIVER = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0";

it("the doctor logs in as the worker does, over TLS, and tells an identity without rights from none", async () => {
  const dir = mkdtempSync(join(tmpdir(), "stowage-ops-identity-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const cloud = await LocalCloud.start({ dir, issuerUrl: "https://issuer.stowage.invalid/", propagationSeconds: 0 });
  onTestFinished(() => cloud.close());
  trust(cloud.entra.authority.cert);
  await cloud.namespaces.namespaceCreated("bus", { disableLocalAuth: true }, BUS);
  await cloud.namespaces.putQueue("bus", "renders", { lockDuration: "PT30S" });
  const application = cloud.register("worker", WORKER);
  const login = await cloud.loginOf(application);
  const serviceBus = {
    fullyQualifiedNamespace: cloud.namespaces.host,
    clientId: application.clientId,
    instanceDiscovery: false,
  };
  const files = { pipeline: join(dir, "pipeline.json"), connection: join(dir, "connection.json") };
  writeFileSync(files.pipeline, JSON.stringify(pipelineOf((p) => Object.assign(p, { replyQueues: [] }))));
  writeFileSync(files.connection, JSON.stringify({ contractVersion: 1, serviceBus }));
  const stowage = async (command: string[], environment: NodeJS.ProcessEnv) => {
    const args = [...command, "--pipeline", files.pipeline, "--connection", files.connection];
    const run = startCommand(args, { env: { ...process.env, ...environment } });
    onTestFinished(() => {
      if (run.child.exitCode === null) run.child.kill("SIGKILL");
    });
    return { code: await run.ended, ...run.output() };
  };
  const doctor = async (environment: NodeJS.ProcessEnv): Promise<{ [check: string]: Finding }> => {
    const { stdout } = await stowage(["doctor", "--no-store", "--json"], environment);
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
  };

  const lost = await doctor({ ...login, AZURE_FEDERATED_TOKEN_FILE: join(dir, "missing") });
  expect(lost).toMatchObject({ tls: { status: "ok" }, token: { status: "fail" } });
  expect(lost, "rights are not tried without a token").not.toHaveProperty("listen");

  const without = await doctor(login);
  expect(without["token"]).toMatchObject({ status: "ok", detail: expect.stringContaining(WORKER) });
  expect(without["listen"]).toMatchObject({
    status: "fail",
    fix: expect.stringContaining("Azure Service Bus Data Receiver on renders"),
  });
  const refused = await stowage(["dlq", "list"], login);
  expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining("RightMissing") });

  const scope = `${BUS}/queues/renders`;
  const roleDefinitionId = `${ROLES}/${DATA_RECEIVER}`;
  cloud.identities.putRoleAssignment("w", { scope, principalId: WORKER, roleDefinitionId, madeAt: Date.now() });
  expect(await doctor(login)).toMatchObject({
    token: { status: "ok" },
    listen: { status: "ok" },
    entity: { status: "warn" },
  });
  expect(await stowage(["dlq", "list"], login)).toMatchObject({ code: 0, stdout: "" });
  const { stdout, stderr } = await stowage(["lag"], login);
  expect(stdout + stderr).toContain("renders");

  const owner = { scope, principalId: WORKER, roleDefinitionId: `${ROLES}/${DATA_OWNER}`, madeAt: Date.now() };
  cloud.identities.putRoleAssignment("o", owner);
  expect(await doctor(login), "an address with a port has no administration of its own").toMatchObject({
    entity: { status: "warn", detail: expect.stringContaining("no administration") },
  });
  const told = { ...serviceBus, administration: cloud.namespaces.adminHost };
  writeFileSync(files.connection, JSON.stringify({ contractVersion: 1, serviceBus: told }));
  expect(await doctor(login), "and the connection says where it is").toMatchObject({
    entity: { status: "ok", detail: expect.stringContaining("0 active") },
  });
  // No token is ever printed.
  expect(stdout + stderr + JSON.stringify(without)).not.toMatch(/eyJ[\w-]{20}/);
});

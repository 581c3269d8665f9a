import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../../stacks/local/broker/index.js";
import { runCommand } from "../../stacks/local/engine/command.js";
import { CertificateAuthority } from "../../stacks/local/entra/authority.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { type OperationReport, operationsIn, reportsIn } from "../clients/operations.js";
import { pythonClient } from "../clients/python/environment.js";

// Microsoft's client for Python, unmodified, against the broker: one process does all operations in turn. It needs
// Python 3.10 or newer with pip, and a registry the first time; without them every test is skipped, and says why.

const PROGRAM = join(packageRoot(), "test/clients/python/operations.py");
const OPERATIONS = operationsIn(readFileSync(PROGRAM, "utf8"), /^@operation\("(.*)"\)$/gm);
const SETUP_MS = 6 * 60_000;
const LIMIT_MS = 120_000;

describe("the Python client", () => {
  let reports: ReadonlyMap<string, OperationReport> = new Map();
  let missing: string | undefined;
  let broker: Broker | undefined;

  beforeAll(async () => {
    const { signal } = new AbortController();
    const client = await pythonClient((line) => console.log(line), signal);
    if ("missing" in client) {
      missing = client.missing;
      return;
    }
    broker = new Broker();
    broker.putQueue("orders", { lockDurationSeconds: 30 });
    broker.putQueue("short", { lockDurationSeconds: 1 });
    broker.putQueue("renewed", { lockDurationSeconds: 4 });
    broker.putQueue("rooms", { requiresSession: true });
    broker.putTopic("events");
    broker.putSubscription("events", "all");
    broker.putSubscription("events", "red");
    broker.putRule("events", "red", "$Default", { kind: "correlation", properties: { colour: "red" } });
    await broker.listen();
    const authority = await CertificateAuthority.create("clients of other languages");
    const { port } = await broker.listenAdmin({ tls: await authority.issue() });
    const folder = mkdtempSync(join(tmpdir(), "stowage-python-"));
    try {
      const trusted = join(folder, "authority.pem");
      writeFileSync(trusted, authority.cert);
      const args = [PROGRAM, broker.connectionString(), `localhost:${port}`, trusted];
      const { stdout, stderr } = await runCommand(client.python, args, { env: client.env, limitMs: LIMIT_MS });
      reports = new Map(reportsIn(stdout).map((report) => [report.operation, report]));
      if (reports.size === 0) throw new Error(`The program reported nothing:\n${stderr}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, SETUP_MS);

  afterAll(() => broker?.close());

  for (const operation of OPERATIONS) {
    it(operation, ({ skip }) => {
      if (missing !== undefined) skip(missing);
      const report = reports.get(operation);
      expect(report?.error ?? "").toBe("");
      expect(report?.ok).toBe(true);
    });
  }

  it("has an operation for each of what was promised", () => {
    expect(OPERATIONS.length).toBeGreaterThan(12);
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../../stacks/local/broker/index.js";
import { runCommand } from "../../stacks/local/engine/command.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { javaClient } from "../clients/java/environment.js";
import { type OperationReport, operationsIn, reportsIn } from "../clients/operations.js";

// Microsoft's client for Java, unmodified, against the broker: the one that has transactions. One process does all
// operations in turn. It needs Java 17, and Maven the first time; without them every test is skipped, and says why.

const PROGRAM = join(packageRoot(), "test/clients/java/Operations.java");
const OPERATIONS = operationsIn(readFileSync(PROGRAM, "utf8"), /operations\.put\("(.*)", /g);
const QUEUES = ["plain", "settled", "committed", "rolled-back", "one-entity", "from", "to"];
const SETUP_MS = 8 * 60_000;
const LIMIT_MS = 120_000;

describe("the Java client", () => {
  let reports: ReadonlyMap<string, OperationReport> = new Map();
  let missing: string | undefined;
  let broker: Broker | undefined;

  beforeAll(async () => {
    const { signal } = new AbortController();
    const client = await javaClient((line) => console.log(line), signal);
    if ("missing" in client) {
      missing = client.missing;
      return;
    }
    broker = new Broker();
    for (const queue of QUEUES) broker.putQueue(queue);
    broker.putQueue("rooms", { requiresSession: true });
    await broker.listen();
    const args = ["-cp", join(client.lib, "*"), PROGRAM, broker.connectionString()];
    const { stdout, stderr } = await runCommand(client.java, args, { env: process.env, limitMs: LIMIT_MS });
    reports = new Map(reportsIn(stdout).map((report) => [report.operation, report]));
    if (reports.size === 0) throw new Error(`The program reported nothing:\n${stderr}`);
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
    expect(OPERATIONS.length).toBeGreaterThan(6);
  });
});

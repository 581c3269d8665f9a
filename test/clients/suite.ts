import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../../stacks/local/broker/index.js";
import { type OperationReport, operationsIn, reportsIn } from "./operations.js";

/** A client in another language, and how all of its operations are run. */
export interface ClientSuite<Client extends object> {
  /** As the tests name it. */
  name: string;
  /** Its program's file. */
  program: string;
  /** How the program declares an operation; the first group is its name. */
  declared: RegExp;
  /** Operations that there must be at least: a test that found none would prove nothing. */
  least: number;
  /** Time to fetch the client and run the program, in milliseconds. */
  limitMs: number;
  /** Fetches the client, or says why it cannot be had here: then every test is skipped, with that reason. */
  find(onProgress: (line: string) => void, signal: AbortSignal): Promise<Client | { missing: string }>;
  /** Runs the program against a broker that nobody else uses. */
  run(client: Client, broker: Broker): Promise<{ stdout: string; stderr: string }>;
}

/** One test for each operation of a client in another language; one process does them all in turn. */
export function describeClient<Client extends object>(suite: ClientSuite<Client>): void {
  const operations = operationsIn(readFileSync(suite.program, "utf8"), suite.declared);

  describe(suite.name, () => {
    let reports: ReadonlyMap<string, OperationReport> = new Map();
    let missing: string | undefined;
    const broker = new Broker();

    beforeAll(async () => {
      const client = await suite.find((line) => console.log(line), new AbortController().signal);
      if ("missing" in client) {
        missing = client.missing;
        return;
      }
      const { stdout, stderr } = await suite.run(client, broker);
      reports = new Map(reportsIn(stdout).map((report) => [report.operation, report]));
      if (reports.size === 0) throw new Error(`The program reported nothing:\n${stderr}`);
    }, suite.limitMs);

    afterAll(() => broker.close());

    for (const operation of operations) {
      it(operation, ({ skip }) => {
        if (missing !== undefined) skip(missing);
        const report = reports.get(operation);
        expect(report?.error ?? "").toBe("");
        expect(report?.ok).toBe(true);
      });
    }

    it("has an operation for each of what was promised", () => {
      expect(operations.length).toBeGreaterThanOrEqual(suite.least);
    });
  });
}

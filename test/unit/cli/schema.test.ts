import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, errors } from "cassandra-driver";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { CONTRACT_VERSION, CQL_PORT, ExitCode } from "../../../runtime/contract/index.js";
import { workerCommand } from "../../../runtime/library/command.js";
import { main } from "../../../stacks/cli/main.js";
import { pipelineTo } from "../support/pipelines.js";

/** A pipeline and its connection, as files. */
function files(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "stowage-schema-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const write = (name: string, value: object): string => {
    writeFileSync(join(folder, name), JSON.stringify(value));
    return join(folder, name);
  };
  const connection = write("connection.json", {
    contractVersion: CONTRACT_VERSION,
    serviceBus: { fullyQualifiedNamespace: "localhost", developmentEmulator: true },
    cassandra: { contactPoints: ["127.0.0.1"], port: CQL_PORT, localDatacenter: "dc1" },
  });
  const pipeline = write("pipeline.json", pipelineTo("cassandra"));
  return ["--pipeline", pipeline, "--connection", connection];
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("where nobody is let into the ring", () => {
  test.each(["diff", "apply"])("schema %s ends with 3, and never with what means a difference", async (command) => {
    const options = files();
    const refused = new errors.AuthenticationError("no credentials were given");
    vi.spyOn(Client.prototype, "connect").mockRejectedValue(
      new errors.NoHostAvailableError({ [`127.0.0.1:${CQL_PORT}`]: refused }),
    );
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const words = "A password is asked for by the ring at 127.0.0.1, port 9042, and the connection has none.";

    expect(await workerCommand({ args: ["schema", command, ...options] })).toBe(ExitCode.MissingRequirement);
    expect(said.mock.calls.flat().join("")).toContain(words);

    said.mockClear();
    const before = process.exitCode;
    await main(["node", "stowage", "schema", command, ...options]);
    expect(process.exitCode).toBe(ExitCode.MissingRequirement);
    process.exitCode = before;
    expect(said.mock.calls.flat().join("")).toContain(words);
  });
});

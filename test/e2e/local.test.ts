import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../stacks/packageRoot.js";
import { startCommand } from "../support/command.js";

/** The full form sends what the README sends. */
const [MESSAGES, POISON] = process.env["STOWAGE_LONG"] === undefined ? [60, 3] : [300, 5];

const gitStatus = () => execFileSync("git", ["status", "--porcelain"], { cwd: packageRoot(), encoding: "utf8" });

describe("stowage local", () => {
  it("stores every good message in each store and dead-letters every bad one, and leaves the work tree as it was", async () => {
    const before = gitStatus();
    const args = ["--once", "--messages", String(MESSAGES), "--poison", String(POISON), "--json"];
    const run = startCommand(["local", ...args]);
    const code = await run.ended;
    const { stdout, stderr } = run.output();
    expect(code, stderr.slice(-4_000)).toBe(0);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    const pipeline = {
      sent: MESSAGES + POISON,
      stored: MESSAGES,
      deadLettered: POISON,
      p50Ms: expect.any(Number),
      p99Ms: expect.any(Number),
    };
    expect(report).toEqual({
      engine: expect.stringMatching(/^3\.\d+\.\d+/),
      resources: expect.any(Number),
      seconds: {
        setup: expect.any(Number),
        up: expect.any(Number),
        traffic: expect.any(Number),
        down: expect.any(Number),
      },
      real: { cassandra: true, gluster: false, linstor: false },
      pipelines: { gluster: pipeline, linstor: pipeline, cassandra: pipeline },
    });
    expect(gitStatus()).toBe(before);
    // Standard output is the report alone: what it says to people goes to standard error, stand-ins by name.
    expect(stderr).toContain(
      "Stand-ins: Azure Resource Manager, Entra ID, Service Bus, Kubernetes, cert-manager, LINSTOR; Gluster is a folder.",
    );
    expect(stderr).toMatch(
      /rewritten for this machine: the ports below, \d+ images? and \d+ mount paths?; each by its pod: /,
    );
    expect(stderr).toMatch(/rewritten in stowage\/.*: port \d+ -> \d+/);
  }, 300_000);
});

describe("stowage preview", () => {
  it.each(["dev", "prod"])(
    "previews %s and leaves the work tree as it was",
    async (environment) => {
      const before = gitStatus();
      const run = startCommand(["preview", environment, "--json"]);
      expect(await run.ended, run.output().stderr.slice(-4_000)).toBe(0);
      const { changeSummary } = JSON.parse(run.output().stdout) as { changeSummary: { create: number } };
      expect(changeSummary.create).toBeGreaterThan(50);
      expect(gitStatus()).toBe(before);
    },
    120_000,
  );

  it("of an environment that does not exist names those that do", async () => {
    const run = startCommand(["preview", "staging"]);
    expect(await run.ended).toBe(1);
    expect(run.output().stderr).toContain("there are: dev, local, prod");
  }, 120_000);
});

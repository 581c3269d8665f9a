import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it, onTestFinished } from "vitest";
import { entityOf, loginOf } from "../../../stacks/cli/bus.js";
import { duration } from "../../../stacks/cli/commands/options.js";
import { program } from "../../../stacks/cli/main.js";
import { progressLine } from "../../../stacks/cli/progress.js";

/** What a call prints, and the code it ends with. */
async function call(...args: string[]): Promise<{ out: string; code: string }> {
  let out = "";
  const root = program();
  const quiet = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (out += text) });
    command.commands.forEach(quiet);
  };
  quiet(root);
  try {
    await root.parseAsync(["node", "stowage", ...args]);
    return { out, code: "" };
  } catch (error) {
    return { out, code: error instanceof Error && "code" in error ? String(error.code) : String(error) };
  }
}

describe("the help of the operations", () => {
  it.each([
    [
      ["dlq", "list"],
      ["--reason", "--id", "--sequence", "--older-than", "--newer-than", "--filter", "--limit", "--json"],
    ],
    [
      ["dlq", "show"],
      ["--save", "--json"],
    ],
    [
      ["dlq", "replay"],
      ["--all", "--rate", "--max-held", "--dry-run", "--accept-reordering", "--json", "stowage-original-id"],
    ],
    [
      ["dlq", "purge"],
      ["--yes", "--dry-run", "--json"],
    ],
    [["send"], ["--file", "--id-prefix", "--session", "--schedule", "--property", "--from-line", "--json", "NDJSON"]],
    [["lag"], ["--look", "--watch", "--json"]],
    [["doctor"], ["--metrics", "--no-store", "--json", "stowage-worker.cjs doctor"]],
  ])("of %j teaches", async (args, words) => {
    const { out } = await call(...args, "--help");
    for (const word of [...words, "STOWAGE_CONNECTION_STRING", "--namespace", "Exit codes:"])
      expect(out).toContain(word);
  });

  it.each([
    [["dlq", "list", "--older-than", "5x"], "a number with s, m, h or d behind it"],
    [["dlq", "list", "--sequence", "-1"], "a whole number"],
    [["dlq", "list", "--limit", "0"], "a whole number from 1"],
    [["dlq", "replay", "--rate", "-1"], "a whole number from 0"],
    [["dlq", "list", "--namespace", "a", "--connection", "b"], "cannot be used with option"],
    [["dlq", "list", "--entity", "a", "--pipeline", "b"], "cannot be used with option"],
    [["dlq", "replai"], "Did you mean replay?"],
    [["send", "--property", "n"], "name=text or name:=json"],
    [["send", "--schedule", "tomorrow"], "a while from now"],
    [["send", "--file", "f", "--body", "b"], "cannot be used with option"],
    [["doctor", "--metrics", "ftp://x"], "http or https URL"],
    [["lag", "--watch", "0"], "a whole number from 1"],
  ])("%j is refused with what would be right", async (args, words) => {
    const { out, code } = await call(...args);
    expect(out).toContain(words);
    expect(code).toMatch(/^commander\./);
  });
});

describe("how a command logs in", () => {
  const KEY =
    "Endpoint=sb://localhost:5672;SharedAccessKeyName=n;SharedAccessKey=verysecret;UseDevelopmentEmulator=true";

  it("is by what is said first: options before the environment", () => {
    const environment = { STOWAGE_CONNECTION_STRING: KEY, STOWAGE_ADMIN_CONNECTION_STRING: KEY };
    expect(loginOf({ namespace: "contoso.servicebus.windows.net" }, environment)).toEqual({
      kind: "identity",
      serviceBus: { fullyQualifiedNamespace: "contoso.servicebus.windows.net" },
    });
    expect(loginOf({}, environment)).toEqual({ kind: "connectionString", bus: KEY, admin: KEY });
    expect(() => loginOf({}, {})).toThrow("--namespace: is missing");
  });

  it("by a worker's connection.json takes its identity, and refuses what is none", () => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-login-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "connection.json");
    const serviceBus = {
      fullyQualifiedNamespace: "contoso.servicebus.windows.net",
      clientId: "11111111-1111-4111-8111-111111111111",
    };
    writeFileSync(file, JSON.stringify({ contractVersion: 1, serviceBus }));
    expect(loginOf({ connection: file }, {})).toEqual({ kind: "identity", serviceBus });
    writeFileSync(file, "{");
    expect(() => loginOf({ connection: file }, {})).toThrow("cannot be read as JSON");
  });

  it.each([
    { STOWAGE_CONNECTION_STRING: "verysecret" },
    { STOWAGE_CONNECTION_STRING: KEY, STOWAGE_ADMIN_CONNECTION_STRING: "verysecret" },
  ])("never shows a connection string that is none", (environment) => {
    expect(() => loginOf({}, environment)).toThrow("is no connection string");
    expect(() => loginOf({}, environment)).not.toThrow("verysecret");
  });

  it.each(["sb://contoso.servicebus.windows.net", "https://x", "a b"])("refuses %s as a namespace", (namespace) => {
    expect(() => loginOf({ namespace }, {})).toThrow("is no host");
  });
});

describe("an entity", () => {
  it.each([
    ["orders", { queue: "orders" }],
    ["a/b/c", { queue: "a/b/c" }],
    ["events/subscriptions/audit", { topic: "events", subscription: "audit" }],
    ["a/b/Subscriptions/audit", { topic: "a/b", subscription: "audit" }],
  ])("%s is %j", (entity, target) => {
    expect(entityOf({ entity }).target).toEqual(target);
  });

  it.each(["", "/orders", "events/subscriptions/", "no spaces"])("is not %j", (entity) => {
    expect(() => entityOf({ entity })).toThrow("is no entity's path");
  });
});

it.each([
  ["90s", 90_000],
  ["15m", 900_000],
  ["2h", 7_200_000],
  ["7d", 604_800_000],
])("%s is %d ms", (text, milliseconds) => {
  expect(duration(text)).toBe(milliseconds);
});

it("a bar says how far a run is, how fast, and how long it takes", () => {
  expect(progressLine(50, 200, 10_000)).toBe("[#######                       ] 25 %  50 of 200  5.0/s  30 s left");
  expect(progressLine(200, 200, 10_000)).toBe(`[${"#".repeat(30)}] 100 %  200 of 200  20/s`);
  expect(progressLine(7, undefined, 0)).toBe("7  0.0/s");
});

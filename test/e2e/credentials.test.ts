import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../stacks/local/run/folder.js";
import { type CommandRun, startCommand } from "../support/command.js";

/** What would let somebody in who finds it. */
const SECRETS: readonly [what: string, pattern: RegExp][] = [
  ["a shared access key", /SharedAccessKey(?!Name)|SharedAccessSignature/i],
  ["a connection string", /Endpoint=sb:/i],
  ["a private key", /PRIVATE KEY/],
  ["a token", /eyJ[\w-]{16,}\.eyJ[\w-]{16,}/],
];
/** Files above this size are data of a store, in bytes. */
const MAX_BYTES = 20_000_000;
const REACH_MS = 240_000;

let run: CommandRun;
/** Folder of the run. */
let folder = "";

beforeAll(async () => {
  run = startCommand(["local", "--small", "--messages", "20", "--poison", "1"]);
  await run.until(/Everything is up/, REACH_MS);
  const runs = join(cacheFolder(), "runs");
  folder = join(runs, readdirSync(runs).find((name) => name.startsWith(`${run.child.pid}-`)) ?? "none");
}, REACH_MS + 20_000);

afterAll(async () => {
  run?.child.kill("SIGINT");
  await run?.ended;
  expect(existsSync(folder)).toBe(false);
}, 120_000);

/** What of the secrets a text holds. */
function found(text: string): string[] {
  return SECRETS.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);
}

function files(below: string): string[] {
  return readdirSync(below, { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    if (entry.isDirectory()) return files(path);
    return entry.isFile() && lstatSync(path).size < MAX_BYTES ? [path] : [];
  });
}

/** The processes of the run: the command and all that carry its folder's name. */
function processes(): { pid: string; comm: string; cmdline: string; environ: string }[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const [cmdline, environ] = ["cmdline", "environ"].map((name) => readFileSync(`/proc/${pid}/${name}`, "utf8"));
        const comm = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
        const own = Number(pid) === run.child.pid || environ?.includes(folder);
        return own && cmdline !== undefined && environ !== undefined ? [{ pid, comm, cmdline, environ }] : [];
      } catch {
        // It ended, or is another user's.
        return [];
      }
    });
}

describe("no connection string, key or token of the local environment can be found", () => {
  it("in the state of the engine and of the stand-ins, in what is mounted, and in any log", () => {
    const all = files(folder);
    const paths = all.map((path) => relative(folder, path));
    // What is looked through is there: state, configuration, logs.
    expect(paths).toEqual(expect.arrayContaining(["azure.json", "kubernetes.json", "access.log", "authority.pem"]));
    for (const part of [/^pulumi\/state\/.*\.json$/, /connection\.json$/, /^pods\/logs\/.*worker\.log$/])
      expect(paths.some((path) => part.test(path))).toBe(true);
    // The one place of a token is the file that is projected for a workload, for its user alone, as in a cluster.
    const projected = (path: string) => path.endsWith("/azure-identity-token") || path.startsWith("logins/");
    const tokens = paths.filter(projected);
    expect(tokens.length).toBeGreaterThan(2);
    for (const path of tokens) {
      expect(lstatSync(join(folder, path)).mode & 0o077, path).toBe(0);
      expect(found(readFileSync(join(folder, path), "utf8"))).toEqual(["a token"]);
    }
    const leaks = paths
      .filter((path) => !projected(path))
      .map((path) => ({ path, found: found(readFileSync(join(folder, path), "latin1")) }))
      .filter((leak) => leak.found.length > 0);
    expect(leaks).toEqual([]);
  });

  it("in the arguments and the environment of any process", () => {
    const all = processes();
    // The command, the workers and Cassandra.
    expect(all.filter(({ cmdline }) => cmdline.includes("stowage-worker")).length).toBeGreaterThanOrEqual(3);
    expect(all.some(({ comm }) => comm === "java")).toBe(true);
    const leaks = all
      .map(({ pid, comm, cmdline, environ }) => ({ process: `${pid} ${comm}`, found: found(`${cmdline}\n${environ}`) }))
      .filter((leak) => leak.found.length > 0);
    expect(leaks).toEqual([]);
  });

  it("in what is printed; it says where the bus is, whom it trusts, and where the access log is", () => {
    const { stdout, stderr } = run.output();
    expect(found(stdout + stderr)).toEqual([]);
    expect(stderr).toMatch(/Service Bus: localhost:\d+ \(AMQP over TLS\)/);
    expect(stderr).toContain(join(folder, "authority.pem"));
    expect(stderr).toContain(join(folder, "access.log"));
  });

  it("and the access log says who was let in where, and that nobody was refused", () => {
    const lines = readFileSync(join(folder, "access.log"), "utf8").trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as Record<string, string>);
    const allowed = (what: Record<string, string>) => expect(events).toContainEqual(expect.objectContaining(what));
    allowed({ action: "attach", who: "stowage-renders", right: "listen", entity: "renders" });
    allowed({ action: "attach", who: "stowage-volumes", right: "send", entity: "volumes-replies" });
    allowed({ action: "attach", who: "sample", right: "send", entity: "telemetry" });
    allowed({ action: "exchange", who: "stowage-telemetry" });
    expect(events.filter(({ outcome }) => outcome === "refused")).toEqual([]);
  });
});

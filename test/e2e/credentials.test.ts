import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
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

/** Where secrets may lie: what is projected for a workload, and the ring's own key, for their user alone. */
const PLACES: readonly [place: RegExp, what: string[]][] = [
  [/\/azure-identity-token$|^logins\//, ["a token"]],
  [/^pods\/pods\/[^/]+\/files\/worker\/kubernetes\/\.\.[^/]+\/token$/, ["a token"]],
  [/^pods\/pods\/stowage\.telemetry-[^/]+\/files\/worker\/cassandra\/\.\.[^/]+\/password$/, ["a password"]],
  [/^cassandra\/tls\/keystore\.pem$/, ["a private key"]],
];

/** Passwords that were seen where they belong, and are looked for everywhere else. */
const passwords = new Set<string>();
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
  const known = SECRETS.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);
  return [...passwords].some((password) => text.includes(password)) ? [...known, "a password"] : known;
}

/** A file of a secret that a pod mounts; undefined where there is no such pod, or it is not there yet. */
function mounted(pod: string, volume: string, file: string): string | undefined {
  const pods = join(folder, "pods", "pods");
  const name = readdirSync(pods).find((each) => each.startsWith(pod));
  try {
    return readFileSync(join(pods, name ?? "none", "files", "worker", volume, file), "utf8");
  } catch {
    return undefined;
  }
}

/** Asks the run's control socket for a CronJob's job, as the printed command does. */
function trigger(path: string, args: string[]): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const socketPath = join(folder, "control.sock");
    request({ socketPath, method: "POST", path, agent: false }, (response) => {
      let body = "";
      response.on("data", (part) => {
        body += part;
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    })
      .once("error", reject)
      .end(JSON.stringify({ args }));
  });
}

it(
  "the pipeline's role is rotated by the command that is printed, under a worker that goes on",
  async () => {
    const [, path = ""] =
      /-X POST http:\/\/local(\/cronjobs\/cassandra\/telemetry-rotation)\b/.exec(run.output().stderr) ?? [];
    const login = () => ["username", "password"].map((file) => mounted("stowage.telemetry-", "cassandra", file) ?? "");
    const before = login();
    const looking = setInterval(() => {
      const password = mounted("cassandra.telemetry-rotation-", "admin", "password");
      if (password !== undefined && password !== "") passwords.add(password);
    }, 20);
    // A rotation soon after the last one would be taken for its second try.
    const answer = await trigger(path, ["--rest", "1s"]).finally(() => clearInterval(looking));
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('"completed":true') });
    // The superuser's, which the job had, and both of the pipeline's roles.
    expect(passwords.size).toBe(1);
    const after = login();
    expect([before[0], after[0]]).toEqual(["stowage_telemetry_a", "stowage_telemetry_b"]);
    for (const password of [before[1], after[1]]) {
      expect(password).toMatch(/^[\w-]{40,}$/);
      passwords.add(password ?? "");
    }
    expect(passwords.size).toBe(3);
    // The worker that runs takes the other role up, and is the same one.
    const logs = join(folder, "pods", "logs");
    const [worker = "", ...others] = readdirSync(logs).filter((name) => name.startsWith("stowage.telemetry-"));
    expect(others).toEqual([]);
    const taken = () =>
      readFileSync(join(logs, worker), "utf8")
        .split("\n")
        .filter((line) => line.includes("used with new credentials"));
    await expect.poll(taken, { timeout: 30_000 }).toEqual([expect.stringContaining('"role":"stowage_telemetry_b"')]);
  },
  REACH_MS,
);

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

describe("no connection string, key, token or password of the local environment can be found", () => {
  it("in the state of the engine and of the stand-ins, in what is mounted, and in any log", () => {
    const all = files(folder);
    const paths = all.map((path) => relative(folder, path));
    // What is looked through is there: state, configuration, logs.
    expect(paths).toEqual(expect.arrayContaining(["azure.json", "kubernetes.json", "access.log", "authority.pem"]));
    for (const part of [/^pulumi\/state\/.*\.json$/, /connection\.json$/, /^pods\/logs\/.*worker\.log$/])
      expect(paths.some((path) => part.test(path))).toBe(true);
    const placed = (path: string) => PLACES.find(([place]) => place.test(path));
    for (const [place] of PLACES.filter(([each]) => !each.source.includes("kubernetes")))
      expect(paths.filter((path) => place.test(path)).length, String(place)).toBeGreaterThan(0);
    for (const path of paths.filter(placed)) {
      expect(lstatSync(join(folder, path)).mode & 0o077, path).toBe(0);
      expect(found(readFileSync(join(folder, path), "utf8")), path).toEqual(placed(path)?.[1]);
    }
    const leaks = paths
      .filter((path) => placed(path) === undefined)
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

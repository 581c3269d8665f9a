import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { z } from "zod";
import { runCommand } from "../../stacks/local/engine/command.js";
import { cacheFolder } from "../../stacks/local/run/folder.js";

/** Prometheus, and the tool that checks and tests its rules. */
export interface PrometheusPrograms {
  prometheus: string;
  promtool: string;
}

/** Why it cannot be had on this machine: a test says it as the reason for which it was skipped. */
export interface MissingPrometheus {
  missing: string;
}

const FETCH_MS = 3 * 60_000;
/** Debian's and Ubuntu's package. */
const PACKAGE = "prometheus";

/**
 * Both programs: those on the PATH, or else those of Debian's package, fetched once into the cache folder and unpacked
 * there, without installing anything and without root. In CI it throws where it cannot have them: no test is skipped there.
 */
export async function prometheusPrograms(): Promise<PrometheusPrograms | MissingPrometheus> {
  const [prometheus, promtool] = [onPath("prometheus"), onPath("promtool")];
  if (prometheus !== undefined && promtool !== undefined) return { prometheus, promtool };
  const folder = join(cacheFolder(), "prometheus");
  const failure = existsSync(folder) ? undefined : await fetchPackage(folder);
  if (failure === undefined) return { prometheus: join(folder, "prometheus"), promtool: join(folder, "promtool") };
  const missing = `prometheus and promtool are missing: put them on the PATH, or use a machine with apt (${failure})`;
  if (process.env["CI"] !== undefined) throw new Error(missing);
  return { missing };
}

function onPath(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Fetches and unpacks into a folder of this process, which is renamed when it is whole; gives why it could not. */
async function fetchPackage(folder: string): Promise<string | undefined> {
  for (const program of ["apt-get", "dpkg-deb"]) if (onPath(program) === undefined) return `there is no ${program}`;
  const work = `${folder}.${process.pid}-${randomBytes(4).toString("hex")}`;
  const lists = join(work, "lists");
  mkdirSync(join(lists, "partial"), { recursive: true });
  // Lists of its own, for a machine whose lists are empty or are root's: nothing of the machine is changed.
  const own = [`Dir::State::lists=${lists}`, `Dir::Cache=${work}`, "Debug::NoLocking=1", "APT::Sandbox::User="];
  const options = own.flatMap((option) => ["-o", option]);
  const run = async (program: string, args: string[]) => {
    const { code, stderr } = await runCommand(program, args, { cwd: work, env: process.env, limitMs: FETCH_MS });
    return code === 0 ? undefined : (stderr.trim().split("\n").at(-1) ?? `${program} ended with ${code}`);
  };
  try {
    const failure =
      (await run("apt-get", ["download", "-qq", PACKAGE])) === undefined
        ? undefined
        : ((await run("apt-get", ["update", "-qq", ...options])) ??
          (await run("apt-get", ["download", "-qq", ...options, PACKAGE])));
    if (failure !== undefined) return failure;
    const archive = readdirSync(work).find((name) => name.endsWith(".deb")) ?? "";
    const unpacked = await run("dpkg-deb", ["-x", archive, "root"]);
    if (unpacked !== undefined) return unpacked;
    return put(join(work, "root", "usr", "bin"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Renames into place; another process may have been first, which is as good. */
function put(from: string, to: string): string | undefined {
  try {
    renameSync(from, to);
    return undefined;
  } catch (error) {
    return existsSync(to) ? undefined : String(error);
  }
}

/** Something that Prometheus reads: where, and the labels that a cluster's operator would give it. */
export interface ScrapeTarget {
  address: string;
  labels: { [name: string]: string };
}

const answerSchema = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z
    .object({
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    })
    .optional(),
});

const alertsSchema = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({ name: z.string(), health: z.string(), state: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
});

/** One series of an answer. */
export interface Sample {
  labels: { [name: string]: string };
  value: number;
}

/** A server that reads some targets, with rules if there are any. It listens on loopback, in a folder of its own. */
export class PrometheusServer {
  private stderr = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
    private readonly folder: string,
  ) {
    child.stderr?.on("data", (part: Buffer) => {
      this.stderr = (this.stderr + part.toString()).slice(-20_000);
    });
  }

  /** Starts one; resolves once it answers. */
  static async start(
    { prometheus }: PrometheusPrograms,
    targets: ScrapeTarget[],
    rules: object,
    intervalSeconds = 1,
  ): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), "stowage-prometheus-"));
    const interval = `${intervalSeconds}s`;
    const configuration = {
      global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
      rule_files: [join(folder, "rules.yml")],
      scrape_configs: [
        {
          job_name: "workers",
          static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
        },
      ],
    };
    await writeFile(join(folder, "rules.yml"), stringify(rules));
    await writeFile(join(folder, "prometheus.yml"), stringify(configuration));
    const port = await freePort();
    const args = [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn(prometheus, args, { stdio: ["ignore", "ignore", "pipe"] });
    const server = new PrometheusServer(child, `http://127.0.0.1:${port}`, folder);
    await server.ready();
    return server;
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const answer = await fetch(`${this.url}/-/ready`).catch(() => undefined);
      if (answer?.ok === true) return;
      if (this.child.exitCode !== null || Date.now() > deadline) {
        await this.stop();
        throw new Error(`Prometheus is not ready: ${this.stderr}`);
      }
      await delay(50);
    }
  }

  /** What an expression gives now; throws where Prometheus cannot execute it. */
  async query(expr: string): Promise<Sample[]> {
    const body = new URLSearchParams({ query: expr });
    const response = await fetch(`${this.url}/api/v1/query`, { method: "POST", body });
    const { status, error, data } = answerSchema.parse(await response.json());
    if (status !== "success" || data === undefined) throw new Error(`${expr}: ${error ?? response.status}`);
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The alerts as it judges them itself: `inactive`, `pending` or `firing`, and whether they could be judged. */
  async alerts(): Promise<{ name: string; health: string; state: string }[]> {
    const { data } = alertsSchema.parse(await (await fetch(`${this.url}/api/v1/rules`)).json());
    return data.groups.flatMap(({ rules }) => rules);
  }

  /** Ends it, and removes its folder. */
  async stop(): Promise<void> {
    const ended = this.child.exitCode !== null || this.child.signalCode !== null;
    if (!ended) {
      const exit = once(this.child, "exit");
      const killer = setTimeout(() => this.child.kill("SIGKILL"), 5_000);
      this.child.kill("SIGTERM");
      await exit;
      clearTimeout(killer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that nobody has at the moment, for a program that does not say which one it took. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

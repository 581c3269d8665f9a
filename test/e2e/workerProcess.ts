import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Connection, Pipeline } from "../../runtime/contract/index.js";
import { bundleWorker, WORKER_BUNDLE, WORKER_NODE_OPTIONS } from "../../stacks/local/bundle.js";
import { createVolumeFolder } from "../../stacks/local/gluster/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import { until } from "./workerKit.js";

const ROOT = packageRoot();

/** Makes the bundle where it is not up to date. */
export async function buildBundle(): Promise<void> {
  await bundleWorker(ROOT);
}

/** A folder with a volume in it, and workers that run the real bundle on it; all of it ends with `close`. */
export class ProcessKit {
  readonly folder = mkdtempSync(join(tmpdir(), "stowage-worker-"));
  readonly volume = join(this.folder, "volume");
  readonly ledger = join(this.folder, "ledger");
  private readonly workers: RunningWorker[] = [];
  private inputs = 0;

  async open(): Promise<this> {
    await createVolumeFolder(this.volume, "results");
    return this;
  }

  /** A pipeline whose job is `script` for `sh`. */
  pipeline(script: string, change: (pipeline: Pipeline) => void = () => undefined): Pipeline {
    return pipelineOf((p) => {
      const job = { command: ["sh", "-c", script], timeoutSeconds: 10, maxOutputBytes: 10_000 };
      p.sink = { gluster: { volume: "results", mountPath: this.volume, directory: "renders", job } };
      p.source.lockDurationSeconds = 5;
      change(p);
    });
  }

  /** Starts a worker on a port that the system chooses, with further variables. It may end by itself. */
  start(pipeline: object, connection: Connection, environment: { [name: string]: string } = {}): RunningWorker {
    return this.startOn(pipeline, connection, "127.0.0.1:0", environment);
  }

  startOn(
    pipeline: object,
    connection: Connection,
    listen: string,
    environment: { [name: string]: string } = {},
  ): RunningWorker {
    const files = ["pipeline", "connection"].map((name) => join(this.folder, `${name}-${this.inputs}.json`));
    this.inputs++;
    const [pipelineFile = "", connectionFile = ""] = files;
    writeFileSync(pipelineFile, JSON.stringify(pipeline));
    writeFileSync(connectionFile, JSON.stringify(connection));
    const worker = new RunningWorker(
      ["run", "--pipeline", pipelineFile, "--connection", connectionFile, "--listen", listen],
      { STOWAGE_LEDGER: this.ledger, HOSTNAME: `pod-${this.inputs}`, ...environment },
    );
    this.workers.push(worker);
    return worker;
  }

  /** Names of the manifests on the volume. */
  manifests(directory = "renders"): string[] {
    const root = join(this.volume, directory);
    const folders = readdirSync(this.volume).includes(directory) ? readdirSync(root) : [];
    return folders
      .filter((name) => name.length === 2)
      .flatMap((name) => readdirSync(join(root, name)).filter((file) => file.endsWith(".json")));
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A worker process. */
export class RunningWorker {
  /** Resolves with the exit status; the signal's name where one ended it. */
  readonly ended: Promise<number | string>;
  readonly lines: { [field: string]: unknown }[] = [];
  stderr = "";
  /** What it wrote to standard output. */
  output = "";
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;

  /**
   * @param program what Node runs; the bundle of this tree unless told otherwise
   * @param wrapper a command that ends in running what follows it: `sh -c 'ulimit -f 8; exec "$@"' sh`
   */
  constructor(
    args: string[],
    environment: { [name: string]: string },
    program = join(ROOT, WORKER_BUNDLE),
    wrapper: string[] = [],
  ) {
    const [command = process.execPath, ...all] = [
      ...wrapper,
      process.execPath,
      ...WORKER_NODE_OPTIONS,
      program,
      ...args,
    ];
    this.child = spawn(command, all, {
      env: { PATH: process.env["PATH"] ?? "", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
    });
    let rest = "";
    this.child.stdout.on("data", (chunk: Buffer) => {
      const text = chunk.toString();
      this.output += text;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines.map((line) => JSON.parse(line)));
    });
    this.child.stderr.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  /** Asks its server; only once it listens. */
  async ask(path: string): Promise<{ status: number; text: string }> {
    await until("the worker listens", () => this.line("listening") !== undefined);
    const response = await fetch(`http://${this.line("listening")?.["address"]}${path}`);
    return { status: response.status, text: await response.text() };
  }

  line(message: string): { [field: string]: unknown } | undefined {
    return this.lines.find((line) => line["msg"] === message);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

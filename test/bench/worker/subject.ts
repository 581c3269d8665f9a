import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CassandraConnection,
  CONTRACT_VERSION,
  DELIVERY_DEFAULTS,
  defined,
  type Pipeline,
} from "../../../runtime/contract/index.js";
import { WORKER_BUNDLE, WORKER_NODE_OPTIONS } from "../../../stacks/local/bundle.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import type { BrokerProcess } from "../../support/brokerProcess.js";
import { ChildProgram } from "../../support/childProgram.js";

/** The queue that everything is taken from. */
export const QUEUE = "work";
/** Messages in work at once, in both: what a pipeline has where nothing is said. */
export const CONCURRENCY = DELIVERY_DEFAULTS.concurrency;
/** How long a worker may take to end once it is told to, in milliseconds. */
const END_MILLISECONDS = 15_000;

/** A process that takes messages: the worker, or the bare loop. */
export interface Subject {
  readonly pid: number;
  /** Rejects when the process ends without having been told to. */
  readonly failed: Promise<never>;
  /** What it has written so far, the end of it. */
  log(): string;
  close(): Promise<void>;
}

export type Start = (broker: BrokerProcess, execArgv?: string[]) => Promise<Subject>;

/** A program of the tests that takes messages, with what it is told. */
export function programSubject(source: string, options: object): Start {
  return async ({ address: { connectionString } }, execArgv = []) => {
    const told = { connectionString, queue: QUEUE, ...options };
    const { program } = await ChildProgram.start(source, { options: told, execArgv });
    return subjectOf(
      program.child,
      () => program.close(),
      () => program.stderr,
    );
  };
}

/** The bare loop of the client, with so many messages in work. */
export function bareLoopOf(concurrency: number): Start {
  return programSubject("test/bench/worker/bare.ts", { concurrency });
}

/** The bare loop at the concurrency of a pipeline about which nothing is said. */
export const bareLoop: Start = bareLoopOf(CONCURRENCY);

/** How a worker runs: its sink does nothing where `change` gives it no other. */
export interface WorkerOptions {
  change?(pipeline: Pipeline, folder: string): void;
  /** The ring, where the sink is Cassandra. */
  cassandra?: CassandraConnection;
  environment?: { [name: string]: string };
}

/** The bundled worker, as its image runs it: `info` lines go to a file. */
export function bundledWorker({ change, cassandra, environment = {} }: WorkerOptions = {}): Start {
  return async (broker, execArgv = []) => {
    const folder = mkdtempSync(join(tmpdir(), "stowage-bench-worker-"));
    const pipeline = pipelineOf();
    change?.(pipeline, folder);
    const serviceBus = { fullyQualifiedNamespace: `127.0.0.1:${broker.address.port}`, developmentEmulator: true };
    const [pipelineFile, connectionFile] = [join(folder, "pipeline.json"), join(folder, "connection.json")];
    writeFileSync(pipelineFile, JSON.stringify(pipeline));
    const connection = { contractVersion: CONTRACT_VERSION, serviceBus, ...defined({ cassandra }) };
    writeFileSync(connectionFile, JSON.stringify(connection));
    const log = openSync(join(folder, "log"), "w");
    const files = ["--pipeline", pipelineFile, "--connection", connectionFile, "--listen", "127.0.0.1:0"];
    const child = spawn(
      process.execPath,
      [...WORKER_NODE_OPTIONS, ...execArgv, join(packageRoot(), WORKER_BUNDLE), "run", ...files],
      {
        env: { PATH: process.env["PATH"] ?? "", HOSTNAME: "bench", ...environment },
        stdio: ["ignore", log, "inherit"],
      },
    );
    closeSync(log);
    const close = async (): Promise<void> => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    };
    return subjectOf(child, close, () => readFileSync(join(folder, "log"), "utf8"));
  };
}

function subjectOf(child: ChildProcess, close: () => Promise<void>, log: () => string): Subject {
  const { pid } = child;
  if (pid === undefined) throw new Error("The process could not be started.");
  let told = false;
  const failed = new Promise<never>((_resolve, reject) => {
    child.once("exit", (code, signal) => {
      if (!told)
        reject(new Error(`The process under measurement ended by itself (${signal ?? code}): ${log().slice(-2_000)}`));
    });
  });
  failed.catch(() => undefined);
  return {
    pid,
    failed,
    log,
    close: () => {
      told = true;
      return close();
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MILLISECONDS);
  await gone;
  clearTimeout(timer);
}

/** A pipeline whose sink does nothing. */
export function pipelineOf(): Pipeline {
  return {
    contractVersion: CONTRACT_VERSION,
    name: "bench",
    source: { queue: QUEUE, sessions: false, lockDurationSeconds: 60, maxDeliveryCount: 10, duplicateDetection: false },
    sink: { module: { path: join(packageRoot(), "test/bench/worker/sink.mjs") } },
    delivery: { ...DELIVERY_DEFAULTS },
    replyQueues: [],
    observe: false,
  };
}

/** Microseconds of CPU of a process and all its threads since it began; the system counts in steps of 10,000. */
export function cpuMicros(pid: number): number {
  // Behind the name, which is in brackets and may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** MiB that a process has had in memory at once at most. */
export function peakMebibytes(pid: number): number {
  const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1] ?? Number.NaN) / 1_024;
}

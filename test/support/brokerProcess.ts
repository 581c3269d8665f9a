import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { EntityCounts, QueueSettings } from "../../stacks/local/broker/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";

/** How a broker in a process of its own is set up. */
export interface BrokerProgramOptions {
  maxBytes?: number;
  /** @default a free one */
  port?: number;
  /** Queues it has from the start. */
  queues?: string[];
}

/** Bytes. */
export interface BrokerMemory {
  heapUsed: number;
  external: number;
  rss: number;
}

export interface BrokerAddress {
  port: number;
  connectionString: string;
}

export type BrokerAsk = { id: number } & (
  | { what: "memory" | "cpu" | "close" }
  | { what: "counts" | "deleteQueue" | "deleteTopic"; entity: string }
  | { what: "putQueue"; entity: string; settings: QueueSettings }
  | { what: "putTopic"; entity: string; subscription: string }
);
type Question = BrokerAsk extends infer Each ? (Each extends BrokerAsk ? Omit<Each, "id"> : never) : never;

export interface BrokerTold {
  id: number;
  value: BrokerMemory | BrokerAddress | EntityCounts | NodeJS.CpuUsage | true;
  failure?: string;
}

type Waiting = Map<number, { resolve(value: BrokerTold["value"]): void; reject(error: Error): void }>;

/** How long a process may take to listen, or to answer, in milliseconds. */
const LIMIT_MS = 60_000;

/** A broker in a process of its own. */
export class BrokerProcess {
  readonly child: ChildProcess;
  readonly address: BrokerAddress;
  readonly #stderr: () => string;
  readonly #waiting: Waiting;
  #nextId = 1;

  private constructor(child: ChildProcess, address: BrokerAddress, waiting: Waiting, stderr: () => string) {
    this.child = child;
    this.address = address;
    this.#waiting = waiting;
    this.#stderr = stderr;
  }

  /** Starts one; resolves once it listens. */
  static async start(options: BrokerProgramOptions = {}, execArgv: string[] = ["--expose-gc"]): Promise<BrokerProcess> {
    const program = await brokerProgram();
    const child = fork(program.path, [JSON.stringify(options)], {
      execArgv,
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    let stderr = "";
    child.stderr?.on("data", (part: Buffer) => {
      stderr = (stderr + part.toString()).slice(-20_000);
    });
    const waiting: Waiting = new Map();
    const address = new Promise<BrokerAddress>((resolve, reject) => {
      waiting.set(0, { resolve: (value) => resolve(value as BrokerAddress), reject });
      setTimeout(() => reject(new Error(`No broker within ${LIMIT_MS} ms: ${stderr}`)), LIMIT_MS).unref();
    });
    child.on("message", (told: BrokerTold) => {
      const asked = waiting.get(told.id);
      waiting.delete(told.id);
      if (told.failure === undefined) asked?.resolve(told.value);
      else asked?.reject(new Error(told.failure));
    });
    child.once("exit", (code, signal) => {
      program.remove();
      for (const { reject } of waiting.values()) {
        reject(new Error(`The broker's process ended (${signal ?? code}): ${stderr}`));
      }
      waiting.clear();
    });
    return new BrokerProcess(child, await address, waiting, () => stderr);
  }

  /** What it wrote to standard error, the end of it. */
  get stderr(): string {
    return this.#stderr();
  }

  async memory(): Promise<BrokerMemory> {
    return (await this.#ask({ what: "memory" })) as BrokerMemory;
  }

  /** Microseconds of CPU since it began. */
  async cpu(): Promise<number> {
    const { user, system } = (await this.#ask({ what: "cpu" })) as NodeJS.CpuUsage;
    return user + system;
  }

  async counts(entity: string): Promise<EntityCounts> {
    return (await this.#ask({ what: "counts", entity })) as EntityCounts;
  }

  async putQueue(entity: string, settings: QueueSettings = {}): Promise<void> {
    await this.#ask({ what: "putQueue", entity, settings });
  }

  async putTopic(entity: string, subscription: string): Promise<void> {
    await this.#ask({ what: "putTopic", entity, subscription });
  }

  async deleteQueue(entity: string): Promise<void> {
    await this.#ask({ what: "deleteQueue", entity });
  }

  async deleteTopic(entity: string): Promise<void> {
    await this.#ask({ what: "deleteTopic", entity });
  }

  /** Ends it as it ends by itself; it is killed where that takes too long. */
  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, "exit");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 5_000);
    this.#ask({ what: "close" }).catch(() => {});
    await gone;
    clearTimeout(timer);
  }

  /** Ends it without a word, as a crash of the machine's would. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await gone;
  }

  #ask(question: Question): Promise<BrokerTold["value"]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`No answer to '${question.what}' within ${LIMIT_MS} ms.`)),
        LIMIT_MS,
      );
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.child.send({ id, ...question });
    });
  }
}

/** The program: as it was compiled beside this file, or bundled from its source where the tests run that. */
async function brokerProgram(): Promise<{ path: string; remove(): void }> {
  const compiled = join(__dirname, "brokerProgram.js");
  if (existsSync(compiled)) return { path: compiled, remove: () => {} };
  const folder = mkdtempSync(join(tmpdir(), "stowage-broker-"));
  const path = join(folder, "broker.cjs");
  await build({
    entryPoints: [join(packageRoot(), "test/support/brokerProgram.ts")],
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile: path,
    logLevel: "silent",
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

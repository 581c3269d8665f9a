import type { ChildProcess } from "node:child_process";
import type { EntityCounts, QueueSettings } from "../../stacks/local/broker/index.js";
import { type ChildOptions, ChildProgram } from "./childProgram.js";

/** How a broker in a process of its own is set up. */
export interface BrokerProgramOptions {
  maxBytes?: number;
  /** Path of its data folder. @default none */
  data?: string;
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

export type BrokerQuestion =
  | { what: "memory" | "cpu" }
  | { what: "counts" | "deleteQueue" | "deleteTopic"; entity: string }
  | { what: "putQueue"; entity: string; settings: QueueSettings }
  | { what: "putQueues"; prefix: string; count: number }
  | { what: "putTopic"; entity: string; subscription: string };

/** A broker in a process of its own. */
export class BrokerProcess {
  readonly address: BrokerAddress;
  readonly #program: ChildProgram<BrokerQuestion>;

  private constructor(program: ChildProgram<BrokerQuestion>, address: BrokerAddress) {
    this.#program = program;
    this.address = address;
  }

  /** Starts one; resolves once it listens. */
  static async start(
    options: BrokerProgramOptions = {},
    { execArgv = ["--expose-gc"] }: Pick<ChildOptions, "execArgv"> = {},
  ): Promise<BrokerProcess> {
    const { program, ready } = await ChildProgram.start<BrokerQuestion, BrokerAddress>(
      "test/support/brokerProgram.ts",
      { options, execArgv },
    );
    return new BrokerProcess(program, ready);
  }

  get child(): ChildProcess {
    return this.#program.child;
  }

  /** What it wrote to standard error, the end of it. */
  get stderr(): string {
    return this.#program.stderr;
  }

  /** What it holds once all that can be collected has been; needs --expose-gc, which it is given unless told otherwise. */
  memory(): Promise<BrokerMemory> {
    return this.#program.ask({ what: "memory" });
  }

  /** Microseconds of CPU since it began. */
  cpu(): Promise<number> {
    return this.#program.ask({ what: "cpu" });
  }

  counts(entity: string): Promise<EntityCounts> {
    return this.#program.ask({ what: "counts", entity });
  }

  putQueue(entity: string, settings: QueueSettings = {}): Promise<void> {
    return this.#program.ask({ what: "putQueue", entity, settings });
  }

  /** Makes many queues, `prefix` and a number. */
  putQueues(prefix: string, count: number): Promise<void> {
    return this.#program.ask({ what: "putQueues", prefix, count });
  }

  putTopic(entity: string, subscription: string): Promise<void> {
    return this.#program.ask({ what: "putTopic", entity, subscription });
  }

  deleteQueue(entity: string): Promise<void> {
    return this.#program.ask({ what: "deleteQueue", entity });
  }

  deleteTopic(entity: string): Promise<void> {
    return this.#program.ask({ what: "deleteTopic", entity });
  }

  /** Closes the broker and ends the process. */
  close(): Promise<void> {
    return this.#program.close();
  }

  /** Ends it without a word, as a crash would. */
  kill(): Promise<void> {
    return this.#program.kill();
  }
}

import type { ChildProcess } from "node:child_process";
import type { BusyAt, EntityCounts, LostSettlement, QueueSettings } from "../../stacks/local/broker/index.js";
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

/** A fault of the broker, as `broker.faults` has them. Times in milliseconds. */
export type BrokerFault =
  | { kind: "drop" | "thaw" | "clear" }
  | { kind: "detach"; entity: string }
  | { kind: "freeze"; entity?: string }
  | { kind: "delay"; milliseconds: number; entity?: string }
  | { kind: "busy"; entity: string; times: number; at?: BusyAt[] }
  | { kind: "loseSettlements"; entity: string; times: number; lost: LostSettlement };

/** How the deliveries of one message ended, as the broker saw it. */
export interface MessageFate {
  messageId: string;
  /** Deliveries that it had, the last one included. */
  deliveries: number;
  /** How the last of them ended. */
  outcome: string;
  /** From when the broker took the message to that end, in milliseconds. */
  ageMs: number;
}

export type BrokerQuestion =
  | { what: "memory" | "cpu" }
  | { what: "counts" | "deleteQueue" | "deleteTopic"; entity: string }
  | { what: "fault"; fault: BrokerFault }
  | { what: "watch" | "fates"; entity: string }
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

  /** Brings a fault about. Gives how many links or connections it hit, where it hits such. */
  fault(fault: BrokerFault): Promise<number> {
    return this.#program.ask({ what: "fault", fault });
  }

  /** Notes from now on how deliveries of an entity's messages end; costs memory for each message. */
  watch(entity: string): Promise<void> {
    return this.#program.ask({ what: "watch", entity });
  }

  /** What became of each message of a watched entity so far: one entry a message. */
  fates(entity: string): Promise<MessageFate[]> {
    return this.#program.ask({ what: "fates", entity });
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

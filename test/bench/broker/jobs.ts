import { ChildProgram } from "../../support/childProgram.js";

/** What the measuring client is asked to do. */
export type Job =
  /** Sends so many messages in arrays, several arrays on their way at once. */
  | {
      what: "send";
      connectionString: string;
      queue: string;
      messages: number;
      bytes: number;
      array: number;
      /** With a message id, a content type and the context of a trace of which one in a hundred is sampled. */
      identified?: boolean;
    }
  /** Subscribes, and completes so many messages. */
  | { what: "receive"; connectionString: string; queue: string; messages: number }
  /** Sends single messages with pauses, and receives them. */
  | { what: "sendToReceive"; connectionString: string; queue: string; samples: number; everyMs: number; bytes: number }
  /** The same with `rhea` alone, to a peer that sends each message back. */
  | { what: "roundTrip"; port: number; samples: number; everyMs: number; bytes: number };

/** What a job took. */
export interface JobReport {
  seconds: number;
  /** Microseconds of CPU of the client's whole process. */
  cpuMicros: number;
  /** The part of the time in which the client's loop had something to do: 1 is a client that never waits. */
  busy: number;
  /** Of jobs that measure each message: the 99th of a hundred, in milliseconds. */
  p99Ms?: number;
}

/** The unmodified client in a process of its own. */
export class MeasuringClient {
  readonly #program: ChildProgram<Job>;

  private constructor(program: ChildProgram<Job>) {
    this.#program = program;
  }

  static async start(): Promise<MeasuringClient> {
    const { program } = await ChildProgram.start<Job, true>("test/bench/broker/client.ts", { limitMs: 120_000 });
    return new MeasuringClient(program);
  }

  run(job: Job): Promise<JobReport> {
    return this.#program.ask(job);
  }

  close(): Promise<void> {
    return this.#program.close();
  }
}

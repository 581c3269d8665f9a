import { ChildProgram } from "../../support/childProgram.js";

/** Messages `from`, `from + 1`, … with readings over so many partitions; OWN as null, which JSON has for it. */
export interface Stretch {
  from: number;
  count: number;
  partitions: number | null;
}

/** What the producer is asked to do. */
export type ProducerJob =
  /** Sends them as fast as it can. */
  | ({ what: "fill" } & Stretch)
  /** Sends them at so many a second. */
  | ({ what: "pace"; perSecond: number } & Stretch);

/** What the bare driver is asked to do. Each batch is of one partition. */
export type DriverJob =
  /** Writes rows `from`, `from + 1`, … in unlogged batches of `size`, so many of them in flight. */
  | { what: "batches"; table: string; from: number; count: number; size: number; inFlight: number }
  /** The same at so many rows a second. */
  | { what: "pacedBatches"; table: string; from: number; count: number; size: number; perSecond: number };

/** What a job of the driver took. */
export interface DriverReport {
  seconds: number;
  /** Microseconds of CPU of the driver's process. */
  cpuMicros: number;
  /** The 99th of a hundred batches from when it was due to its acknowledgement, in milliseconds. */
  p99Ms: number;
}

/** How a program reaches the ring. */
export interface RingAddress {
  contactPoints: string[];
  port: number;
  datacenter: string;
}

const LIMIT_MS = 120_000;

/** Sends messages with the official client, in a process of its own. */
export class Producer {
  private constructor(private readonly program: ChildProgram<ProducerJob>) {}

  static async start(connectionString: string, queue: string): Promise<Producer> {
    const options = { connectionString, queue };
    const source = "test/bench/cassandra/producer.ts";
    const { program } = await ChildProgram.start<ProducerJob, true>(source, { options, limitMs: LIMIT_MS });
    return new Producer(program);
  }

  /** Resolves once the broker has all of them, with the seconds that it took. */
  run(job: ProducerJob): Promise<number> {
    return this.program.ask(job);
  }

  close(): Promise<void> {
    return this.program.close();
  }
}

/** The driver alone, in a process of its own. */
export class BareDriver {
  private constructor(private readonly program: ChildProgram<DriverJob>) {}

  static async start(ring: RingAddress, execArgv: string[] = []): Promise<BareDriver> {
    const source = "test/bench/cassandra/driver.ts";
    const { program } = await ChildProgram.start<DriverJob, true>(source, {
      options: ring,
      execArgv,
      limitMs: LIMIT_MS,
    });
    return new BareDriver(program);
  }

  run(job: DriverJob): Promise<DriverReport> {
    return this.program.ask(job);
  }

  close(): Promise<void> {
    return this.program.close();
  }
}

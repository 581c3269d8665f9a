import { types } from "cassandra-driver";
import {
  type BatchBy,
  CASSANDRA_CONCURRENCY,
  CASSANDRA_DEFAULTS,
  type Connection,
  type Pipeline,
} from "../../../runtime/contract/index.js";
import { applySchema } from "../../../runtime/sinks/cassandra/index.js";
import { connectionOf, startTestRing, type TestRing } from "../../e2e/cassandraHarness.js";
import { BrokerProcess } from "../../support/brokerProcess.js";
import { bundledWorker, cpuMicros, pipelineOf, programSubject, QUEUE, type Start } from "../worker/subject.js";
import { BareDriver, Producer, type RingAddress } from "./jobs.js";
import { KEYSPACE, OWN, tableOf } from "./rows.js";

/** As CassandraRing renders it: each row is fsynced on a quorum of its three replicas before it is acknowledged. */
const RING = {
  name: "bench",
  datacenter: "dc1",
  size: 3,
  racks: ["r1", "r2", "r3"],
  numTokens: 16,
  settings: { commitlog_sync: "group", batch_size_warn_threshold: "40KiB" },
};
/** How long all rows of a table may take to be counted, in milliseconds. */
const COUNT_MS = 60_000;

/** A pipeline into a table, all of it as it is where nothing is said, save what is given. */
function pipelineInto(table: string, batchBy: BatchBy = CASSANDRA_DEFAULTS.batchBy): Pipeline {
  const pipeline = pipelineOf();
  pipeline.sink = {
    cassandra: {
      ...CASSANDRA_DEFAULTS,
      table: tableOf(table),
      replication: { [RING.datacenter]: RING.size },
      batchBy,
    },
  };
  pipeline.delivery.concurrency = CASSANDRA_CONCURRENCY;
  return pipeline;
}

/** What everything is measured on: the ring, the broker, whoever fills it, and the driver alone. */
export class Setting {
  /** Rows that each table must hold in the end. */
  private readonly owed = new Map<string, number>();
  private next = 0;

  private constructor(
    private readonly kit: TestRing,
    readonly broker: BrokerProcess,
    readonly producer: Producer,
    readonly driver: BareDriver,
  ) {}

  static async open(): Promise<Setting> {
    const kit = await startTestRing(RING, { optimized: true });
    const broker = await BrokerProcess.start({ queues: [QUEUE] }, { execArgv: [] });
    const producer = await Producer.start(broker.address.connectionString, QUEUE);
    const driver = await BareDriver.start(addressOf(kit));
    return new Setting(kit, broker, producer, driver);
  }

  /** Makes a table; it must end with as many rows as `owe` was told of. */
  async table(name: string): Promise<void> {
    await applySchema(pipelineInto(name), this.connection, new AbortController().signal);
    this.owed.set(name, 0);
  }

  /** Number of the first of so many rows that nobody has written yet; the table owes them from now on. */
  owe(table: string, count: number): number {
    const from = this.next;
    this.next += count;
    this.owed.set(table, (this.owed.get(table) ?? 0) + count);
    return from;
  }

  /** Fills the queue with messages for a table. */
  async fill(table: string, count: number, partitions: number): Promise<void> {
    await this.producer.run({ what: "fill", from: this.owe(table, count), count, partitions: jsonOf(partitions) });
  }

  worker(table: string, batchBy?: BatchBy): Start {
    const { cassandra } = this.connection;
    if (cassandra === undefined) throw new Error("The connection has no ring.");
    return bundledWorker({
      cassandra,
      change: (pipeline) => void Object.assign(pipeline, pipelineInto(table, batchBy)),
    });
  }

  naive(table: string): Start {
    return programSubject("test/bench/cassandra/naive.ts", { table, ring: addressOf(this.kit) });
  }

  /** Microseconds of CPU of all nodes since they began. */
  ringCpu(): number {
    return this.kit.ring.nodes().reduce((sum, { pid }) => sum + (pid === undefined ? 0 : cpuMicros(pid)), 0);
  }

  /** Throws where a table does not hold exactly the rows that were sent to it: then nothing that was measured counts. */
  async verify(): Promise<void> {
    for (const [table, owed] of this.owed) {
      const found = await this.kit.client.execute(`SELECT COUNT(*) AS count FROM ${KEYSPACE}.${table}`, [], {
        consistency: types.consistencies.localQuorum,
        readTimeout: COUNT_MS,
      });
      const rows = Number(found.first()["count"]);
      if (rows !== owed) throw new Error(`Table ${table} has ${rows} rows, and ${owed} were sent to it.`);
    }
  }

  async close(): Promise<void> {
    await this.driver.close();
    await this.producer.close();
    await this.broker.close();
    await this.kit.end();
  }

  private get connection(): Connection {
    return connectionOf(this.kit.ring);
  }
}

/** A number of partitions as a job carries it. */
export function jsonOf(partitions: number): number | null {
  return partitions === OWN ? null : partitions;
}

function addressOf({ ring }: TestRing): RingAddress {
  return { contactPoints: ring.contactPoints, port: ring.port, datacenter: ring.datacenter };
}

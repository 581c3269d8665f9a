import {
  type CassandraSink,
  type Connection,
  type Outcome,
  type Pipeline,
  PoisonReason,
  RetryCode,
  type Sink,
  type SinkContext,
  type SinkMessage,
  type StoreInfo,
  StowageError,
  timeToLiveSeconds,
} from "../../contract/index.js";
import { type ClientSource, openClientSource, type SourceLog } from "./clientSource.js";
import { LONGEST_TIME_TO_LIVE } from "./cql.js";
import { type Ledger, TransactionLedger } from "./ledger.js";
import { type Row, RowMapper } from "./mapping.js";
import { cassandraParts, checkSchema } from "./schema.js";
import { Unfit } from "./unfit.js";
import { RowWriter } from "./writer.js";

/** What a Cassandra sink is made of. */
export interface SinkOptions {
  /** A pipeline whose sink is Cassandra. */
  pipeline: Pipeline;
  connection: Connection;
  /** Name of this worker, written into the ledger. */
  worker: string;
  /** The clock, in milliseconds since 1970. @default Date.now */
  now?: () => number;
  /** What is told of the connection: that it goes on with a new password. @default nobody */
  log?: SourceLog | undefined;
}

/** The sink that writes each message as one row. Not connected before `start`. */
export function createSink(options: SinkOptions): Sink {
  return new RowSink(options);
}

/** The parts that need a connection. */
interface Store {
  clients: ClientSource;
  /** Absent where the pipeline keeps none. */
  ledger: Ledger | undefined;
  writer: RowWriter;
}

class RowSink implements Sink {
  readonly batching: Sink["batching"];
  private readonly sink: CassandraSink;
  private readonly mapper: RowMapper;
  private readonly now: () => number;
  private store: Store | undefined;

  constructor(private readonly options: SinkOptions) {
    const { pipeline, connection } = options;
    this.sink = cassandraParts(pipeline, connection).sink;
    this.mapper = new RowMapper(this.sink.table);
    this.now = options.now ?? Date.now;
    // More messages at once than fit a batch: only so do batches of one partition fill up.
    this.batching = {
      maxMessages: Math.min(this.sink.batchMaxRows * this.sink.maxInFlight, pipeline.delivery.concurrency),
      maxWaitMilliseconds: this.sink.flushMilliseconds,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { cassandra } = cassandraParts(this.options.pipeline, this.options.connection);
    signal.throwIfAborted();
    const clients = await openClientSource(cassandra, { log: this.options.log });
    const intact = async () => {
      await clients.use((client) => checkSchema(client, this.sink));
      return true;
    };
    try {
      await intact();
    } catch (error) {
      await clients.close();
      throw error;
    }
    const { table, ledger } = this.sink;
    this.store = {
      clients,
      ledger: ledger ? new TransactionLedger(clients, table, this.options.worker, this.now) : undefined,
      writer: new RowWriter(clients, this.sink, intact),
    };
  }

  async process(batch: SinkMessage[], context: SinkContext): Promise<Outcome[]> {
    const { ledger, writer } = this.started();
    const outcomes = new Map<SinkMessage, Outcome>();
    const mapped = batch.flatMap((message) => {
      const row = this.map(message);
      if ("cells" in row) return [{ message, row }];
      outcomes.set(message, row);
      return [];
    });
    const claims = await ledger?.claim(
      mapped.map(({ message }) => message),
      context,
    );
    const pending = mapped.flatMap(({ message, row }, i) => {
      const claim = claims?.[i];
      if (claim?.kind === "settled") {
        outcomes.set(message, claim.outcome);
        return [];
      }
      const timeToLive = this.timeLeft(row);
      if (timeToLive !== undefined) return [{ message, again: claim?.again ?? false, row, timeToLive }];
      // Written late, it would live longer than it may; as it is, nothing of it would be left.
      outcomes.set(message, this.done(row, true));
      return [];
    });
    const written = await writer.write(pending, context);
    for (const [i, { message, again, row }] of pending.entries()) {
      const result = written[i];
      if (result === undefined) continue;
      outcomes.set(message, result.kind === "written" ? this.done(row, again) : result);
    }
    return batch.map((message) => outcomes.get(message) ?? unanswered());
  }

  async probe(): Promise<void> {
    const { ledger, writer } = this.started();
    await (ledger ?? writer).probe();
  }

  async stop(): Promise<void> {
    const { store } = this;
    this.store = undefined;
    await store?.clients.close();
  }

  async info(): Promise<StoreInfo> {
    const { clients } = this.started();
    // It is asked, not remembered: what was reached at the start may be gone.
    const local = await clients.use((client) =>
      client.execute("SELECT release_version, data_center FROM system.local"),
    );
    const row = local.first();
    const hosts = clients.current().hosts.values();
    const up = hosts.filter((host) => host.isUp()).length;
    const versions = new Set(hosts.map((host) => host.cassandraVersion).filter((version) => version !== ""));
    const mixed = versions.size > 1 ? `, of several versions: ${[...versions].sort().join(", ")}` : "";
    return {
      version: `Cassandra ${row?.["release_version"]} in ${row?.["data_center"]}, ${up} of ${hosts.length} nodes up${mixed}`,
    };
  }

  private map(message: SinkMessage): Row | Outcome {
    try {
      return this.mapper.row(message);
    } catch (error) {
      if (error instanceof Unfit) return error.outcome;
      // The mapping is pure: what it fails at today it fails at tomorrow, and the messages beside it must not suffer.
      return { kind: "poison", reason: PoisonReason.InvalidValue, description: `No row can be made of it: ${error}` };
    }
  }

  /** The row is there. Its name is made for those who ask: an audit. */
  private done(row: Row, duplicate: boolean): Outcome {
    const { mapper } = this;
    return {
      kind: "done",
      duplicate,
      get object() {
        return mapper.nameOf(row);
      },
    };
  }

  /** Seconds that the row has left to live, counted from its event; undefined where that is over. 0 stands for ever. */
  private timeLeft({ eventTime }: Row): number | undefined {
    const seconds = timeToLiveSeconds(this.sink.table);
    if (seconds === 0) return 0;
    const left = Math.floor((eventTime - this.now()) / 1000) + seconds;
    return left > 0 ? Math.min(left, LONGEST_TIME_TO_LIVE) : undefined;
  }

  private started(): Store {
    if (this.store === undefined)
      throw new StowageError(RetryCode.NotReady, "The Cassandra sink is not started, or has been stopped.");
    return this.store;
  }
}

function unanswered(): Outcome {
  return { kind: "retry", code: RetryCode.NotReady, description: "The sink has no outcome for this message." };
}

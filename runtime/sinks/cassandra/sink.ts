import {
  type CassandraSink,
  type Connection,
  type EarlySinkContext,
  type Outcome,
  OutOfTime,
  type Pipeline,
  PoisonReason,
  RetryCode,
  type Sink,
  type SinkMessage,
  type SinkMetrics,
  type StoreInfo,
  StowageError,
} from "../../contract/index.js";
import type { Clock } from "../../support/clock.js";
import { connect } from "./client.js";
import { type ClientSource, openClientSource, type SourceLog } from "./clientSource.js";
import { TimeRules } from "./eventTime.js";
import { type Ledger, TransactionLedger } from "./ledger.js";
import { type Row, RowMapper } from "./mapping.js";
import { cassandraParts } from "./parts.js";
import { checkSchema } from "./schema/check.js";
import { Unfit } from "./unfit.js";
import { RowWriter, type Written } from "./writer.js";

/** What a Cassandra sink is made of. */
export interface SinkOptions {
  /** A pipeline whose sink is Cassandra. */
  pipeline: Pipeline;
  connection: Connection;
  /** Name of this worker, written into the ledger. */
  worker: string;
  /** The clock, in milliseconds since 1970. @default Date.now */
  now?: () => number;
  /** Told that the connection goes on with a new password, and which partition is hot. @default nobody */
  log?: SourceLog | undefined;
  /** What is told of batches and partitions. @default nobody */
  metrics?: SinkMetrics | undefined;
  /** What measures and waits. @default the machine's */
  clock?: Clock | undefined;
}

/** The sink that writes each message as one row. Not connected before `start`. */
export function createSink(options: SinkOptions): Sink {
  return new RowSink(options);
}

/** Messages of one call at most: what a busy moment brings, and not so many that they wait for each other. */
const CALL_MESSAGES = 100;

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
  private readonly rules: TimeRules;
  private readonly now: () => number;
  private store: Store | undefined;

  constructor(private readonly options: SinkOptions) {
    const { pipeline, connection } = options;
    this.sink = cassandraParts(pipeline, connection).sink;
    this.mapper = new RowMapper(this.sink.table);
    this.rules = new TimeRules(this.sink.table);
    this.now = options.now ?? Date.now;
    // What comes at once; batches fill in the writer, across calls.
    this.batching = { maxMessages: Math.min(CALL_MESSAGES, pipeline.delivery.concurrency), maxWaitMilliseconds: 0 };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { cassandra } = cassandraParts(this.options.pipeline, this.options.connection);
    signal.throwIfAborted();
    const { speculativeMilliseconds } = this.sink;
    const clients = await openClientSource(cassandra, {
      log: this.options.log,
      connect: (connection) => connect(connection, { speculativeMilliseconds }),
    });
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
      writer: new RowWriter({
        clients,
        sink: this.sink,
        rules: this.rules,
        localDatacenter: cassandra.localDatacenter,
        intact,
        capacity: this.options.pipeline.delivery.concurrency,
        now: this.now,
        clock: this.options.clock,
        metrics: this.options.metrics?.cassandra,
        hot: ({ partition, share }) =>
          this.options.log?.warn("a partition gets a large share of the rows: its replicas do the work of all", {
            partition,
            share: Math.round(share * 100) / 100,
          }),
      }),
    };
  }

  async process(batch: SinkMessage[], context: EarlySinkContext): Promise<Outcome[]> {
    const { ledger, writer } = this.started();
    const outcomes = new Map<SinkMessage, Outcome>();
    // Told as soon as it is known: no message waits for another one's partition.
    const over = (message: SinkMessage, outcome: Outcome): void => {
      outcomes.set(message, outcome);
      context.settled?.(message, outcome);
    };
    const mapped = batch.flatMap((message) => {
      const row = this.timely(message);
      if ("cells" in row) return [{ message, row }];
      over(message, row);
      return [];
    });
    const claims = await ledger?.claim(
      mapped.map(({ message }) => message),
      context,
    );
    const pending = mapped.flatMap(({ message, row }, i) => {
      const claim = claims?.[i];
      if (claim?.kind !== "settled") return [{ message, row, again: claim?.again ?? false }];
      over(message, claim.outcome);
      return [];
    });
    const rows = pending.map(({ row }) => row);
    const written = await writer.write(rows, context, (place, result) => {
      const of = pending[place];
      if (of !== undefined) over(of.message, this.outcomeOf(result, of));
    });
    // What was never begun is not told by itself.
    for (const [i, of] of pending.entries()) {
      const result = written[i];
      if (result !== undefined && !outcomes.has(of.message)) outcomes.set(of.message, this.outcomeOf(result, of));
    }
    return batch.map((message) => outcomes.get(message) ?? unanswered());
  }

  private outcomeOf(written: Written, { row, again }: { row: Row; again: boolean }): Outcome {
    if (written.kind === "written") return this.done(row, again);
    return written.kind === "expired" ? this.done(row, true) : written;
  }

  async probe(): Promise<void> {
    const { ledger, writer } = this.started();
    await (ledger ?? writer).probe();
  }

  async stop(): Promise<void> {
    const { store } = this;
    this.store = undefined;
    store?.writer.stop();
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

  /** The message's row where its event's time allows it; otherwise the message's outcome. */
  private timely(message: SinkMessage): Row | Outcome {
    const row = this.map(message);
    if (!("cells" in row)) return row;
    const verdict = this.rules.refuses(row, this.now());
    if (verdict === undefined) return row;
    this.options.metrics?.cassandra.outOfTime(verdict.why);
    // Written late, it would live longer than it may; as it is, nothing of it would be left.
    return verdict.why === OutOfTime.Expired ? this.done(row, true) : verdict.poison;
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

  private started(): Store {
    if (this.store === undefined)
      throw new StowageError(RetryCode.NotReady, "The Cassandra sink is not started, or has been stopped.");
    return this.store;
  }
}

function unanswered(): Outcome {
  return { kind: "retry", code: RetryCode.NotReady, description: "The sink has no outcome for this message." };
}

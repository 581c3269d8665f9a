import { types } from "cassandra-driver";
import {
  type Outcome,
  PoisonReason,
  RetryCode,
  type SinkContext,
  type SinkMessage,
  type TableDefinition,
} from "../../contract/index.js";
import { Semaphore } from "../../support/semaphore.js";
import { PROBE_MS } from "./client.js";
import type { Clients } from "./clientSource.js";
import { claimMessage, ledgerTimeToLive, readClaim } from "./cql.js";
import { failureOf } from "./failures.js";
import { CassandraOperation } from "./operations.js";

/** What a claim came to: the message may be written, or its outcome stands already. */
export type Claim = Claimed | { kind: "settled"; outcome: Outcome };

export interface Claimed {
  kind: "claimed";
  /** True where the same message with the same body had been claimed before. */
  again: boolean;
}

/**
 * Remembers which body each message id had, across workers and restarts, before the message's row is written.
 * Behind this interface so that a cheaper way to the same promise can take its place.
 */
export interface Ledger {
  claim(messages: SinkMessage[], context: Pick<SinkContext, "signal" | "call">): Promise<Claim[]>;
  /** Throws where claims cannot be made now. */
  probe(): Promise<void>;
}

/** Claims in flight at once. */
const IN_FLIGHT = 128;

/**
 * A ledger of lightweight transactions: one `INSERT … IF NOT EXISTS` a message, the only way in which Cassandra
 * itself decides between two workers that bring the same id with different bodies at the same time. A read before
 * the write would leave a gap between the two. It costs a Paxos round: several round trips between the replicas
 * where a plain write needs one. The entry is also the record of who took the message.
 */
export class TransactionLedger implements Ledger {
  private readonly places = new Semaphore(IN_FLIGHT);
  private readonly insert: string;
  private readonly select: string;
  private readonly timeToLive: number;

  constructor(
    private readonly clients: Clients,
    table: TableDefinition,
    private readonly worker: string,
    private readonly now: () => number = Date.now,
  ) {
    this.insert = claimMessage(table);
    this.select = readClaim(table);
    this.timeToLive = ledgerTimeToLive(table);
  }

  claim(messages: SinkMessage[], context: Pick<SinkContext, "signal" | "call">): Promise<Claim[]> {
    return Promise.all(messages.map((message) => this.places.run(() => this.claimOne(message, context))));
  }

  /** A read at the consistency that claims are made at, of another partition each time. */
  async probe(): Promise<void> {
    await this.clients.use((client) =>
      client.execute(this.select, ["", `probe-${Math.random()}`], {
        consistency: types.consistencies.localQuorum,
        readTimeout: PROBE_MS,
      }),
    );
  }

  private async claimOne(message: SinkMessage, { signal, call }: Pick<SinkContext, "signal" | "call">): Promise<Claim> {
    if (signal.aborted)
      return settled({ kind: "retry", code: RetryCode.Interrupted, description: "The work was stopped." });
    const at = this.now();
    const { entity, messageId, bodySha256, traceId } = message;
    const values = [entity, messageId, bodySha256, this.worker, traceId, BigInt(message.sequenceNumber), at];
    try {
      const result = await call(CassandraOperation.Claim, () =>
        this.clients.use((client) =>
          client.execute(
            this.insert,
            this.timeToLive > 0 ? [...values, this.timeToLive] : values,
            // LOCAL_SERIAL decides among the replicas next to the worker; all workers of a pipeline run there.
            { consistency: types.consistencies.localQuorum, serialConsistency: types.consistencies.localSerial },
          ),
        ),
      );
      if (result.wasApplied()) return { kind: "claimed", again: false };
      return judge(message, result.first());
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind === "retry") return settled(failure);
      // The entry's values are the engine's own, not the sender's: what is refused here is the table.
      return settled({ kind: "retry", code: RetryCode.StoreUnavailable, description: failure.description });
    }
  }
}

/** Compares the message with the entry that was there first. */
function judge(message: SinkMessage, entry: types.Row): Claim {
  if (entry["body_sha256"] === message.bodySha256) return { kind: "claimed", again: true };
  return settled({
    kind: "poison",
    reason: PoisonReason.MessageIdReused,
    description:
      `Message ${message.messageId} of ${message.entity} came before with another body ` +
      `(SHA-256 ${String(entry["body_sha256"])}, taken by ${String(entry["worker"])}; this one has ${message.bodySha256}). ` +
      "Send it under an id of its own.",
  });
}

function settled(outcome: Outcome): Claim {
  return { kind: "settled", outcome };
}

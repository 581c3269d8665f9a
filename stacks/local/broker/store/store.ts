import type { DatabaseSync } from "node:sqlite";
import type { Content, PropertyChanges } from "../core/content.js";
import type { Journal } from "../core/journal.js";
import { MessageState, type StoredMessage } from "../core/message.js";
import type { Namespace } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import type { RestingState } from "../core/shelf.js";
import { openDatabase } from "./database.js";
import { decodeDefinition, definitionOf, encodeDefinition, restoreDefinition } from "./definitions.js";
import { prepare, type Statements } from "./statements.js";

/** How the contents of messages are written down; the bytes are the AMQP layer's. */
export interface ContentCodec {
  encode(content: Content, changes: PropertyChanges | undefined): Buffer;
  decode(bytes: Buffer): Content;
}

export interface StoreOptions {
  /** Path of the data folder. */
  readonly folder: string;
  readonly codec: ContentCodec;
  /** Told once that something could not be written down; nothing more is, from then on. */
  readonly failed: (error: Error) => void;
}

/** Identities of duplicates written before those that are out of their window are looked for. */
const SWEEP_AFTER = 10_000;

/** What a message is after a restart: who holds it then does not any more. */
function restingOf(message: StoredMessage): RestingState {
  switch (message.state) {
    case MessageState.Deferred:
    case MessageState.Scheduled:
      return message.state;
    default:
      return message.lock?.ofDeferred === true ? MessageState.Deferred : MessageState.Active;
  }
}

/** The queue at a path, sub-queues and a topic's intake as well. */
function queueAt(namespace: Namespace, path: string): Queue | undefined {
  const entity = namespace.find(path);
  return entity?.kind === "topic" ? entity.topic.queue : entity?.queue;
}

/**
 * Keeps a namespace in a data folder. Changes are gathered as they happen; `commit` writes all there are in one
 * transaction, which is on the disk when it returns. Whoever is about to tell somebody of a change commits first, so
 * that many changes cost one write, and nothing is told that a crash could undo. A message that came and went between
 * two commits is never written.
 */
export class Store implements Journal {
  readonly #options: StoreOptions;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #queueIds = new Map<string, number>();
  readonly #messages = new Set<StoredMessage>();
  readonly #entities = new Set<string>();
  readonly #numbered = new Set<string>();
  readonly #seen: { readonly path: string; readonly identity: string; readonly at: number }[] = [];
  readonly #sessions = new Map<string, Set<string>>();
  #namespace: Namespace | undefined;
  #nextId = 1;
  #sweepIn = SWEEP_AFTER;
  #scheduled = false;
  #dirty = false;
  #failure: Error | undefined;
  #closed = false;

  /** @throws BrokerError NotAllowed where the folder cannot be had, NotImplemented where Node has no SQLite */
  constructor(options: StoreOptions) {
    this.#options = options;
    this.#database = openDatabase(options.folder);
    this.#statements = prepare(this.#database);
  }

  /** Brings back what the folder holds, into a namespace that is empty; from then on its changes are written down. */
  restore(namespace: Namespace): void {
    const now = namespace.clock.now();
    const all = this.#statements.entities.all();
    // Topics before their subscriptions.
    for (const kind of ["queue", "topic", "subscription"]) {
      for (const { path, definition } of all.filter((row) => row["kind"] === kind)) {
        restoreDefinition(namespace, String(path), decodeDefinition(bytesOf(definition)), now);
      }
    }
    const queues = new Map<number, Queue>();
    for (const { id, path, last_number: last } of this.#statements.queues.all()) {
      const queue = queueAt(namespace, String(path));
      if (queue !== undefined) {
        queues.set(Number(id), queue);
        this.#queueIds.set(String(path), Number(id));
        const seen = this.#statements.seenOf.all(Number(id)).map((row) => [String(row["identity"]), Number(row["at"])]);
        queue.restoreProgress({ lastSequenceNumber: Number(last), seen: seen as [string, number][] });
        for (const { session, state, updated_at: at } of this.#statements.sessionsOf.all(Number(id))) {
          queue.sessions?.restoreState({ id: String(session), state: bytesOf(state), stateUpdatedAt: Number(at) });
        }
      }
    }
    this.#restoreMessages(queues);
    this.#namespace = namespace;
    for (const queue of queues.values()) {
      queue.pump();
    }
    this.commit();
  }

  #restoreMessages(queues: ReadonlyMap<number, Queue>): void {
    for (const row of this.#statements.messages.iterate()) {
      const id = Number(row["id"]);
      this.#nextId = Math.max(this.#nextId, id + 1);
      const state = String(row["state"]) as RestingState;
      this.#restoring = { id, state };
      queues.get(Number(row["queue"]))?.restore(
        this.#options.codec.decode(bytesOf(row["content"])),
        {
          sequenceNumber: Number(row["number"]),
          enqueuedSequenceNumber: Number(row["enqueued_number"]),
          enqueuedAt: Number(row["enqueued_at"]),
          expiresAt: row["expires_at"] === null ? Number.POSITIVE_INFINITY : Number(row["expires_at"]),
          hops: Number(row["hops"]),
          deliveryCount: Number(row["deliveries"]),
        },
        state,
      );
    }
    this.#restoring = undefined;
  }

  /** The message that is being put back: it has its row already. */
  #restoring: { readonly id: number; readonly state: RestingState } | undefined;

  // --- what happens -----------------------------------------------------------------------------------------------

  entity(path: string): void {
    if (this.#namespace !== undefined) {
      this.#entities.add(path);
      this.#touch();
    }
  }

  entityDeleted(path: string): void {
    // What its messages were is written with it; a new entity of that name begins anew.
    this.#entities.add(path);
    this.#touch();
    try {
      this.commit();
    } catch {
      // Told by `failed`; whoever waits for an answer gets none.
    }
  }

  added(message: StoredMessage): void {
    if (this.#restoring !== undefined) {
      message.journal = { id: this.#restoring.id, state: this.#restoring.state, content: true };
      return;
    }
    this.#messages.add(message);
    this.#touch();
  }

  moved(message: StoredMessage): void {
    // Handing out and taking back is not written down: after a restart nobody holds a message.
    if (message.journal !== undefined && message.journal.state !== restingOf(message)) {
      this.#messages.add(message);
      this.#touch();
    }
  }

  changed(message: StoredMessage): void {
    if (message.journal !== undefined) {
      // Its properties lie within its content.
      message.journal.content &&= message.changes === undefined;
    }
    this.#messages.add(message);
    this.#touch();
  }

  deleted(message: StoredMessage): void {
    if (message.journal === undefined) {
      this.#messages.delete(message);
    } else {
      this.#messages.add(message);
      this.#touch();
    }
  }

  numbered(path: string): void {
    this.#numbered.add(path);
    this.#touch();
  }

  seen(path: string, identity: string, at: number): void {
    this.#seen.push({ path, identity, at });
    this.#touch();
  }

  sessionState(path: string, sessionId: string): void {
    const sessions = this.#sessions.get(path) ?? new Set();
    this.#sessions.set(path, sessions);
    sessions.add(sessionId);
    this.#touch();
  }

  // --- writing ----------------------------------------------------------------------------------------------------

  #touch(): void {
    this.#dirty = true;
    if (!this.#scheduled) {
      this.#scheduled = true;
      // For what nobody is told of, such as a lock that runs out.
      setImmediate(() => {
        this.#scheduled = false;
        try {
          this.commit();
        } catch {
          // Told by `failed` already.
        }
      });
    }
  }

  /**
   * Writes all that has changed, if anything has.
   * @throws the error for which nothing can be written any more; then nobody may be told of what has changed
   */
  commit(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const namespace = this.#namespace;
    if (!this.#dirty || this.#closed || namespace === undefined) {
      return;
    }
    this.#dirty = false;
    try {
      this.#database.exec("BEGIN");
      this.#writeEntities(namespace);
      this.#writeMessages();
      this.#writeQueues(namespace);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#options.failed(this.#failure);
      throw this.#failure;
    }
  }

  #writeEntities(namespace: Namespace): void {
    for (const path of this.#entities) {
      const definition = definitionOf(namespace, path);
      if (definition === undefined) {
        this.#dropEntity(path);
      } else {
        this.#statements.putEntity.run(path, definition.kind, encodeDefinition(definition));
      }
    }
    this.#entities.clear();
  }

  #dropEntity(path: string): void {
    this.#statements.deleteEntity.run(path, `${path}/Subscriptions/`, `${path}/Subscriptions0`);
    // A queue may be named `a/b` beside a queue `a`: what belongs to an entity is below one of these.
    for (const [name, id] of this.#queueIds) {
      const below = name.slice(path.length).toLowerCase();
      const own = below === "" || below.startsWith("/$") || below.startsWith("/subscriptions/");
      if (name.toLowerCase().startsWith(path.toLowerCase()) && own) {
        for (const statement of this.#statements.dropQueue) {
          statement.run(id);
        }
        this.#queueIds.delete(name);
      }
    }
    this.#numbered.delete(path);
  }

  #writeMessages(): void {
    const { insert, update, updateContent, remove } = this.#statements;
    for (const message of this.#messages) {
      const written = message.journal;
      const state = restingOf(message);
      if (message.state === MessageState.Gone) {
        if (written !== undefined) {
          remove.run(written.id);
        }
      } else if (written === undefined) {
        const id = this.#nextId++;
        const { sequenceNumber, enqueuedSequenceNumber, enqueuedAt, expiresAt, hops, deliveryCount } = message;
        const expires = expiresAt === Number.POSITIVE_INFINITY ? null : Math.ceil(expiresAt);
        const queue = this.#queueId(message.home.path);
        const content = this.#options.codec.encode(message.content, message.changes);
        insert.run(
          id,
          queue,
          sequenceNumber,
          enqueuedSequenceNumber,
          enqueuedAt,
          expires,
          hops,
          deliveryCount,
          state,
          content,
        );
        message.journal = { id, state, content: true };
      } else if (written.content) {
        update.run(message.deliveryCount, state, written.id);
        written.state = state;
      } else {
        const content = this.#options.codec.encode(message.content, message.changes);
        updateContent.run(message.deliveryCount, state, content, written.id);
        written.state = state;
        written.content = true;
      }
    }
    this.#messages.clear();
  }

  #writeQueues(namespace: Namespace): void {
    for (const path of this.#numbered) {
      const queue = queueAt(namespace, path);
      if (queue !== undefined) {
        this.#statements.putNumber.run(queue.progress.lastSequenceNumber, this.#queueId(path));
      }
    }
    this.#numbered.clear();
    for (const { path, identity, at } of this.#seen) {
      this.#statements.putSeen.run(this.#queueId(path), identity, at);
      if (--this.#sweepIn === 0) {
        this.#sweepIn = SWEEP_AFTER;
        const windowMs = queueAt(namespace, path)?.rules.duplicateWindowMs ?? 0;
        this.#statements.sweepSeen.run(this.#queueId(path), at - windowMs);
      }
    }
    this.#seen.length = 0;
    for (const [path, ids] of this.#sessions) {
      const sessions = queueAt(namespace, path)?.sessions;
      for (const id of ids) {
        const session = sessions?.get(id);
        if (session?.state === undefined) {
          this.#statements.deleteSession.run(this.#queueId(path), id);
        } else {
          this.#statements.putSession.run(this.#queueId(path), id, session.state, session.stateUpdatedAt);
        }
      }
    }
    this.#sessions.clear();
  }

  #queueId(path: string): number {
    const known = this.#queueIds.get(path);
    if (known !== undefined) {
      return known;
    }
    const id = Number(this.#statements.addQueue.run(path).lastInsertRowid);
    this.#queueIds.set(path, id);
    return id;
  }

  /** Writes what there is to write, and gives the folder up. What cannot be written was told by `failed`. */
  close(): void {
    if (this.#closed) {
      return;
    }
    try {
      if (this.#failure === undefined) {
        this.#writeTimes();
        this.commit();
      }
    } catch {
      // Told by `failed` already.
    } finally {
      this.#closed = true;
      this.#database.close();
    }
  }

  /** When each entity was last used is written at the end: doing it with every use would cost as much as a message. */
  #writeTimes(): void {
    for (const path of this.#queueIds.keys()) {
      if (this.#namespace !== undefined && definitionOf(this.#namespace, path) !== undefined) {
        this.entity(path);
      }
    }
  }
}

function bytesOf(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError("The data folder holds something else than bytes where there should be some.");
  }
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

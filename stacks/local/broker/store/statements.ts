import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Everything that is ever asked of the tables in `database.ts`. */
export type Statements = ReturnType<typeof prepare>;

/** Makes the statements ready, once for a database. */
export function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    entities: sql("SELECT path, kind, definition FROM entities"),
    putEntity: sql("INSERT OR REPLACE INTO entities (path, kind, definition) VALUES (?, ?, ?)"),
    deleteEntity: sql("DELETE FROM entities WHERE path = ?1 OR (path > ?2 AND path < ?3)"),
    queues: sql("SELECT id, path, last_number FROM queues"),
    addQueue: sql("INSERT INTO queues (path, last_number) VALUES (?, 0)"),
    putNumber: sql("UPDATE queues SET last_number = ? WHERE id = ?"),
    dropQueue: [
      sql("DELETE FROM messages WHERE queue = ?"),
      sql("DELETE FROM sessions WHERE queue = ?"),
      sql("DELETE FROM seen WHERE queue = ?"),
      sql("DELETE FROM queues WHERE id = ?"),
    ],
    messages: sql("SELECT * FROM messages ORDER BY id"),
    insert: sql("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    update: sql("UPDATE messages SET deliveries = ?, state = ? WHERE id = ?"),
    updateContent: sql("UPDATE messages SET deliveries = ?, state = ?, content = ? WHERE id = ?"),
    remove: sql("DELETE FROM messages WHERE id = ?"),
    sessionsOf: sql("SELECT session, state, updated_at FROM sessions WHERE queue = ?"),
    putSession: sql("INSERT OR REPLACE INTO sessions (queue, session, state, updated_at) VALUES (?, ?, ?, ?)"),
    deleteSession: sql("DELETE FROM sessions WHERE queue = ? AND session = ?"),
    seenOf: sql("SELECT identity, at FROM seen WHERE queue = ? ORDER BY at"),
    putSeen: sql("INSERT OR REPLACE INTO seen (queue, identity, at) VALUES (?, ?, ?)"),
    sweepSeen: sql("DELETE FROM seen WHERE queue = ? AND at < ?"),
  };
}

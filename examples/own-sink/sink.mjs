// A sink of one's own that needs nothing but Node: each message becomes a row of an SQLite file, once.
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { defineSink, done, InvalidInputError, poison, problem, SinkPoison } from "stowage/runtime";

const TABLE = `CREATE TABLE IF NOT EXISTS messages (
  key TEXT PRIMARY KEY, id TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL, writer TEXT NOT NULL
) STRICT`;

export default defineSink({
  name: "sqlite rows",
  // A batch is one transaction: up to 100 messages, or what has come after 10 ms.
  batching: { maxMessages: 100, maxWaitMilliseconds: 10 },

  // The pipeline's sink.module.options, all of it text. What is thrown here ends the worker with exit status 2.
  options: ({ file, ...unknown }) => {
    const problems = Object.keys(unknown).map((name) => problem(name, unknown[name], "unknown option", "Remove it"));
    if (file === undefined) problems.push(problem("file", file, "is missing", "Give the path of the database"));
    if (problems.length > 0) throw new InvalidInputError("Invalid options", problems);
    return { file };
  },

  // What this gives is handed to all that follow. Called again after a failure, for two minutes.
  start: ({ options, worker }) => {
    const database = new DatabaseSync(options.file);
    // The effect must be on disk before the message is settled.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 2000");
    database.exec(TABLE);
    const insert = database.prepare("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?)");
    const find = database.prepare("SELECT digest FROM messages WHERE key = ?");
    return { database, insert, find, worker };
  },

  // One outcome for each message, in the order given. A throw is a retry of the whole batch.
  process: async (batch, context, { database, insert, find, worker }) =>
    context.call("write", async () => {
      database.exec("BEGIN IMMEDIATE");
      try {
        const outcomes = batch.map((message) => {
          const text = message.body.toString("utf8");
          if (text.trim() === "") return poison("The body is empty; a row needs one.", SinkPoison.InvalidBody);
          const digest = createHash("sha256").update(message.body).digest("hex");
          // Under the message's key: a second delivery finds the row of the first.
          const { changes } = insert.run(message.key, message.messageId, digest, text, worker);
          if (changes === 1) return done({ object: `messages ${message.messageId}` });
          if (find.get(message.key).digest === digest) return done({ duplicate: true });
          return poison("The id was used before with another body.", SinkPoison.MessageIdReused);
        });
        database.exec("COMMIT");
        return outcomes;
      } catch (error) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      }
    }),

  // Does what an effect does: takes the lock that a write takes.
  probe: async ({ database }) => database.exec("BEGIN IMMEDIATE; ROLLBACK"),
  stop: ({ database }) => database.close(),
  info: async ({ database }) => ({ version: `SQLite ${database.prepare("SELECT sqlite_version() AS v").get().v}` }),
});

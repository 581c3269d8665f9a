import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";

/** The one file of a data folder; SQLite keeps its log beside it. */
const FILE = "broker.sqlite";
/** Of the tables below; a folder of another version is refused. */
const VERSION = 1;

const TABLES = `
  CREATE TABLE entities (path TEXT PRIMARY KEY, kind TEXT NOT NULL, definition BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE queues (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, last_number INTEGER NOT NULL);
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    number INTEGER NOT NULL,
    enqueued_number INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    expires_at INTEGER,
    hops INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    state TEXT NOT NULL,
    content BLOB NOT NULL
  );
  CREATE TABLE sessions (
    queue INTEGER NOT NULL, session TEXT NOT NULL, state BLOB NOT NULL, updated_at INTEGER NOT NULL,
    PRIMARY KEY (queue, session)
  ) WITHOUT ROWID;
  CREATE TABLE seen (
    queue INTEGER NOT NULL, identity TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (queue, identity)
  ) WITHOUT ROWID;
`;

/** Node's own SQLite, without the line on standard error that calls it experimental. */
function sqlite(): typeof import("node:sqlite") {
  const emitWarning = process.emitWarning;
  const quiet = (warning: string | Error, ...rest: unknown[]): void => {
    if (!String(warning).startsWith("SQLite is an experimental feature")) {
      Reflect.apply(emitWarning, process, [warning, ...rest]);
    }
  };
  process.emitWarning = quiet;
  try {
    const loaded = process.getBuiltinModule("node:sqlite");
    if (loaded === undefined) {
      throw new BrokerError(
        BrokerErrorCode.NotImplemented,
        `Keeping messages in a data folder needs node:sqlite, which Node ${process.versions.node} does not have: use Node 22.13 or newer, or leave the data folder out.`,
      );
    }
    return loaded;
  } finally {
    process.emitWarning = emitWarning;
  }
}

function unusable(folder: string, why: string): BrokerError {
  return new BrokerError(BrokerErrorCode.NotAllowed, `The data folder '${folder}' cannot be used: ${why}`);
}

/** Makes a folder that is not there, and none above it: those would be a slip of the pen. */
function makeFolder(folder: string): void {
  if (!existsSync(dirname(resolve(folder)))) {
    throw unusable(folder, `there is no folder '${dirname(resolve(folder))}': make it, or name another.`);
  }
  if (!existsSync(folder)) {
    mkdirSync(folder, { mode: 0o700 });
  }
}

/**
 * Opens a data folder, and makes it where it is not there; the folder above it must be. It belongs to this process until it is closed, or the
 * process ends however it does.
 * @throws BrokerError NotAllowed where another broker has it, or it was written by another version
 */
export function openDatabase(folder: string): DatabaseSync {
  const { DatabaseSync: Database } = sqlite();
  let database: DatabaseSync | undefined;
  try {
    makeFolder(folder);
    database = new Database(join(folder, FILE));
    // The lock of the first transaction is kept: a second broker is turned away.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    database.exec("BEGIN IMMEDIATE");
    const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (version === 0) {
      database.exec(`${TABLES} PRAGMA user_version = ${VERSION};`);
    }
    database.exec("COMMIT");
    if (version !== 0 && version !== VERSION) {
      throw unusable(folder, `its tables are of version ${version}, this broker writes version ${VERSION}.`);
    }
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof BrokerError) {
      throw error;
    }
    const text = error instanceof Error ? error.message : String(error);
    throw /locked|busy/i.test(text)
      ? unusable(folder, "another broker has it. End that one, or give this one a folder of its own.")
      : unusable(folder, `${text}.`);
  }
}

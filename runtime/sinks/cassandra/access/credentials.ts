import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { auth } from "cassandra-driver";
import { type CassandraCredentials, StowageError } from "../../../contract/index.js";

/** A role and its password. */
export interface Login {
  username: string;
  password: string;
}

/** Code of credentials that are not there, or not whole. */
export const CREDENTIALS_MISSING = "CredentialsMissing";

/** Link to the folder that holds the files of a mounted secret: kubelet turns it when the secret changes. */
const CURRENT = "..data";

/**
 * Reads role and password. In a mounted secret both come from the same version of it. Throws a StowageError
 * (`CredentialsMissing`) where one of the files is missing or empty; it never holds what stands in them.
 */
export function readLogin({ directory }: CassandraCredentials): Login {
  // The folder that a link named may be removed before it is read: once more, then, by where the link points now.
  return tryLogin(directory) ?? tryLogin(directory) ?? missing(directory);
}

function tryLogin(directory: string): Login | undefined {
  try {
    const folder = currentFolder(directory);
    const [username, password] = [line(join(folder, "username")), line(join(folder, "password"))];
    return username === "" || password === "" ? undefined : { username, password };
  } catch {
    return undefined;
  }
}

function currentFolder(directory: string): string {
  try {
    return realpathSync(join(directory, CURRENT));
  } catch {
    return directory;
  }
}

/** A file's text without the line's end that editors and `echo` leave behind. */
function line(file: string): string {
  return readFileSync(file, "utf8").replace(/\r?\n$/, "");
}

function missing(directory: string): never {
  throw new StowageError(
    CREDENTIALS_MISSING,
    `The folder ${directory} has no role and password: the files username and password must be there and not empty. ` +
      "The pipeline's schema job fills the secret that is mounted there; check that it has run.",
  );
}

/** Tells two logins apart, without holding either. */
export function fingerprintOf({ username, password }: Login): string {
  return createHash("sha256")
    .update(JSON.stringify([username, password]))
    .digest("hex");
}

/** Logs each new connection in with what the folder holds then: a rotated password needs no restart. */
export class FolderLogin extends auth.PlainTextAuthProvider {
  constructor(private readonly credentials: CassandraCredentials) {
    super("", "");
  }

  override newAuthenticator(endpoint: string, name: string): auth.Authenticator {
    try {
      const { username, password } = readLogin(this.credentials);
      return new auth.PlainTextAuthProvider(username, password).newAuthenticator(endpoint, name);
    } catch (error) {
      // Thrown here it would end the process: the driver asks within a socket's event.
      return new Unready(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Tells the driver why there is nothing to log in with. */
class Unready implements auth.Authenticator {
  constructor(private readonly why: Error) {}

  initialResponse(callback: (error: Error) => void): void {
    callback(this.why);
  }

  evaluateChallenge(_challenge: Buffer, callback: (error: Error) => void): void {
    callback(this.why);
  }

  onAuthenticationSuccess(): void {
    // It never comes to that.
  }
}

import { setTimeout as pause } from "node:timers/promises";
import { StowageError } from "../../../contract/index.js";
import type { SecretStore } from "../../../support/secretStore.js";
import type { Login } from "./credentials.js";
import type { Grant, RoleAdmin } from "./roles.js";
import { AccessCode } from "./systemAuth.js";

/** Keys of a secret that holds a role. The worker mounts it as files of these names. */
export const SecretKey = {
  Username: "username",
  Password: "password",
  /** The authority of the nodes' certificates. */
  Authority: "ca.crt",
  /** When the password was set, ISO 8601. */
  RotatedAt: "rotated-at",
} as const;
export type SecretKey = (typeof SecretKey)[keyof typeof SecretKey];

/** What publishing a role takes. */
export interface Publication {
  admin: RoleAdmin;
  secret: SecretStore;
  /** The authority of the nodes' certificates, PEM; undefined where the ring has no TLS. */
  authority: string | undefined;
  newPassword(): string;
  /** Milliseconds since 1970. */
  now(): number;
  say(line: string): void;
}

/** How long all nodes may take to know a new password, in milliseconds: they keep what they have read for 2 s by default. */
const NEW_MS = 20_000;
/** How long a password that was published before may be refused, in milliseconds, before it counts as another ring's. */
const KNOWN_MS = 4_000;
/** How often one begins anew where somebody else sets the same password at the same time, and the longest wait between. */
const TRIES = 6;
const PAUSE_MS = 1_000;

/**
 * Fills the secret with a login of one of the roles. One that holds a login that the ring takes keeps it; where it is empty,
 * or its password is another ring's, a new password is set. The roles must be there.
 */
export async function publishLogin(
  publication: Publication,
  roles: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { admin, secret, authority, say } = publication;
  for (let tries = 0; tries < TRIES; tries++) {
    const { values, version } = await secret.read(signal);
    const [username, password] = [values[SecretKey.Username] ?? "", values[SecretKey.Password] ?? ""];
    const known = roles.includes(username);
    if (known && password !== "" && (await admin.logsIn({ username, password }, KNOWN_MS, signal))) {
      if (authority === undefined || values[SecretKey.Authority] === authority) return;
      if (await secret.write({ [SecretKey.Authority]: authority }, version, signal)) {
        say(`done      publish the ring's authority in ${secret.name}`);
        return;
      }
    } else {
      const role = known ? username : (roles[0] ?? "");
      if (await setAndWrite(publication, role, version, signal)) {
        say(`done      publish role ${role} in ${secret.name}`);
        return;
      }
    }
    await pause(Math.random() * PAUSE_MS, undefined, { signal });
  }
  throw contended(secret);
}

/** What became of a rotation. */
export type Rotation =
  | { kind: "rotated"; from: string; to: string }
  /** The one before is so fresh that some worker may not have it yet. */
  | { kind: "rested"; role: string; since: string };

/**
 * Turns from the role in use to the other one: that one gets a new password, is tried, and then published. Whatever
 * happens on the way, the login that is published stays valid: nothing is done to its role. Within `restMilliseconds` of
 * the last time nothing is done: a rotation that is run again must not change the password of the role that workers are
 * just leaving.
 */
export async function rotate(
  publication: Publication,
  roles: readonly [string, string],
  grants: readonly Grant[],
  restMilliseconds: number,
  signal: AbortSignal,
): Promise<Rotation> {
  const { admin, secret, now, say } = publication;
  for (let tries = 0; tries < TRIES; tries++) {
    const { values, version } = await secret.read(signal);
    const from = values[SecretKey.Username] ?? "";
    if (!roles.includes(from) || (values[SecretKey.Password] ?? "") === "")
      throw new StowageError(
        AccessCode.NotPublished,
        `Secret ${secret.name} holds neither role of the pipeline (${roles.join(", ")}), so that there is nothing to rotate. ` +
          "Run its schema job first: stowage-worker schema apply --publish.",
      );
    const since = values[SecretKey.RotatedAt] ?? "";
    const age = now() - Date.parse(since);
    if (age < restMilliseconds) return { kind: "rested", role: from, since };
    const to = roles[0] === from ? roles[1] : roles[0];
    await admin.ensure(to, grants, true);
    if (await setAndWrite(publication, to, version, signal)) {
      say(`done      rotate ${secret.name} from role ${from} to ${to}`);
      return { kind: "rotated", from, to };
    }
    await pause(Math.random() * PAUSE_MS, undefined, { signal });
  }
  throw contended(secret);
}

/**
 * Sets a new password, tries it at every node, and only then writes it. False where somebody else was at it, who wrote the
 * secret, or set another password meanwhile: then it is to be begun anew.
 */
async function setAndWrite(
  { admin, secret, authority, newPassword, now }: Publication,
  username: string,
  version: string,
  signal: AbortSignal,
): Promise<boolean> {
  const login: Login = { username, password: newPassword() };
  await admin.setPassword(login, signal);
  if (!(await admin.logsIn(login, NEW_MS, signal))) return false;
  return secret.write(
    {
      [SecretKey.Username]: login.username,
      [SecretKey.Password]: login.password,
      [SecretKey.RotatedAt]: new Date(now()).toISOString(),
      ...(authority === undefined ? {} : { [SecretKey.Authority]: authority }),
    },
    version,
    signal,
  );
}

function contended({ name }: SecretStore): StowageError {
  return new StowageError(
    AccessCode.NotPublished,
    `Secret ${name} is as it was after ${TRIES} tries: either a node does not let a role in with its new password, which is ` +
      "not published therefore (check that system_auth is replicated and repaired), or somebody else sets it at the same " +
      "time (run one job at a time). Then run it again.",
  );
}

import { describe, expect, test } from "vitest";
import type { Grant, RoleAdmin } from "../../../runtime/sinks/cassandra/access/roles.js";
import { type Publication, publishLogin, rotate } from "../../../runtime/sinks/cassandra/access/rotation.js";
import { rolesOf } from "../../../runtime/sinks/cassandra/index.js";
import { MemorySecret } from "../../support/memorySecret.js";

const roles = rolesOf("night-readings");
const [a, b] = roles;
const grants: Grant[] = [{ table: { keyspace: "telemetry", name: "readings" }, rights: ["SELECT", "MODIFY"] }];
const never = new AbortController().signal;
const MINUTE = 60_000;

/** A ring's roles in memory. `fails` names the call at which the process dies: `before` it, or `after` it. */
class MemoryRing implements RoleAdmin {
  readonly passwords = new Map<string, string>();
  readonly calls: string[] = [];
  fails: string | undefined;

  async existing(names: readonly string[]): Promise<string[]> {
    return names.filter((name) => this.passwords.has(name));
  }

  async ensure(role: string): Promise<void> {
    await this.step("ensure", () => {
      if (!this.passwords.has(role)) this.passwords.set(role, "");
    });
  }

  async setPassword({ username, password }: { username: string; password: string }): Promise<void> {
    await this.step("setPassword", () => this.passwords.set(username, password));
  }

  async logsIn({ username, password }: { username: string; password: string }): Promise<boolean> {
    await this.step("logsIn", () => undefined);
    return password !== "" && this.passwords.get(username) === password;
  }

  async step(name: string, act: () => void): Promise<void> {
    if (this.fails === `before ${name}`) throw new Error("killed");
    act();
    this.calls.push(name);
    if (this.fails === `after ${name}`) throw new Error("killed");
  }
}

class MortalSecret extends MemorySecret {
  constructor(private readonly ring: MemoryRing) {
    super();
  }

  override async write(values: { readonly [key: string]: string }, version: string): Promise<boolean> {
    let written = false;
    if (this.ring.fails === "before write") throw new Error("killed");
    written = await super.write(values, version);
    if (this.ring.fails === "after write") throw new Error("killed");
    return written;
  }
}

function world() {
  const ring = new MemoryRing();
  const secret = new MortalSecret(ring);
  let made = 0;
  const clock = { now: 1_700_000_000_000 };
  const publication: Publication = {
    admin: ring,
    secret,
    authority: "PEM",
    newPassword: () => `password-${++made}`,
    now: () => clock.now,
    say: () => undefined,
  };
  const letsIn = (): boolean => {
    const { username = "", password = "" } = secret.values;
    return password !== "" && ring.passwords.get(username) === password;
  };
  return { ring, secret, publication, clock, letsIn };
}

async function published() {
  const made = world();
  for (const role of roles) await made.ring.ensure(role);
  await publishLogin(made.publication, roles, never);
  made.clock.now += 60 * MINUTE;
  made.ring.calls.length = 0;
  return made;
}

describe("a rotation", () => {
  test("turns to the other role and back, each time with a new password that was tried before it was published", async () => {
    const { ring, secret, publication, clock, letsIn } = await published();
    expect(secret.values["username"]).toBe(a);
    const first = secret.values["password"];
    expect(await rotate(publication, roles, grants, 5 * MINUTE, never)).toEqual({ kind: "rotated", from: a, to: b });
    expect(ring.calls).toEqual(["ensure", "setPassword", "logsIn"]);
    expect(letsIn()).toBe(true);
    // Who has not seen the new one yet goes on with the one before.
    expect(ring.passwords.get(a)).toBe(first);
    clock.now += 60 * MINUTE;
    expect(await rotate(publication, roles, grants, 5 * MINUTE, never)).toEqual({ kind: "rotated", from: b, to: a });
    expect(secret.values["password"]).not.toBe(first);
    expect(letsIn()).toBe(true);
  });

  const points = ["ensure", "setPassword", "logsIn", "write"].flatMap((step) => [`before ${step}`, `after ${step}`]);
  test.each(points)("that is killed %s leaves a login that the ring takes, and can be run again", async (point) => {
    const { ring, publication, letsIn, clock } = await published();
    ring.fails = point;
    await expect(rotate(publication, roles, grants, 5 * MINUTE, never)).rejects.toThrow("killed");
    ring.fails = undefined;
    expect(letsIn()).toBe(true);
    const held = new Map(ring.passwords);
    const again = await rotate(publication, roles, grants, 5 * MINUTE, never);
    // Published before it died: the role that workers are just leaving keeps its password.
    if (point === "after write") expect([again.kind, ring.passwords]).toEqual(["rested", held]);
    else expect(again).toEqual({ kind: "rotated", from: a, to: b });
    expect(letsIn()).toBe(true);
    clock.now += 60 * MINUTE;
    expect((await rotate(publication, roles, grants, 5 * MINUTE, never)).kind).toBe("rotated");
    expect(letsIn()).toBe(true);
  });

  test("rests for as long as it is told", async () => {
    const { publication, clock, secret } = await published();
    await rotate(publication, roles, grants, 5 * MINUTE, never);
    const since = secret.values["rotated-at"] ?? "";
    clock.now += 5 * MINUTE - 1;
    const rested = await rotate(publication, roles, grants, 5 * MINUTE, never);
    expect(rested).toEqual({ kind: "rested", role: b, since });
    clock.now += 1;
    expect((await rotate(publication, roles, grants, 5 * MINUTE, never)).kind).toBe("rotated");
  });

  test("of a secret that holds no role of the pipeline is refused", async () => {
    const { publication } = world();
    await expect(rotate(publication, roles, grants, 0, never)).rejects.toMatchObject({ code: "SecretNotPublished" });
  });

  test("that another one was faster than leaves what that one has published", async () => {
    const { ring, secret, publication, clock, letsIn } = await published();
    const { logsIn } = ring;
    ring.logsIn = async (login) => {
      ring.logsIn = logsIn;
      ring.passwords.set(b, "theirs");
      const { version } = await secret.read();
      const at = new Date(clock.now).toISOString();
      await secret.write({ username: b, password: "theirs", "rotated-at": at }, version);
      return login.username === b;
    };
    expect(await rotate(publication, roles, grants, 5 * MINUTE, never)).toMatchObject({ kind: "rested", role: b });
    expect(secret.values).toMatchObject({ username: b, password: "theirs" });
    expect(letsIn()).toBe(true);
  });

  test("whose new password is not taken everywhere publishes nothing", async () => {
    const { ring, secret, publication, letsIn } = await published();
    ring.setPassword = async () => undefined;
    const before = { ...secret.values };
    await expect(rotate(publication, roles, grants, 0, never)).rejects.toThrow(/is not published therefore/);
    expect(secret.values).toEqual(before);
    expect(letsIn()).toBe(true);
  });
});

describe("a login is published", () => {
  test("where there is none, and kept where the ring takes it", async () => {
    const { ring, secret, publication, letsIn } = await published();
    expect(secret.values).toMatchObject({ username: a, "ca.crt": "PEM" });
    const before = { ...secret.values };
    await publishLogin(publication, roles, never);
    expect(secret.values).toEqual(before);
    expect(ring.calls).toEqual(["logsIn"]);
    expect(letsIn()).toBe(true);
  });

  test("anew where it is another ring's, for the role that it was of", async () => {
    const { secret, publication, letsIn } = await published();
    secret.values = { ...secret.values, username: b, password: "of-another-ring" };
    await publishLogin(publication, roles, never);
    expect(secret.values["username"]).toBe(b);
    expect(letsIn()).toBe(true);
  });

  test("with the ring's new authority, and the password stays", async () => {
    const { secret, publication } = await published();
    const { password } = secret.values;
    await publishLogin({ ...publication, authority: "ANOTHER" }, roles, never);
    expect(secret.values).toMatchObject({ password, "ca.crt": "ANOTHER" });
  });

  test("by two at once so that the secret holds what the ring takes", async () => {
    const { secret, publication, letsIn, ring } = world();
    await ring.ensure("stowage_reader");
    const two = [1, 2].map(() => publishLogin(publication, ["stowage_reader"], never));
    await Promise.all(two);
    expect(secret.values["username"]).toBe("stowage_reader");
    expect(letsIn()).toBe(true);
  });
});

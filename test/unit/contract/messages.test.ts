import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageKey, replyMessageId, sha256, shown, volumeCommandProblems } from "../../../runtime/contract/index.js";

describe("a value in a problem", () => {
  it("is shown whatever a sender made of it, and cut", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(60_000)}${"]".repeat(60_000)}`);
    expect(shown(deep)).toBe("an object that cannot be shown");
    expect(volumeCommandProblems({ action: "create", volume: deep }).length).toBeGreaterThan(0);
    expect(shown(1n)).toBe("1");
    expect([shown(undefined), shown("a"), shown({ a: 1 })]).toEqual(["undefined", '"a"', '{"a":1}']);
    expect(shown("x".repeat(200)).length).toBe(80);
  });
});

describe("the idempotency key", () => {
  it("tells entities and message ids apart", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z/]{1,9}$/),
        fc.string(),
        fc.stringMatching(/^[a-z/]{1,9}$/),
        fc.string(),
        (e1, m1, e2, m2) => {
          expect(messageKey(e1, m1) === messageKey(e2, m2)).toBe(e1 === e2 && m1 === m2);
        },
      ),
    );
  });

  it("gives every attempt at a request the same reply id, and every kind its own", () => {
    const key = messageKey("volumes", "42");
    expect(replyMessageId(key, "outcome")).toBe(replyMessageId(key, "outcome"));
    expect(replyMessageId(key, "outcome")).not.toBe(replyMessageId(key, "progress"));
    // Azure takes message ids of at most 128 characters.
    expect(replyMessageId(key, "outcome")).toMatch(/^[0-9a-f]{64}$/);
  });

  it("hashes a body by its bytes", () => {
    expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });
});

describe("a volume command", () => {
  it.each([
    [{ action: "create", volume: "db-1", sizeKib: 4096 }],
    [{ action: "create", volume: "db-1", sizeKib: 4096, replicas: 2 }],
    [{ action: "snapshot", volume: "db-1", snapshot: "before" }],
    [{ action: "attach", volume: "db-1", node: "n1" }],
    [{ action: "delete", volume: "db-1" }],
  ])("%j is taken", (command) => {
    expect(volumeCommandProblems(command)).toEqual([]);
  });

  it.each([
    [{ action: "create", volume: "db-1" }, "sizeKib"],
    [{ action: "create", volume: "db-1", sizeKib: 3 }, "sizeKib"],
    [{ action: "create", volume: "1db", sizeKib: 4 }, "volume"],
    [{ action: "delete", volume: "db-1", sizeKib: 4 }, "sizeKib"],
    [{ action: "resize", volume: "db-1" }, "action"],
    [{ action: "attach", volume: "db-1", nodes: "n1" }, "nodes"],
    ["create", ""],
    [null, ""],
  ])("%j is refused at %s", (command, path) => {
    expect(volumeCommandProblems(command).map((p) => p.path)).toContain(path);
  });
});

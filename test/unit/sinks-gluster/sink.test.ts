import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../../../runtime/contract/index.js";
import { readResults } from "../../../stacks/local/gluster/index.js";
import { messageOf, outcomeOf, settingsOf, sinkOn, temporaryFolder } from "./kit.js";

/** Prints its input in capitals and notes each run in LEDGER. */
const CAPITALS = `
const fs = require("node:fs");
const body = fs.readFileSync(0, "utf8");
fs.appendFileSync(process.env.STOWAGE_LEDGER, process.env.STOWAGE_MESSAGE_ID + " " + process.env.STOWAGE_ATTEMPT + "\\n");
process.stdout.write(body.toUpperCase());
`;

describe("the gluster sink", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let volume: string;
  let ledger: string;
  let environment: { [name: string]: string };

  beforeEach(() => {
    folder = temporaryFolder();
    volume = join(folder.path, "volume");
    ledger = join(folder.path, "ledger");
    environment = { PATH: process.env["PATH"] ?? "", STOWAGE_LEDGER: ledger };
  });
  afterEach(() => folder.remove());

  const runs = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : []);
  const staging = (): string[] => readdirSync(join(volume, "renders/.staging"));

  test("stores the job's output and a manifest that says where it came from", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, CAPITALS), { environment, worker: "pod-7" });
    const message = messageOf("m-1", "frame", { deliveryCount: 2 });
    const outcome = await outcomeOf(sink, message, { attempt: 2 });
    const { verified, broken } = await readResults(volume, "renders");
    expect(outcome).toEqual({ kind: "done", duplicate: false, object: relative(volume, verified[0]?.path ?? "") });
    expect(broken).toEqual([]);
    expect(verified).toHaveLength(1);
    expect(verified[0]?.manifest).toMatchObject({
      pipeline: "renders",
      entity: "renders",
      messageId: "m-1",
      sequenceNumber: "42",
      attempt: 5,
      bodySha256: sha256("frame"),
      size: 5,
      sha256: sha256("FRAME"),
      worker: "pod-7",
      traceId: message.traceId,
      enqueuedTime: "2023-11-14T22:13:20.000Z",
    });
    expect(readFileSync(verified[0]?.path ?? "", "utf8")).toBe("FRAME");
    expect(staging()).toEqual([]);
  });

  test("does not compute a stored result again: a second delivery is done before", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, CAPITALS), { environment });
    await outcomeOf(sink, messageOf("m-1", "frame"));
    const again = await outcomeOf(sink, messageOf("m-1", "frame", { deliveryCount: 2 }));
    const { verified } = await readResults(volume, "renders");
    expect(again).toEqual({ kind: "done", duplicate: true, object: relative(volume, verified[0]?.path ?? "") });
    expect(runs()).toEqual(["m-1 1"]);
  });

  test("refuses another body under the same id as poison, and says both hashes", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, CAPITALS), { environment });
    await outcomeOf(sink, messageOf("m-1", "frame"));
    expect(await outcomeOf(sink, messageOf("m-1", "other"))).toMatchObject({
      kind: "poison",
      reason: "MessageIdReused",
      description: expect.stringContaining(sha256("frame")),
    });
    expect(runs()).toEqual(["m-1 1"]);
  });

  test("keeps one result where two workers run the same message at once", async () => {
    const settings = settingsOf(volume, CAPITALS);
    const sinks = await Promise.all(["a", "b", "c"].map((worker) => sinkOn(volume, settings, { environment, worker })));
    const outcomes = await Promise.all(sinks.map((sink) => outcomeOf(sink, messageOf("m-1", "frame"))));
    expect(outcomes.filter((o) => o?.kind === "done" && !o.duplicate)).toHaveLength(1);
    expect(outcomes.filter((o) => o?.kind === "done" && o.duplicate)).toHaveLength(2);
    const { verified, broken, orphans } = await readResults(volume, "renders");
    expect([verified.length, broken.length, orphans.length]).toEqual([1, 0, 0]);
  });

  test("is not led out of its folder by a hostile message id", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, CAPITALS), { environment });
    for (const id of ["../../../etc/passwd", "/etc/passwd", "a\0b", ".", "con\n/x", "ü".repeat(60)])
      expect(await outcomeOf(sink, messageOf(id, id))).toMatchObject({ kind: "done", duplicate: false });
    const { verified, broken } = await readResults(volume, "renders");
    expect([verified.length, broken.length]).toEqual([6, 0]);
    expect(readdirSync(folder.path).sort()).toEqual(["ledger", "volume"]);
  });

  test("stores an empty output, and output of many pieces", async () => {
    const sink = await sinkOn(
      volume,
      settingsOf(volume, `const n = Number(require("node:fs").readFileSync(0)); process.stdout.write("x".repeat(n));`),
    );
    await outcomeOf(sink, messageOf("none", "0"));
    await outcomeOf(sink, messageOf("much", "900000"));
    const { verified, broken } = await readResults(volume, "renders");
    expect(broken).toEqual([]);
    expect(verified.map((v) => v.manifest.size).sort()).toEqual([0, 900_000]);
  });

  test("takes exit status 65 as the job's word that the message is poison, and quotes what it said", async () => {
    const job = `console.error("scene 9 is missing\\u0007"); process.exitCode = 65;`;
    const sink = await sinkOn(volume, settingsOf(volume, job));
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toEqual({
      kind: "poison",
      reason: "JobRefused",
      description: expect.stringMatching(/exit status 65\)\.\nstderr: scene 9 is missing$/),
    });
    expect(staging()).toEqual([]);
  });

  test.each([
    ["another exit status", ["sh", "-c", "exit 3"], /ended with exit status 3/],
    ["a signal", ["sh", "-c", "kill -KILL $$"], /was ended by SIGKILL/],
    ["a program that is not there", ["/no/such/program"], /could not be started: .*ENOENT/],
  ])("tries again after %s", async (_what, command, description) => {
    const sink = await sinkOn(volume, settingsOf(volume, command));
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toMatchObject({
      kind: "retry",
      code: "JobFailed",
      description: expect.stringMatching(description),
    });
  });

  test("ends a job that takes too long, with all that it started", async () => {
    const pidFile = join(folder.path, "pid");
    const command = ["sh", "-c", `sleep 60 & echo $! > ${pidFile}; wait`];
    const sink = await sinkOn(volume, settingsOf(volume, command, { timeoutSeconds: 1 }));
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toMatchObject({ kind: "retry", code: "JobTimeout" });
    const pid = Number(readFileSync(pidFile, "utf8"));
    // Killed with its group; until its new parent has looked, the system still knows its number.
    await until(() => !isRunning(pid));
    expect((await readResults(volume, "renders")).verified).toEqual([]);
  });

  test("ends a job that ignores being asked", async () => {
    const job = `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log(process.pid);`;
    const sink = await sinkOn(volume, settingsOf(volume, job));
    const stop = new AbortController();
    const outcome = outcomeOf(sink, messageOf("m-1", "x"), { signal: stop.signal });
    await until(
      () => staging().length > 0 && readFileSync(join(volume, "renders/.staging", staging()[0] ?? "")).length > 0,
    );
    const pid = Number(readFileSync(join(volume, "renders/.staging", staging()[0] ?? ""), "utf8"));
    stop.abort();
    expect(await outcome).toMatchObject({ kind: "retry", code: "Interrupted" });
    expect(isRunning(pid)).toBe(false);
    expect(staging()).toEqual([]);
  });

  test("ends a job that prints without end, and calls its message poison", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["yes"], { maxOutputBytes: 10_000 }));
    expect(await outcomeOf(sink, messageOf("m-1", "x"))).toMatchObject({
      kind: "poison",
      reason: "JobOutputTooLarge",
      description: expect.stringContaining("10000"),
    });
    expect(staging()).toEqual([]);
  });

  test("does not mind a job that leaves its input unread, and reads its output to the end", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["sh", "-c", "echo done"]));
    const outcome = await outcomeOf(sink, messageOf("m-1", "x".repeat(1_000_000)));
    expect(outcome).toMatchObject({ kind: "done", duplicate: false });
  });

  test("gives a job no variable of the worker's but the few that it needs", async () => {
    const job = `process.stdout.write(JSON.stringify(process.env));`;
    const secret = { ...environment, AZURE_CLIENT_SECRET: "s", AZURE_FEDERATED_TOKEN_FILE: "/var/t", HOME: "/root" };
    const sink = await sinkOn(volume, settingsOf(volume, job), { environment: secret });
    await outcomeOf(sink, messageOf("m-1", "x"));
    const [result] = (await readResults(volume, "renders")).verified;
    const seen = JSON.parse(readFileSync(result?.path ?? "", "utf8"));
    expect(Object.keys(seen).sort()).toEqual([
      "HOME",
      "PATH",
      "STOWAGE_ATTEMPT",
      "STOWAGE_LEDGER",
      "STOWAGE_MESSAGE_ID",
      "STOWAGE_PIPELINE",
      "STOWAGE_TRACE_ID",
    ]);
    expect(seen).toMatchObject({ STOWAGE_MESSAGE_ID: "m-1", STOWAGE_ATTEMPT: "1", STOWAGE_PIPELINE: "renders" });
  });

  test("removes after a redelivery what a run left that died before its manifest", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, CAPITALS), { environment });
    await outcomeOf(sink, messageOf("m-1", "frame"));
    const [stored] = (await readResults(volume, "renders")).verified;
    const orphan = (stored?.path ?? "").replace(/\.[0-9a-f]{16}\.result$/, ".00000000deadbeef.result");
    writeFileSync(orphan, "half a fra");
    await outcomeOf(sink, messageOf("m-1", "frame", { deliveryCount: 2 }));
    expect(existsSync(orphan)).toBe(false);
    expect((await readResults(volume, "renders")).verified).toHaveLength(1);
  });

  test("sweeps at start what dead runs left in staging, but not what a living one may be writing", async () => {
    const settings = settingsOf(volume, CAPITALS);
    await sinkOn(volume, settings, { environment });
    const [dead, living] = ["dead", "living"].map((name) => join(volume, "renders/.staging", name));
    for (const path of [dead, living]) writeFileSync(path ?? "", "x");
    const longAgo = new Date(Date.now() - 3 * 3_600_000);
    utimesSync(dead ?? "", longAgo, longAgo);
    await sinkOn(volume, settings, { environment });
    await until(() => !existsSync(dead ?? ""));
    expect(existsSync(living ?? "")).toBe(true);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

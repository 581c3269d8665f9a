import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { Broker } from "../../stacks/local/broker/index.js";
import { startCommand } from "../support/command.js";

/** Needs the compiled command (`npm run build`). */

interface World {
  broker: Broker;
  client: ServiceBusClient;
  folder: string;
  /** Runs the command against the broker. */
  stowage(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** Everything in an entity. */
  content(path: string, deadLetters?: boolean): Promise<{ id: unknown; body: unknown; properties: unknown }[]>;
}

async function world(): Promise<World> {
  const broker = new Broker();
  onTestFinished(() => broker.close());
  broker.putQueue("orders", { maxDeliveryCount: 10 });
  await broker.listen();
  const client = new ServiceBusClient(broker.connectionString());
  onTestFinished(() => client.close());
  const folder = await mkdtemp(join(tmpdir(), "stowage-ops-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return {
    ...{ broker, client, folder },
    stowage: async (...args) => {
      const env = { ...process.env, STOWAGE_CONNECTION_STRING: broker.connectionString() };
      const run = startCommand(args, { env });
      onTestFinished(() => {
        if (run.child.exitCode === null) run.child.kill("SIGKILL");
      });
      return { code: await run.ended, ...run.output() };
    },
    content: async (path, deadLetters = false) => {
      const receiver = client.createReceiver(path, deadLetters ? { subQueueType: "deadLetter" } : {});
      const found: { id: unknown; body: unknown; properties: unknown }[] = [];
      for (let page = await receiver.peekMessages(100); page.length > 0; page = await receiver.peekMessages(100))
        for (const { messageId, body, applicationProperties } of page)
          found.push({ id: messageId, body, properties: applicationProperties });
      await receiver.close();
      return found;
    },
  };
}

describe("the operations of the command line", () => {
  it("sends a file, lists what was dead-lettered of it, shows one, replays some, and deletes the rest", async () => {
    const { broker, client, folder, stowage, content } = await world();
    const file = join(folder, "orders.ndjson");
    const lines = Array.from({ length: 6 }, (_, i) => JSON.stringify({ body: { n: i }, properties: { n: i } }));
    writeFileSync(file, `${lines.join("\n")}\n`);
    const sent = await stowage("send", "--entity", "orders", "--file", file, "--id-prefix", "load", "--json");
    expect(sent.stderr).toContain("6 messages accepted by orders");
    expect(JSON.parse(sent.stdout)).toMatchObject({ accepted: 6, lastLine: 6, messages: 6 });
    const receiver = client.createReceiver("orders");
    for (const message of await receiver.receiveMessages(6)) {
      const deadLetterReason = Number(message.applicationProperties?.["n"]) % 2 === 0 ? "JobRefused" : "InvalidBody";
      await receiver.deadLetterMessage(message, { deadLetterReason, deadLetterErrorDescription: "\u001b[31mred" });
    }
    await receiver.close();

    const listed = await stowage("dlq", "list", "--entity", "orders", "--reason", "JobRefused", "--json");
    const rows = listed.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map(({ messageId, reason }) => [messageId, reason])).toEqual([
      ["load-1", "JobRefused"],
      ["load-3", "JobRefused"],
      ["load-5", "JobRefused"],
    ]);
    const plain = await stowage("dlq", "list", "--entity", "orders");
    expect(plain.stdout).toContain("load-2");
    expect(plain.stdout, "what others wrote does not reach the terminal as it is").not.toContain("\u001b");

    const saved = join(folder, "body");
    const shown = await stowage("dlq", "show", "--entity", "orders", "--id", "load-4", "--save", saved);
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain('{"n":3}');
    expect(readFileSync(saved, "utf8")).toBe('{"n":3}');

    const filter = ["--filter", "n >= 2 AND DeadLetterReason = 'JobRefused'"];
    const dry = await stowage("dlq", "replay", "--entity", "orders", ...filter, "--dry-run", "--json");
    expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true, matched: 2, reasons: { JobRefused: 2 } });
    expect(await content("orders")).toEqual([]);
    const replayed = await stowage("dlq", "replay", "--entity", "orders", ...filter, "--json");
    expect(replayed.code, replayed.stderr).toBe(0);
    expect(JSON.parse(replayed.stdout)).toMatchObject({ entity: "orders", matched: 2, done: 2, kept: 0 });
    expect((await content("orders")).map(({ properties }) => properties)).toEqual([
      { n: 2, "stowage-replays": 1, "stowage-original-id": "load-3" },
      { n: 4, "stowage-replays": 1, "stowage-original-id": "load-5" },
    ]);

    const unasked = await stowage("dlq", "purge", "--entity", "orders", "--all");
    expect(unasked.code).toBe(2);
    expect(unasked.stderr).toContain("--yes");
    expect(broker.counts("orders")).toMatchObject({ deadLetter: 4 });
    const purged = await stowage("dlq", "purge", "--entity", "orders", "--all", "--yes", "--json");
    expect(JSON.parse(purged.stdout)).toMatchObject({ matched: 4, done: 4 });
    expect(await content("orders", true)).toEqual([]);
  });

  it("names every wrong line of a file, and sends none of it", async () => {
    const { folder, stowage, content } = await world();
    const file = join(folder, "bad.ndjson");
    writeFileSync(file, '{"messageId":"a","body":1}\n{"messageId":"b","bodi":1}\n\nnot json\n{"body":1}\n');
    const { code, stderr } = await stowage("send", "--entity", "orders", "--file", file);
    expect(code).toBe(2);
    expect(stderr).toContain("line 2: bodi: unknown key");
    expect(stderr).toContain("line 4: is no JSON");
    expect(stderr).toContain("line 5: has no messageId");
    expect(await content("orders")).toEqual([]);
  });

  it.each([
    [["dlq", "list", "--entity", "no such"], 2, "is no entity's path"],
    [["dlq", "list", "--entity", "missing"], 3, "there is no such entity"],
    [["dlq", "replay", "--entity", "orders"], 2, "Say which, or --all"],
    [["dlq", "list", "--entity", "orders", "--filter", "n >"], 2, "--filter"],
    [["dlq", "list", "--entity", "orders", "--filter", "sys.DeliveryCount > 3"], 2, "sys.DeliveryCount"],
    [["send", "--entity", "events/subscriptions/a", "--body", "x"], 2, "Send to its topic"],
  ])("%j ends with %i and says why", async (args, expected, words) => {
    const { stowage } = await world();
    const { code, stderr } = await stowage(...args);
    expect(stderr).toContain(words);
    expect(code).toBe(expected);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { Broker } from "../../stacks/local/broker/index.js";
import { WORKER_BUNDLE } from "../../stacks/local/bundle.js";
import { CertificateAuthority } from "../../stacks/local/entra/authority.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { startCommand } from "../support/command.js";
import { pipelineOf } from "../unit/bus/fakes.js";

/** Needs the compiled command (`npm run build`). */

type Runner = (...args: string[]) => Promise<{ code: number | null; stdout: string; stderr: string }>;

interface World {
  broker: Broker;
  client: ServiceBusClient;
  folder: string;
  /** Runs the command against the broker. */
  stowage: Runner & { with(env: NodeJS.ProcessEnv): Runner };
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
  const running =
    (more: NodeJS.ProcessEnv): Runner =>
    async (...args) => {
      const env = { ...process.env, STOWAGE_CONNECTION_STRING: broker.connectionString(), ...more };
      const run = startCommand(args, { env });
      onTestFinished(() => {
        if (run.child.exitCode === null) run.child.kill("SIGKILL");
      });
      return { code: await run.ended, ...run.output() };
    };
  return {
    ...{ broker, client, folder },
    stowage: Object.assign(running({}), { with: running }),
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

/** A program that ends by itself, killed with the test otherwise. */
function startProcess(args: string[]): { ended: Promise<number | null>; stdout(): string } {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    if (child.exitCode === null) child.kill("SIGKILL");
  });
  let stdout = "";
  child.stdout.on("data", (part: Buffer) => {
    stdout += part.toString();
  });
  return { ended: once(child, "close").then(([code]) => code as number | null), stdout: () => stdout };
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
    const nothing = await stowage("dlq", "purge", "--entity", "orders", "--all", "--yes", "--json");
    expect(JSON.parse(nothing.stdout), "it was no dry run").toMatchObject({ dryRun: false, matched: 0 });
    expect(nothing).toMatchObject({ code: 0, stderr: expect.stringContaining("0 of 0 deleted") });
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

  it("stops at the first Ctrl-C while it waits for more of its standard input, and says where to go on", async () => {
    const { broker, content } = await world();
    const env = { ...process.env, STOWAGE_CONNECTION_STRING: broker.connectionString() };
    const run = startCommand(["send", "--entity", "orders", "--file", "-"], { env, stdin: "pipe" });
    onTestFinished(() => {
      if (run.child.exitCode === null) run.child.kill("SIGKILL");
    });
    // The second does not fit into the batch of the first, which is sent then.
    for (const messageId of ["a", "b"])
      run.child.stdin?.write(`${JSON.stringify({ messageId, bodyText: "x".repeat(200_000) })}\n`);
    await run.until(/line 1\n/, 15_000);
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(130);
    expect(run.output().stderr).toContain("Go on with --from-line 2.");
    expect((await content("orders")).map(({ id }) => id)).toEqual(["a"]);
  });

  it("stops a replay at the first Ctrl-C, and goes on where it was with the same command", async () => {
    const { broker, client, stowage, content } = await world();
    await client
      .createSender("orders")
      .sendMessages(Array.from({ length: 60 }, (_, i) => ({ messageId: `m-${i}`, body: i })));
    const receiver = client.createReceiver("orders");
    for (let done = 0; done < 60; ) {
      const batch = await receiver.receiveMessages(60);
      await Promise.all(batch.map((message) => receiver.deadLetterMessage(message)));
      done += batch.length;
    }
    const env = { ...process.env, STOWAGE_CONNECTION_STRING: broker.connectionString() };
    const run = startCommand(["dlq", "replay", "--entity", "orders", "--all", "--rate", "20", "--json"], { env });
    while (broker.counts("orders").active < 5) await new Promise((resolve) => setTimeout(resolve, 20));
    run.child.kill("SIGINT");
    expect(await run.ended).toBe(130);
    const first = JSON.parse(run.output().stdout);
    expect(first).toMatchObject({ matched: 60, end: "stopped" });
    expect(run.output().stderr).toContain("The same command goes on with what is left");
    const { active, deadLetter } = broker.counts("orders");
    expect([active, deadLetter]).toEqual([first.done, 60 - first.done]);
    const second = await stowage("dlq", "replay", "--entity", "orders", "--all", "--rate", "0", "--json");
    expect(JSON.parse(second.stdout)).toMatchObject({ matched: 60 - first.done, done: 60 - first.done });
    const originals = (await content("orders")).map(
      ({ properties }) => (properties as Record<string, unknown>)["stowage-original-id"],
    );
    expect(originals).toHaveLength(60);
    expect(new Set(originals).size).toBe(60);
  });

  it("replays on a subscription where its siblings let the copies pass, and nowhere else", async () => {
    const { broker, client, folder, stowage, content } = await world();
    broker.putTopic("events", {});
    for (const name of ["blue", "all"]) broker.putSubscription("events", name, {});
    const authority = await CertificateAuthority.create("operations test");
    writeFileSync(join(folder, "ca.pem"), authority.cert);
    const { port } = await broker.listenAdmin({ tls: await authority.issue() });
    await client.createSender("events").sendMessages({ messageId: "m", body: 1 });
    const receiver = client.createReceiver("events", "blue");
    const [message] = await receiver.receiveMessages(1);
    if (message !== undefined) await receiver.deadLetterMessage(message);
    const env = {
      STOWAGE_ADMIN_CONNECTION_STRING: `Endpoint=sb://localhost:${port};SharedAccessKeyName=local;SharedAccessKey=local`,
      NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
    };
    const replay = ["dlq", "replay", "--entity", "events/subscriptions/blue", "--all"];
    const blind = await stowage(...replay);
    expect(blind).toMatchObject({ code: 3, stderr: expect.stringContaining("RulesUnseen") });
    const refused = await stowage.with(env)(...replay);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("AND ([stowage-replay-for] IS NULL OR [stowage-replay-for] = 'all')");
    const rule = "[stowage-replay-for] IS NULL OR [stowage-replay-for] = 'all'";
    broker.putRule("events", "all", "$Default", { kind: "sql", expression: rule });
    const done = await stowage.with(env)(...replay, "--json");
    expect(JSON.parse(done.stdout)).toMatchObject({ matched: 1, done: 1 });
    expect(await content("events/subscriptions/blue")).toHaveLength(1);
    expect(await content("events/subscriptions/all")).toHaveLength(1);
  });

  it("says how far behind entities are, and what is wrong with a pipeline, here and from the worker's bundle", async () => {
    const { broker, folder, stowage, client } = await world();
    broker.putQueue("renders", { lockDurationSeconds: 60 });
    broker.putQueue("answers", {});
    await client.createSender("orders").sendMessages([{ body: 1 }, { body: 2 }]);
    const lag = await stowage("lag", "--entity", "orders", "--entity", "renders", "--json");
    const [orders, renders] = lag.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(orders).toMatchObject({ entity: "orders", active: { count: 2, atLeast: false } });
    expect(renders).toMatchObject({ entity: "renders", active: { count: 0, atLeast: false } });

    const volume = join(folder, "volume");
    mkdirSync(volume);
    const pipeline = pipelineOf((p) => {
      p.delivery.slowSeconds = 1;
      if (p.sink.gluster !== undefined) Object.assign(p.sink.gluster, { mountPath: volume, volume: "results" });
    });
    const host = /sb:\/\/([^;]+);/.exec(broker.connectionString())?.[1] ?? "";
    const serviceBus = { fullyQualifiedNamespace: host, developmentEmulator: true };
    writeFileSync(join(folder, "pipeline.json"), JSON.stringify(pipeline));
    writeFileSync(join(folder, "connection.json"), JSON.stringify({ contractVersion: 1, serviceBus }));
    const files = ["--pipeline", join(folder, "pipeline.json"), "--connection", join(folder, "connection.json")];
    const ill = await stowage("doctor", ...files, "--json");
    expect(ill.code).toBe(1);
    const findings = JSON.parse(ill.stdout).findings as { check: string; status: string; detail: string }[];
    expect(findings.filter(({ status }) => status === "fail").map(({ detail }) => detail)).toEqual([
      expect.stringContaining("VolumeNotMounted"),
    ]);
    writeFileSync(join(volume, ".stowage-volume"), '{"volume":"results"}');
    const well = await stowage("doctor", ...files);
    expect(well).toMatchObject({ code: 0 });
    expect(well.stdout).toMatch(/^ok {4}store {5}volume results/m);
    const inPod = startProcess([join(packageRoot(), WORKER_BUNDLE), "doctor", ...files]);
    expect(await inPod.ended).toBe(0);
    expect(inPod.stdout()).toMatch(/^ok {4}listen {4}may receive from renders$/m);
  });

  it.each([
    [["dlq", "list", "--entity", "no such"], 2, "is no entity's path"],
    [["dlq", "list", "--entity", "missing"], 3, "there is no such entity"],
    [["dlq", "replay", "--entity", "orders"], 2, "Say which, or --all"],
    [["dlq", "list", "--entity", "orders", "--filter", "n >"], 2, "--filter"],
    [["dlq", "list", "--entity", "orders", "--filter", "sys.DeliveryCount > 3"], 2, "sys.DeliveryCount"],
    [["send", "--entity", "events/subscriptions/a", "--body", "x"], 2, "Send to its topic"],
    [["send", "--entity", "orders"], 2, "--body: is missing"],
    [["send", "--entity", "orders", "--body", "x", "--id", ""], 2, "messageId must be 1 to 128 characters"],
    [["doctor", "--entity", "orders", "--metrics", "http://localhost:1/metrics"], 2, "goes with --pipeline"],
  ])("%j ends with %i and says why", async (args, expected, words) => {
    const { stowage } = await world();
    const { code, stderr } = await stowage(...args);
    expect(stderr).toContain(words);
    expect(code).toBe(expected);
  });
});

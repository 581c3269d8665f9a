import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setDefaultCACertificates } from "node:tls";
import { ServiceBusAdministrationClient, ServiceBusClient } from "@azure/service-bus";
import { expect, onTestFinished, test } from "vitest";
import { type CommandRun, startCommand } from "../support/command.js";

/** Needs the compiled command (`npm run build`), as every end-to-end test of it. */

interface Listening {
  connectionString: string;
  amqp: { host: string; port: number };
  admin: { host: string; port: number };
  tls: boolean;
  entities: number;
}

const ANY_PORTS = ["--port", "0", "--admin-port", "0"];

const CONFIG = {
  UserConfig: {
    Namespaces: [
      {
        Name: "sbemulatorns",
        Queues: [{ Name: "orders", Properties: { LockDuration: "PT30S", MaxDeliveryCount: 2 } }],
        Topics: [
          {
            Name: "events",
            Subscriptions: [
              {
                Name: "blue",
                Rules: [
                  {
                    Name: "only-blue",
                    Properties: {
                      FilterType: "Sql",
                      SqlFilter: { SqlExpression: "color = 'blue'" },
                      Action: { SqlExpression: "SET seen = TRUE" },
                    },
                  },
                ],
              },
              { Name: "all" },
            ],
          },
        ],
      },
    ],
    Logging: { Type: "File" },
  },
};

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "stowage-broker-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Starts the command; it is ended by its own pid with the test, if it still runs. */
function start(...args: string[]): CommandRun {
  const run = startCommand(["broker", ...args]);
  onTestFinished(async () => {
    if (run.child.exitCode === null && run.child.signalCode === null) {
      run.child.kill("SIGKILL");
    }
    await run.ended;
  });
  return run;
}

/** What the command prints once it listens. */
async function listening(...args: string[]): Promise<{ run: CommandRun; at: Listening }> {
  const run = start("--json", ...args);
  const line = await new Promise<string>((resolve, reject) => {
    run.child.stdout?.once("data", (part: Buffer) => resolve(part.toString()));
    void run.ended.then((code) => reject(new Error(`it ended with ${code}: ${run.output().stderr}`)));
  });
  return { run, at: JSON.parse(line) as Listening };
}

test("runs the entities of an emulator's file for the official client, and ends at SIGTERM", async () => {
  const path = join(await folder(), "config.json");
  writeFileSync(path, JSON.stringify(CONFIG));
  const { run, at } = await listening(...ANY_PORTS, "--config", path);
  expect(at).toMatchObject({ tls: false, entities: 4, amqp: { host: "127.0.0.1" } });
  const client = new ServiceBusClient(at.connectionString);
  onTestFinished(() => client.close());
  await client.createSender("orders").sendMessages({ body: "first" });
  const receiver = client.createReceiver("orders");
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
  expect(message?.body).toBe("first");
  if (message !== undefined) await receiver.completeMessage(message);
  await client
    .createSender("events")
    .sendMessages(["red", "blue"].map((color) => ({ body: color, applicationProperties: { color } })));
  const blue = await client.createReceiver("events", "blue").receiveMessages(2, { maxWaitTimeInMs: 5_000 });
  expect(blue.map(({ body, applicationProperties }) => [body, applicationProperties])).toEqual([
    ["blue", { color: "blue", seen: true, RuleName: "only-blue" }],
  ]);
  await client.close();
  run.child.kill("SIGTERM");
  expect(await run.ended).toBe(0);
});

test("is administered by the official client over TLS, with a certificate that it makes", async () => {
  const ca = join(await folder(), "ca.pem");
  const { run, at } = await listening(...ANY_PORTS, "--tls-ca", ca);
  expect(at).toMatchObject({ tls: true, entities: 0 });
  setDefaultCACertificates([readFileSync(ca, "utf8")]);
  const key = "SharedAccessKeyName=local;SharedAccessKey=local";
  const admin = new ServiceBusAdministrationClient(`Endpoint=sb://localhost:${at.admin.port}/;${key}`);
  await admin.createQueue("made", { maxDeliveryCount: 3 });
  expect((await admin.getNamespaceProperties()).name).toBe("stowage");
  // Without the emulator's flag a client speaks TLS, to the same port.
  const client = new ServiceBusClient(`Endpoint=sb://localhost:${at.amqp.port}/;${key}`);
  onTestFinished(() => client.close());
  await client.createSender("made").sendMessages([{ body: 1 }, { body: 2 }]);
  expect((await admin.getQueueRuntimeProperties("made")).activeMessageCount).toBe(2);
  await client.close();
  run.child.kill("SIGINT");
  expect(await run.ended).toBe(0);
  expect(run.output().stderr).toBe("");
});

test("keeps messages in a folder over a SIGKILL, which one broker has at a time", async () => {
  const data = join(await folder(), "data");
  const config = join(await folder(), "config.json");
  writeFileSync(config, JSON.stringify(CONFIG));
  const first = await listening(...ANY_PORTS, "--data", data, "--config", config);
  const sending = new ServiceBusClient(first.at.connectionString);
  onTestFinished(() => sending.close());
  await sending.createSender("orders").sendMessages({ body: "kept", messageId: "k-1" });
  const second = start(...ANY_PORTS, "--data", data);
  expect(await second.ended).toBe(3);
  expect(second.output().stderr).toMatch(/The data folder '.*' cannot be used: another broker has it/);
  first.run.child.kill("SIGKILL");
  await first.run.ended;
  await sending.close();
  const { at } = await listening(...ANY_PORTS, "--data", data, "--config", config);
  const client = new ServiceBusClient(at.connectionString);
  onTestFinished(() => client.close());
  const [message] = await client.createReceiver("orders").receiveMessages(1, { maxWaitTimeInMs: 5_000 });
  expect(message).toMatchObject({ body: "kept", messageId: "k-1" });
});

test("says where it listens to a person, too", async () => {
  const run = start(...ANY_PORTS);
  await new Promise((resolve) => run.child.stdout?.once("data", resolve));
  expect(run.output().stdout).toMatch(
    /^The broker listens\. Ctrl-C ends it\.\nConnection string: Endpoint=sb:\/\/127\.0\.0\.1:\d+;.*;UseDevelopmentEmulator=true\nAdministration: {4}http:\/\/127\.0\.0\.1:\d+\n$/,
  );
});

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

// Needs a machine with IPv6.
test.skipIf(!hasIpv6)("listens where it is told", async () => {
  const ca = join(await folder(), "ca.pem");
  const { at } = await listening(...ANY_PORTS, "--host", "::1", "--tls-ca", ca);
  expect(at.connectionString).toMatch(/^Endpoint=sb:\/\/\[::1\]:\d+;/);
  setDefaultCACertificates([readFileSync(ca, "utf8")]);
  expect((await fetch(`https://[::1]:${at.admin.port}/$namespaceinfo`)).status).toBe(200);
  expect((await fetch(`http://[::1]:${at.admin.port}/$namespaceinfo`)).status).toBe(200);
});

test.each<readonly [string, (path: string) => readonly string[], RegExp]>([
  ["a file that is not there", (path) => ["--config", join(path, "none.json")], /--config: cannot be read: ENOENT/],
  ["a host that others reach", () => ["--host", "0.0.0.0"], /--host: is no loopback address.*say --allow-remote/],
  ["a key without its certificate", (path) => ["--tls-key", join(path, "k.pem")], /--tls-cert: is missing/],
  ["a folder that is not there", (path) => ["--tls-ca", join(path, "none", "ca.pem")], /--tls-ca: cannot be written/],
  ["a host that is not here", () => ["--host", "192.0.2.1", "--allow-remote"], /--host: is no address of this machine/],
  [
    "a key that is none",
    (path) => {
      const pem = join(path, "k.pem");
      writeFileSync(pem, "no key");
      return ["--tls-key", pem, "--tls-cert", pem];
    },
    /--tls-key and --tls-cert: cannot be used together: .*Give a private key/,
  ],
  ["a port that is none", () => ["--port", "70000"], /must be a whole number from 0 to 65535/],
])("refuses %s, exit 2", async (_, args, why) => {
  const run = start(...ANY_PORTS, ...args(await folder()));
  expect(await run.ended).toBe(2);
  expect(run.output().stderr).toMatch(why);
  expect(run.output().stdout).toBe("");
});

test("refuses a file with every problem of it, exit 2", async () => {
  const path = join(await folder(), "config.json");
  const queue = { Name: "orders", Properties: { LockDuration: "PT1H", ForwardTo: "nowhere" } };
  writeFileSync(path, JSON.stringify({ UserConfig: { Namespaces: [{ Name: "n", Queues: [queue] }] } }));
  const run = start(...ANY_PORTS, "--config", path);
  expect(await run.ended).toBe(2);
  const { stderr } = run.output();
  expect(stderr).toMatch(/config\.json: 2 problems/);
  expect(stderr).toMatch(/Queues\[0\]\.Properties\.LockDuration: must be 1 to 300 seconds \(found 3600\)/);
  expect(stderr).toMatch(/Queues\[0\]\.Properties\.ForwardTo: is no queue or topic of this file \(found "nowhere"\)/);
});

test("refuses a file that a data folder contradicts, exit 2, and says what to do", async () => {
  const path = await folder();
  const [data, config] = [join(path, "data"), join(path, "config.json")];
  writeFileSync(config, JSON.stringify(CONFIG));
  const { run } = await listening(...ANY_PORTS, "--data", data, "--config", config);
  run.child.kill("SIGTERM");
  expect(await run.ended).toBe(0);
  writeFileSync(config, JSON.stringify(CONFIG).replace('"LockDuration"', '"RequiresSession":true,"LockDuration"'));
  const again = start(...ANY_PORTS, "--data", data, "--config", config);
  expect(await again.ended).toBe(2);
  expect(again.output().stderr).toMatch(
    /config\.json: 1 problem\n.*Queues\[0\]\.Properties\.RequiresSession: is false since the entity was made.*another data folder/,
  );
});

test("names who holds its port, exit 3", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    holder.close();
  });
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const run = start("--port", "0", "--admin-port", String(port));
  expect(await run.ended).toBe(3);
  expect(run.output().stderr).toBe(
    `Port ${port} (--admin-port) is held by process ${process.pid} (${process.title === "" ? "" : readFileSync("/proc/self/comm", "utf8").trim()}). End that, or choose another port.\n`,
  );
});

import type { ServiceBusMessage, ServiceBusReceivedMessage } from "@azure/service-bus";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Outcome, Pipeline, VolumeCommand, VolumeReply } from "../../runtime/contract/index.js";
import type { LinstorStandIn } from "../../stacks/local/linstor/index.js";
import { sinkOn, startCluster } from "../unit/sinks-linstor/setup.js";
import { BusKit, until, type Work } from "./workerKit.js";

const VOLUMES = 12;
const names = Array.from({ length: VOLUMES }, (_, i) => `vol${String(i).padStart(2, "0")}`);

let kit: BusKit;
let cluster: LinstorStandIn;

beforeEach(async () => {
  cluster = await startCluster({ nodes: 3, capacityKib: 4 * 1_048_576 });
  kit = await new BusKit().open({ requiresSession: true, lockDurationSeconds: 30 });
});

afterEach(async () => {
  await kit.close();
  await cluster.close();
});

/** A worker: an engine of its own with a sink of its own. */
async function worker(): Promise<void> {
  const sink = sinkOn(cluster);
  await sink.start(new AbortController().signal);
  const work: Work = async (message, context) => {
    const [outcome] = await sink.process([message], context);
    return outcome ?? ({ kind: "retry", code: "NotReady", description: "no outcome" } satisfies Outcome);
  };
  await kit.engine(work, (pipeline: Pipeline) => {
    pipeline.source.sessions = true;
    pipeline.source.lockDurationSeconds = 30;
    pipeline.delivery.concurrency = 8;
  });
}

function message(id: string, command: VolumeCommand): ServiceBusMessage {
  return {
    messageId: id,
    body: command,
    contentType: "application/json",
    sessionId: command.volume,
    replyTo: "answers",
  };
}

async function send(messages: ServiceBusMessage[]): Promise<void> {
  const sender = kit.client.createSender("renders");
  for (const each of messages) await sender.sendMessages(each);
  await sender.close();
}

async function answers(count: number): Promise<ServiceBusReceivedMessage[]> {
  const receiver = kit.client.createReceiver("answers");
  const received: ServiceBusReceivedMessage[] = [];
  await until(
    `${count} answers`,
    async () => {
      received.push(...(await receiver.receiveMessages(count, { maxWaitTimeInMs: 500 })));
      return received.length >= count;
    },
    60,
  );
  await receiver.close();
  return received;
}

function uuids(): string[] {
  let found: string[] = [];
  cluster.inject.state((state) => {
    found = Object.values(state.definitions).map((d) => d.uuid);
  });
  return found.sort();
}

test("two workers execute each volume's commands in order and once; late duplicates are answered and change nothing", async () => {
  await Promise.all([worker(), worker()]);
  const commands = names.flatMap((volume) => [
    message(`${volume}-1`, { action: "create", volume, sizeKib: 4096 }),
    message(`${volume}-2`, { action: "delete", volume }),
    message(`${volume}-3`, { action: "create", volume, sizeKib: 8192 }),
    message(`${volume}-4`, { action: "snapshot", volume, snapshot: "first" }),
  ]);
  await send(commands);
  const first = await answers(commands.length);

  const replies = first.map((m) => m.body as VolumeReply);
  expect(replies.filter((r) => r.result !== "done" || r.duplicate)).toEqual([]);
  // Each answer names its request, and keeps the order of its volume.
  expect(first.map((m) => m.correlationId).sort()).toEqual(commands.map((m) => String(m.messageId)).sort());
  for (const volume of names)
    expect(replies.filter((r) => r.volume === volume).map((r) => r.action)).toEqual([
      "create",
      "delete",
      "create",
      "snapshot",
    ]);
  const whole = names.map((name) => ({ name, sizeKib: 8192, state: "ready", snapshots: ["first"] }));
  expect(cluster.volumes()).toMatchObject(whole);

  const before = uuids();
  await send([...commands].reverse());
  const second = (await answers(commands.length)).map((m) => m.body as VolumeReply);
  expect(second.every((r) => r.duplicate && r.result === "done")).toBe(true);
  expect(cluster.volumes()).toMatchObject(whole);
  expect(uuids()).toEqual(before);
}, 120_000);

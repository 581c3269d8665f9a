import {
  type LinstorSink as LinstorSettings,
  messageKey,
  type Outcome,
  type SinkMessage,
  sha256,
  type VolumeCommand,
  type VolumeReply,
} from "../../../runtime/contract/index.js";
import { LinstorApi } from "../../../runtime/sinks/linstor/api.js";
import { LinstorClient } from "../../../runtime/sinks/linstor/client.js";
import { LinstorCommandSink } from "../../../runtime/sinks/linstor/sink.js";
import { createLinstorStandIn, type LinstorStandIn } from "../../../stacks/local/linstor/index.js";
import { sinkContext } from "../../support/sinkContext.js";

export const ENTITY = "volume-commands";

export const SETTINGS: LinstorSettings = {
  resourceGroup: "pipeline",
  readyTimeoutSeconds: 5,
  pollMilliseconds: 10,
  maxSizeKib: 1_048_576,
  placeCount: 2,
  storagePool: "thin",
};

export interface ClusterShape {
  nodes: number;
  /** Of each pool, in KiB. */
  capacityKib: number;
}

/** A stand-in with nodes n1, n2, …, each with a pool "thin" of files. */
export async function startCluster({ nodes, capacityKib }: ClusterShape): Promise<LinstorStandIn> {
  const names = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
  const standIn = createLinstorStandIn({
    nodes: names.map((name, i) => ({ name, zone: `zone-${i + 1}`, capacityKib })),
  });
  await standIn.controller.applied({ apiVersion: "piraeus.io/v1", kind: "LinstorCluster", metadata: { name: "c" } });
  await standIn.controller.applied({
    apiVersion: "piraeus.io/v1",
    kind: "LinstorSatelliteConfiguration",
    metadata: { name: "storage" },
    spec: { storagePools: [{ name: "thin", fileThinPool: { directory: "/var/lib/linstor-pools/thin" } }] },
  });
  return standIn;
}

/** Long enough for a machine that does much else. */
const LIMIT_MS = 15_000;

export function sinkOn(
  standIn: LinstorStandIn,
  settings: LinstorSettings = SETTINGS,
  now = () => new Date(),
  limitMs = LIMIT_MS,
): LinstorCommandSink {
  const client = new LinstorClient({ controllers: [standIn.url], readLimitMs: limitMs, writeLimitMs: limitMs });
  return new LinstorCommandSink({
    api: new LinstorApi(client),
    settings,
    writer: { pipeline: "volumes", worker: "worker-0" },
    now,
  });
}

/** A command message as the engine hands it over; its session is the volume. */
export function commandMessage(id: string, command: VolumeCommand, more: Partial<SinkMessage> = {}): SinkMessage {
  return rawMessage(id, Buffer.from(JSON.stringify(command)), { sessionId: command.volume, ...more });
}

export function rawMessage(id: string, body: Buffer, more: Partial<SinkMessage> = {}): SinkMessage {
  return {
    key: messageKey(ENTITY, id),
    entity: ENTITY,
    messageId: id,
    body,
    bodySha256: sha256(body),
    properties: {},
    enqueuedTime: new Date(0),
    sequenceNumber: "1",
    deliveryCount: 1,
    traceId: "0".repeat(32),
    replyTo: "answers",
    ...more,
  };
}

const never = new AbortController().signal;

/** Hands one message to a sink. */
export async function give(
  sink: LinstorCommandSink,
  message: SinkMessage,
  signal: AbortSignal = never,
): Promise<Outcome> {
  const [outcome] = await sink.process([message], sinkContext(signal));
  if (outcome === undefined) throw new Error("the sink gave no outcome");
  return outcome;
}

/** The answer that goes with an outcome; throws where there is none. */
export function replyOf(outcome: Outcome): VolumeReply {
  const body = outcome.kind === "done" ? outcome.replies?.[0]?.body : undefined;
  if (body === undefined) throw new Error(`no reply: ${JSON.stringify(outcome)}`);
  return body as VolumeReply;
}

/** Puts every command of the volume back to "begun", as after a crash. */
export function forgetOutcomes(standIn: LinstorStandIn, volume: string): void {
  standIn.inject.state((state) => {
    for (const store of Object.values(state.stores)) {
      if (store.props["volume"] !== volume) continue;
      for (const [key, text] of Object.entries(store.props))
        if (key !== "volume") store.props[key] = text.replace('"progress":"done"', '"progress":"begun"');
    }
  });
}

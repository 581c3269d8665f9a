import { type Pipeline, SinkKind, sinkKind } from "../../../runtime/contract/index.js";

/** A sample message, in the shape that the Azure client sends. */
export interface Sample {
  messageId: string;
  body: object | string;
  contentType: string;
  sessionId?: string;
  partitionKey?: string;
  replyTo?: string;
}

/** Name of the volume that the n-th sample of a LINSTOR pipeline creates. */
export function sampleVolume(run: string, n: number): string {
  return `${run}-vol-${String(n).padStart(6, "0")}`;
}

/** How many devices the telemetry samples come from: the number of partitions they fill in a day. */
const DEVICES = 20;

/**
 * The n-th good message for a pipeline, n from 0. `run` tells one run's messages from another's;
 * `epochMs` is the time of the first event.
 */
export function goodSample(pipeline: Pipeline, run: string, n: number, epochMs: number): Sample {
  const messageId = `${run}-${pipeline.name}-${n}`;
  const contentType = "application/json";
  switch (sinkKind(pipeline)) {
    case SinkKind.Gluster:
      return { messageId, contentType, body: { scene: `scene-${n % 7}`, frame: n } };
    case SinkKind.Linstor: {
      const volume = sampleVolume(run, n);
      const [replyTo] = pipeline.replyQueues;
      const body = { action: "create", volume, sizeKib: 4096 };
      return { messageId, contentType, body, sessionId: volume, ...(replyTo === undefined ? {} : { replyTo }) };
    }
    case SinkKind.Module:
      return { messageId, contentType, body: { number: n } };
    case SinkKind.Cassandra: {
      const device = `device-${n % DEVICES}`;
      const time = new Date(epochMs + n).toISOString();
      const day = time.slice(0, 10);
      const body = { device, day, time, id: messageId, reading: { celsius: 20 + (n % 100) / 10 } };
      return { messageId, contentType, body, partitionKey: `${device}|${day}` };
    }
  }
}

/** The n-th bad message for a pipeline: a body that no attempt can ever make sense of, n from 0. */
export function poisonSample(pipeline: Pipeline, run: string, n: number): Sample {
  const messageId = `${run}-${pipeline.name}-poison-${n}`;
  const broken: Sample = { messageId, contentType: "application/json", body: `{"broken": ${n}` };
  return pipeline.source.sessions ? { ...broken, sessionId: `${run}-poison-${n}` } : broken;
}

import type { ServiceBusMessage, ServiceBusReceivedMessage } from "@azure/service-bus";
import { readMessage } from "../../../runtime/bus/envelope.js";
import { ORIGINAL_ID_PROPERTY, type Pipeline, type SinkMessage, sha256 } from "../../../runtime/contract/index.js";
import { createProducer, type Draft } from "../../../runtime/producer/index.js";
import { ProducerVerifier } from "../../../runtime/producer/verification/index.js";
import { pipelineOf, sinkMessage } from "../bus/fakes.js";
import { ISSUER, SUBJECT, TestIssuer, type TokenChange } from "./issuer.js";

/** A pipeline that takes signed messages alone. */
export function signedPipeline(change: (pipeline: Pipeline) => void = () => undefined): Pipeline {
  return pipelineOf((p) => {
    p.producers = { requireSignature: { issuers: [{ issuer: ISSUER, subjects: [SUBJECT, "robot"] }] } };
    change(p);
  });
}

/** A signing producer, the verifier of its pipeline, and what lies between them. */
export class SigningKit {
  private constructor(
    readonly issuer: TestIssuer,
    readonly pipeline: Pipeline,
    readonly verifier: ProducerVerifier,
  ) {}

  static async create(change: (pipeline: Pipeline) => void = () => undefined): Promise<SigningKit> {
    const issuer = await TestIssuer.create();
    const pipeline = signedPipeline(change);
    return new SigningKit(issuer, pipeline, SigningKit.verifierOf(pipeline, issuer));
  }

  static verifierOf(pipeline: Pipeline, issuer: TestIssuer): ProducerVerifier {
    const rules = pipeline.producers?.requireSignature;
    if (rules === undefined) throw new Error("the pipeline requires no signature");
    return new ProducerVerifier({ rules, source: pipeline.source, fetch: issuer.fetch, time: issuer.time });
  }

  /** A producer of its own key, whose tokens differ as told. */
  producer(change: TokenChange = {}) {
    const { issuer, pipeline } = this;
    const now = () => issuer.time.now();
    return createProducer({ pipeline, sign: { token: (audience) => issuer.token(audience, change), now } });
  }

  /** What the worker receives of a draft that the entity takes now. */
  async received(draft: Draft, producer = this.producer()): Promise<SinkMessage> {
    return receivedOf(await producer.message(draft), this.issuer.time.now());
  }
}

/** The message as the engine reads it off the bus. */
export function readOf(sent: ServiceBusMessage, takenAt: number) {
  // Of what the client gives, the parts that reading a message looks at.
  const received = {
    ...sent,
    enqueuedTimeUtc: new Date(takenAt),
    deliveryCount: 0,
    _rawAmqpMessage: { bodyType: "data" },
  } as unknown as ServiceBusReceivedMessage;
  const read = readMessage(received, { entity: "renders", replyQueues: ["answers"] });
  if (!("message" in read)) throw new Error(`it is poison: ${read.poison.description}`);
  return { received, message: read.message };
}

/** The message as a sink would see it before it was verified. */
export function receivedOf(sent: ServiceBusMessage, takenAt: number): SinkMessage {
  const { messageId, body, contentType, subject, correlationId, sessionId, partitionKey, replyTo, replyToSessionId } =
    sent;
  const given = { contentType, subject, correlationId, sessionId, partitionKey, replyTo, replyToSessionId };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const properties: SinkMessage["properties"] = Object.assign(Object.create(null), sent.applicationProperties);
  return sinkMessage({
    messageId: String(messageId),
    body,
    bodySha256: sha256(body),
    ...known,
    properties,
    enqueuedTime: new Date(takenAt),
  });
}

/** The same message under another id, as a replay to an entity that drops known ids sends it. */
export function asCopy(message: SinkMessage, takenAt: number): SinkMessage {
  const properties = Object.assign(Object.create(null), message.properties, {
    [ORIGINAL_ID_PROPERTY]: message.messageId,
  });
  return { ...message, properties, enqueuedTime: new Date(takenAt) };
}

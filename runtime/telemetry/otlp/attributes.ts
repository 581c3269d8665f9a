import type { Attributes } from "@opentelemetry/api";
import { type Pipeline, SinkKind, sinkKind } from "../../contract/index.js";

/** Names of OpenTelemetry's semantic conventions for messaging, for Azure Service Bus, for databases and errors. */
export const Attribute = {
  System: "messaging.system",
  OperationType: "messaging.operation.type",
  OperationName: "messaging.operation.name",
  Destination: "messaging.destination.name",
  Subscription: "messaging.destination.subscription.name",
  MessageId: "messaging.message.id",
  ConversationId: "messaging.message.conversation_id",
  BatchCount: "messaging.batch.message_count",
  DeliveryCount: "messaging.servicebus.message.delivery_count",
  EnqueuedTime: "messaging.servicebus.message.enqueued_time",
  Disposition: "messaging.servicebus.disposition_status",
  ServerAddress: "server.address",
  ErrorType: "error.type",
  DbSystem: "db.system.name",
  DbNamespace: "db.namespace",
  DbCollection: "db.collection.name",
  /** Of this project: what became of a delivery, the label `outcome` of `stowage_messages_total`. */
  Outcome: "stowage.outcome",
  /** Of this project: a session's id. */
  Session: "stowage.session.id",
  /** Of this project: the name of the sink. */
  Sink: "stowage.sink",
  /** Of this project: a store call's operation, the label of `stowage_store_call_seconds`. */
  StoreOperation: "stowage.store.operation",
} as const;

/** Where messages come from, as the spans say it. */
export interface Destination {
  /** The queue, or the topic. */
  name: string;
  attributes: Attributes;
}

export function destinationOf({ source }: Pipeline, host: string): Destination {
  const name = source.queue ?? source.topic ?? "";
  const subscription = source.subscription === undefined ? {} : { [Attribute.Subscription]: source.subscription };
  // A port is only there where it is not the standard one, and then not of interest to anyone who reads a trace.
  const server = { [Attribute.ServerAddress]: host.split(":")[0] ?? host };
  return {
    name,
    attributes: { [Attribute.System]: "servicebus", [Attribute.Destination]: name, ...subscription, ...server },
  };
}

/** What every store call's span says about the store. */
export function storeAttributes(pipeline: Pipeline): Attributes {
  const own = { [Attribute.Sink]: sinkKind(pipeline) };
  const { cassandra } = pipeline.sink;
  if (cassandra === undefined) return own;
  const { keyspace, name } = cassandra.table;
  return {
    ...own,
    [Attribute.DbSystem]: SinkKind.Cassandra,
    [Attribute.DbNamespace]: keyspace,
    [Attribute.DbCollection]: name,
  };
}

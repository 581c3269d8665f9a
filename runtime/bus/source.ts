import type { ServiceBusClient, ServiceBusReceiverOptions } from "@azure/service-bus";
import { type Connection, type PipelineSource, StowageError } from "../contract/index.js";
import type { QueueReceiver } from "./queueIntake.js";
import type { ReplySender } from "./replies.js";
import type { SessionReceiver } from "./session.js";

/** The bus as the engine uses it: one source entity, senders for replies. */
export interface Bus {
  createReceiver(): QueueReceiver;
  acceptNextSession(): Promise<SessionReceiver>;
  createSender(queue: string): ReplySender;
  close(): Promise<void>;
}

/**
 * The client's own retries, in milliseconds: short ones, because the engine has its own. `timeoutInMs` is also how
 * long the broker holds a request for the next session while there is none.
 */
const RETRY = { mode: 0, maxRetries: 3, retryDelayInMs: 250, maxRetryDelayInMs: 5_000, timeoutInMs: 15_000 };

/** Bodies stay bytes, dates stay dates, and the client's own lock renewal, keyed by message id, stays off. */
const RECEIVE: ServiceBusReceiverOptions & { receiveMode: "peekLock" } = {
  receiveMode: "peekLock",
  maxAutoLockRenewalDurationInMs: 0,
  skipParsingBodyAsJson: true,
  skipConvertingDate: true,
};

/** Opens the bus for one source entity. Nothing is connected before it is used. */
export async function openBus(connection: Connection, source: PipelineSource): Promise<Bus> {
  const client = await createClient(connection);
  return {
    createReceiver: () =>
      source.topic !== undefined && source.subscription !== undefined
        ? client.createReceiver(source.topic, source.subscription, RECEIVE)
        : client.createReceiver(queueOf(source), RECEIVE),
    acceptNextSession: () =>
      source.topic !== undefined && source.subscription !== undefined
        ? client.acceptNextSession(source.topic, source.subscription, RECEIVE)
        : client.acceptNextSession(queueOf(source), RECEIVE),
    createSender: (queue) => client.createSender(queue),
    close: () => client.close(),
  };
}

function queueOf(source: PipelineSource): string {
  if (source.queue === undefined) throw new Error("A valid pipeline has a queue, or a topic with a subscription.");
  return source.queue;
}

/** In a pod the default chain would go on to the node's own identity, which is another's. */
function noToken(): StowageError {
  return new StowageError(
    "NoWorkloadIdentity",
    "This pod has no token to log in with: AZURE_FEDERATED_TOKEN_FILE is not set. The workload identity webhook sets it " +
      'where the pod template has the label azure.workload.identity/use: "true" and the service account the annotation ' +
      "azure.workload.identity/client-id. Add what is missing; where both are there, install the webhook.",
  );
}

/**
 * The client with the identity that fits. Throws a StowageError `NoWorkloadIdentity` in a pod that was given none.
 * Loaded late: a worker with a wrong pipeline need not wait for it.
 */
async function createClient({ serviceBus }: Connection): Promise<ServiceBusClient> {
  const { ServiceBusClient: Client } = await import("@azure/service-bus");
  const host = serviceBus.fullyQualifiedNamespace;
  if (serviceBus.developmentEmulator === true) {
    const keys = "SharedAccessKeyName=local;SharedAccessKey=local";
    return new Client(`Endpoint=sb://${host};${keys};UseDevelopmentEmulator=true`, { retryOptions: RETRY });
  }
  const { DefaultAzureCredential, WorkloadIdentityCredential } = await import("@azure/identity");
  const clientId = serviceBus.clientId;
  // The workload identity webhook sets it in a pod; elsewhere the default chain finds the developer's login.
  const hasToken = process.env["AZURE_FEDERATED_TOKEN_FILE"] !== undefined;
  if (!hasToken && process.env["KUBERNETES_SERVICE_HOST"] !== undefined) throw noToken();
  const named = clientId === undefined ? {} : { clientId };
  const authority = serviceBus.instanceDiscovery === false ? { disableInstanceDiscovery: true } : {};
  const credential = hasToken
    ? new WorkloadIdentityCredential({ ...named, ...authority })
    : new DefaultAzureCredential({
        ...(clientId === undefined ? {} : { managedIdentityClientId: clientId }),
        ...authority,
      });
  return new Client(host, credential, { retryOptions: RETRY });
}

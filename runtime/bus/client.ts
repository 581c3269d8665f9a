import type { TokenCredential } from "@azure/identity";
import type { RetryOptions, ServiceBusClient } from "@azure/service-bus";
import { type ClientRetries, type Connection, DELIVERY_DEFAULTS, StowageError } from "../contract/index.js";
import { systemClock, within } from "../support/clock.js";
import { repairClient, sever } from "./clientRepair.js";
import { RefreshingCredential, type TokenEvents } from "./tokens.js";

/** How a client is made. */
export interface ClientOptions {
  /** Retries of the client at single operations. @default those of DELIVERY_DEFAULTS */
  retries?: ClientRetries;
  /** Told of tokens. @default nobody */
  tokens?: TokenEvents;
}

/** A client, and what ends with it. */
export interface OpenClient {
  client: ServiceBusClient;
  /** What it logs in with; undefined with `developmentEmulator`. */
  credential: TokenCredential | undefined;
  close(): Promise<void>;
}

/** How long a client may take to close, in milliseconds. */
const CLOSE_MILLISECONDS = 2_000;

const SILENT: TokenEvents = { refreshed: () => undefined, failed: () => undefined };

/** The client's retries as the client takes them: exponential, since its fixed mode ignores the longest wait. */
function retryOptions(retries: ClientRetries): RetryOptions {
  const { maxRetries, retryDelayMilliseconds, maxRetryDelayMilliseconds, timeoutSeconds } = retries;
  return {
    mode: 0,
    maxRetries,
    retryDelayInMs: retryDelayMilliseconds,
    maxRetryDelayInMs: maxRetryDelayMilliseconds,
    timeoutInMs: timeoutSeconds * 1000,
  };
}

/**
 * The client with the identity that fits. Throws a StowageError `NoWorkloadIdentity` in a pod that was given none.
 * The libraries are loaded late: a worker with a wrong pipeline need not wait for them.
 */
export async function openClient({ serviceBus }: Connection, options: ClientOptions = {}): Promise<OpenClient> {
  const { ServiceBusClient: Client } = await import("@azure/service-bus");
  const { lightenContexts } = await import("./deliveryContext.js");
  lightenContexts();
  const settings = { retryOptions: retryOptions(options.retries ?? DELIVERY_DEFAULTS.client) };
  const host = serviceBus.fullyQualifiedNamespace;
  if (serviceBus.developmentEmulator === true) {
    const keys = "SharedAccessKeyName=local;SharedAccessKey=local";
    const client = new Client(`Endpoint=sb://${host};${keys};UseDevelopmentEmulator=true`, settings);
    repairClient(client);
    return { client, credential: undefined, close: () => closed(client) };
  }
  const credential = await credentialOf(serviceBus, options.tokens ?? SILENT);
  const client = new Client(host, credential, settings);
  repairClient(client);
  const close = async (): Promise<void> => {
    credential.stop();
    await closed(client);
  };
  return { client, credential, close };
}

/** Closes the client. A connection that has died silently does not answer its closing: it is ended without an answer. */
async function closed(client: ServiceBusClient): Promise<void> {
  try {
    await within(systemClock, CLOSE_MILLISECONDS, client.close(), "the client did not close");
  } catch (error) {
    sever(client);
    throw error;
  }
}

/** In a pod the workload identity's own token; elsewhere what the default chain finds, a developer's login for one. */
async function credentialOf(
  { clientId, instanceDiscovery }: Connection["serviceBus"],
  events: TokenEvents,
): Promise<RefreshingCredential> {
  const { DefaultAzureCredential, WorkloadIdentityCredential } = await import("@azure/identity");
  // The workload identity webhook sets it in a pod.
  const hasToken = process.env["AZURE_FEDERATED_TOKEN_FILE"] !== undefined;
  if (!hasToken && process.env["KUBERNETES_SERVICE_HOST"] !== undefined) throw noToken();
  const authority = instanceDiscovery === false ? { disableInstanceDiscovery: true } : {};
  const named = clientId === undefined ? {} : { clientId };
  const managed = clientId === undefined ? {} : { managedIdentityClientId: clientId };
  const fresh = (): TokenCredential =>
    hasToken
      ? new WorkloadIdentityCredential({ ...named, ...authority })
      : new DefaultAzureCredential({ ...managed, ...authority });
  return new RefreshingCredential(fresh, systemClock, events);
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

import type { TokenCredential } from "@azure/identity";
import type { ServiceBusAdministrationClient } from "@azure/service-bus";
import type { ServiceBusConnection } from "../contract/index.js";

/** One try, so that a look is over before the next one begins. */
const OPTIONS = { retryOptions: { maxRetries: 1, timeoutInMs: 10_000 } };

/**
 * The administration of a namespace: where its connection says, else at the namespace's own host. Undefined where there is
 * none to ask: at an address with a port, which no namespace of Azure has, and at a broker without identities.
 * @param credential what the namespace is used with; undefined with `developmentEmulator`
 */
export async function openAdministration(
  { fullyQualifiedNamespace: host, administration }: ServiceBusConnection,
  credential: TokenCredential | undefined,
): Promise<ServiceBusAdministrationClient | undefined> {
  const { ServiceBusAdministrationClient: Client } = await import("@azure/service-bus");
  if (credential !== undefined) {
    const at = administration ?? (host.includes(":") ? undefined : host);
    return at === undefined ? undefined : new Client(at, credential, OPTIONS);
  }
  if (administration === undefined) return undefined;
  const keys = "SharedAccessKeyName=local;SharedAccessKey=local";
  return new Client(`Endpoint=sb://${administration}/;${keys}`, OPTIONS);
}

import { defined, type Pipeline } from "../../runtime/contract/index.js";
import { PublicAccess, type ServiceBusNamespaceArgs } from "../servicebus/args.js";
import type { WorkerNetworkArgs } from "../worker/args.js";
import type { IntegrationArgs } from "./args.js";

/** The addresses that a pipeline's worker reaches: of the stores, only the one that it writes to. */
export function workerNetwork({ network = {}, serviceBus }: IntegrationArgs, { sink }: Pipeline): WorkerNetworkArgs {
  const { entraCidrs, linstorCidrs, cassandraCidrs, dnsCidrs } = network;
  const serviceBusCidrs = network.serviceBusCidrs ?? endpointCidrs(serviceBus.namespace);
  const ofCassandra = sink.cassandra === undefined ? undefined : cassandraCidrs;
  const storeCidrs = sink.linstor === undefined ? ofCassandra : linstorCidrs;
  return defined({ serviceBusCidrs, entraCidrs, storeCidrs, dnsCidrs });
}

/**
 * The addresses of a bus that is reached by private endpoints alone, where each has a fixed one. Where Azure chooses
 * an address, or there is a public one as well, it is not known which a worker goes to.
 */
function endpointCidrs(namespace: ServiceBusNamespaceArgs): string[] | undefined {
  const { publicAccess = PublicAccess.Disabled, privateEndpoints = {}, disasterRecovery } = namespace;
  const endpoints = [...Object.values(privateEndpoints), ...Object.values(disasterRecovery?.privateEndpoints ?? {})];
  const addresses = endpoints.flatMap(({ privateAddress }) => privateAddress ?? []);
  if (publicAccess !== PublicAccess.Disabled || endpoints.length === 0) return undefined;
  return addresses.length === endpoints.length ? addresses.map((address) => `${address}/32`) : undefined;
}

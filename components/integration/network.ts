import { defined, type Pipeline } from "../../runtime/contract/index.js";
import { PublicAccess, type ServiceBusNamespaceArgs } from "../servicebus/args.js";
import type { WorkerNetworkArgs } from "../worker/args.js";
import type { IntegrationArgs, ModuleStoreArgs } from "./args.js";
import { ringOf } from "./ring.js";

/** The addresses that a pipeline's worker reaches: of the stores, only the one that it writes to. */
export function workerNetwork(args: IntegrationArgs, { name, sink, producers }: Pipeline): WorkerNetworkArgs {
  const { entraCidrs, dnsCidrs, serviceBusCidrs = endpointCidrs(args.serviceBus.namespace) } = args.network ?? {};
  const { issuerCidrs, otlpCidrs, otlpNamespace } = args.network ?? {};
  const kind = sink.linstor !== undefined ? "linstor" : sink.cassandra !== undefined ? "cassandra" : undefined;
  const reach = kind === undefined ? moduleReach(args.pipelines[name]?.moduleStore) : storeReach(args, kind);
  const jobs = kind === "cassandra" && ringOf(args)?.administrator !== undefined;
  return {
    ...defined({ serviceBusCidrs, entraCidrs, dnsCidrs, otlpCidrs, otlpNamespace }),
    ...(jobs ? defined({ kubernetesCidrs: args.network?.kubernetesCidrs }) : {}),
    ...(producers?.requireSignature === undefined ? {} : defined({ issuerCidrs })),
    ...reach,
  };
}

/** Where a sink of one's own goes to. */
function moduleReach(store: ModuleStoreArgs | undefined): WorkerNetworkArgs {
  if (store === undefined) return {};
  const { ports, cidrs, namespace } = store;
  return defined({ storePorts: ports, storeCidrs: cidrs, storeNamespace: namespace });
}

/** How the policy says where a store is: as it is told, or else by the namespace of one that is made here. */
function storeReach(
  { network = {}, endpoints = {}, storage = {} }: IntegrationArgs,
  kind: "linstor" | "cassandra",
): Pick<WorkerNetworkArgs, "storeCidrs" | "storeNamespace"> {
  const storeCidrs = network[`${kind}Cidrs`];
  if (storeCidrs !== undefined) return { storeCidrs };
  // Where workers are told another way to the store, it need not be the one that is made here.
  if (endpoints[kind] !== undefined) return {};
  return defined({ storeNamespace: storage[kind]?.namespace });
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

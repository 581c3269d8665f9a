import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import * as pulumi from "@pulumi/pulumi";
import type { WorkerArgs } from "./args.js";
import { CASSANDRA_PORT } from "./configuration.js";
import { HTTP_PORT, objectLabels } from "./render.js";

type NetworkPolicySpec = inputs.networking.v1.NetworkPolicySpec;

const DNS_PORT = 53;
/** Tokens of Entra ID. */
const HTTPS_PORT = 443;
/** AMQP over TLS. */
const AMQPS_PORT = 5671;

const tcp = (port: pulumi.Input<number>) => ({ port, protocol: "TCP" });

/** Port of a URL, its scheme's own where it names none. */
function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  if (port !== "") return Number(port);
  return protocol === "https:" ? HTTPS_PORT : 80;
}

/** Ports of the store that the sink writes to. A Gluster volume is mounted by the node, so that the pod needs none. */
function storePorts(args: WorkerArgs): pulumi.Output<number[]> {
  const { sink } = args.pipeline;
  if (sink.cassandra !== undefined) return pulumi.output([args.connection.cassandra?.port ?? CASSANDRA_PORT]);
  if (sink.linstor === undefined) return pulumi.output([]);
  return pulumi.output(args.connection.linstorControllers ?? []).apply((urls) => [...new Set(urls.map(portOf))]);
}

/**
 * What may go in and out of a pipeline's pods. A policy names ports and address ranges, never hosts: out go DNS,
 * HTTPS, AMQPS and the store's port, to any address; in comes the metrics port, from Prometheus' namespace alone.
 */
export function networkPolicySpec(args: WorkerArgs): NetworkPolicySpec {
  const { monitoring } = args;
  const dns = [
    { port: DNS_PORT, protocol: "UDP" },
    { port: DNS_PORT, protocol: "TCP" },
  ];
  const stores = storePorts(args).apply((ports) => [HTTPS_PORT, AMQPS_PORT, ...ports].map(tcp));
  return {
    podSelector: { matchLabels: objectLabels(args.pipeline) },
    policyTypes: ["Ingress", "Egress"],
    ingress:
      monitoring === undefined
        ? []
        : [
            {
              from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": monitoring.namespace } } }],
              ports: [tcp(HTTP_PORT)],
            },
          ],
    egress: [{ ports: dns }, { ports: stores }],
  };
}

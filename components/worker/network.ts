import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import * as pulumi from "@pulumi/pulumi";
import { CQL_PORT } from "../../runtime/contract/index.js";
import type { WorkerArgs } from "./args.js";
import { HTTP_PORT, objectLabels } from "./render.js";

type NetworkPolicySpec = inputs.networking.v1.NetworkPolicySpec;
type Peer = inputs.networking.v1.NetworkPolicyPeer;
type EgressRule = inputs.networking.v1.NetworkPolicyEgressRule;

const DNS_PORT = 53;
/** Tokens of Entra ID. */
export const HTTPS_PORT = 443;
/** AMQP over TLS. */
const AMQPS_PORT = 5671;
/** A LINSTOR controller's own port. */
const LINSTOR_PORT = 3370;

const block = (cidr: string): Peer => ({ ipBlock: { cidr } });

/** Where a cluster resolves names: the pods of CoreDNS, which Kubernetes still labels so. */
const CLUSTER_DNS: Peer[] = [
  {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
    podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
  },
  // Caches that run in the node's own network, where no selector finds them: AKS's LocalDNS and NodeLocal DNSCache.
  ...["169.254.10.10/32", "169.254.10.11/32", "169.254.20.10/32"].map(block),
];

/** A port of TCP, as a policy names it. */
export const tcp = (port: pulumi.Input<number>) => ({ port, protocol: "TCP" });

/** Port of a URL, its scheme's own where it names none. */
function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  if (port !== "") return Number(port);
  return protocol === "https:" ? HTTPS_PORT : 80;
}

/** Ports of the store that the sink writes to. */
function storePorts(args: WorkerArgs): pulumi.Output<number[]> {
  const own = args.network?.storePorts;
  if (own !== undefined) return pulumi.output(own);
  if (args.pipeline.sink.cassandra !== undefined) return pulumi.output([args.connection.cassandra?.port ?? CQL_PORT]);
  // Never an empty list: to a policy that means every port.
  return pulumi
    .output(args.connection.linstorControllers ?? [])
    .apply((urls) => (urls.length === 0 ? [LINSTOR_PORT] : [...new Set(urls.map(portOf))]));
}

/** The pods of a namespace. */
const podsOf = (namespace: pulumi.Input<string>): Peer => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
});

/** True where the pods speak to a store; of what a module of one's own speaks to, only what is said is known. */
function speaksToStore({ pipeline: { sink }, network = {} }: WorkerArgs): boolean {
  return sink.cassandra !== undefined || sink.linstor !== undefined || network.storePorts !== undefined;
}

/** The rule for the store that the sink writes to. */
export function outToStore(args: WorkerArgs): EgressRule {
  const { storeCidrs, storeNamespace } = args.network ?? {};
  const ports = storePorts(args).apply((known) => known.map(tcp));
  return storeNamespace === undefined ? out(ports, storeCidrs) : { to: [podsOf(storeNamespace)], ports };
}

/** The rule for the keys of the issuers that vouch for producers. */
function outToIssuers({ pipeline, network = {} }: WorkerArgs): EgressRule[] {
  const issuers = pipeline.producers?.requireSignature?.issuers ?? [];
  if (issuers.length === 0) return [];
  // What an issuer's configuration names may be elsewhere than the issuer: its port is the standard one then.
  const ports = issuers.flatMap(({ issuer, jwksUri }) => [portOf(issuer), portOf(jwksUri ?? issuer)]);
  return [out([...new Set(ports)].map(tcp), network.issuerCidrs)];
}

/** The rule for the receiver of traces and metrics. */
function outToReceiver({ telemetry, network = {} }: WorkerArgs): EgressRule[] {
  if (telemetry === undefined) return [];
  const ports = [tcp(portOf(telemetry.otlpEndpoint))];
  const { otlpCidrs, otlpNamespace } = network;
  return [otlpNamespace === undefined ? out(ports, otlpCidrs) : { to: [podsOf(otlpNamespace)], ports }];
}

/** The rule for the bus's administration, which counts messages: at the bus's own host over HTTPS, unless told where. */
function outToAdministration({ pipeline, connection, network = {} }: WorkerArgs): EgressRule[] {
  if (!pipeline.observe) return [];
  const port = Number(connection.administration?.split(":").at(-1) ?? HTTPS_PORT);
  // Where Entra ID may be any address, the rule for it lets out to the bus as well.
  if (port === HTTPS_PORT && network.entraCidrs === undefined) return [];
  return [out([tcp(port)], network.serviceBusCidrs)];
}

/** The rule for names: to the resolvers that are given, or else to the cluster's own. */
export function outToDns({ network = {} }: WorkerArgs): EgressRule {
  const ports = [{ port: DNS_PORT, protocol: "UDP" }, tcp(DNS_PORT)];
  return network.dnsCidrs === undefined ? { to: CLUSTER_DNS, ports } : out(ports, network.dnsCidrs);
}

/** A rule that lets out to some ports of some ranges; of every address where no range is given. */
export function out(ports: EgressRule["ports"], cidrs: string[] | undefined): EgressRule {
  return cidrs === undefined ? { ports } : { to: cidrs.map(block), ports };
}

/**
 * What may go in and out of a pipeline's pods. A policy names ports and address ranges, never hosts: out go DNS to the
 * resolvers, HTTPS for tokens, AMQPS, the store's port, and where the pipeline needs them the bus's administration, the
 * issuers of producers' keys and the receiver of telemetry; each to its ranges or namespace, or to any address where none
 * are given.
 * In comes the metrics port, from Prometheus' namespace alone. A Gluster volume is mounted by the node: pods need no port.
 */
export function networkPolicySpec(args: WorkerArgs): NetworkPolicySpec {
  const { monitoring, network = {} } = args;
  return {
    podSelector: { matchLabels: objectLabels(args.pipeline) },
    policyTypes: ["Ingress", "Egress"],
    ingress:
      monitoring === undefined
        ? []
        : [
            {
              from: [podsOf(monitoring.namespace)],
              ports: [tcp(HTTP_PORT)],
            },
          ],
    egress: [
      outToDns(args),
      out([tcp(HTTPS_PORT)], network.entraCidrs),
      out([tcp(AMQPS_PORT)], network.serviceBusCidrs),
      ...outToAdministration(args),
      ...(speaksToStore(args) ? [outToStore(args)] : []),
      ...outToIssuers(args),
      ...outToReceiver(args),
    ],
  };
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type LocalProducer, localProducers, type ProducersConfig } from "./producers.js";

/** How large the ring of this machine is. */
export interface LocalSize {
  /** Cassandra nodes, 1 or more; a single one stands in the first rack, with one replica. */
  nodes: number;
}

/** How the workers reach the bus. */
export interface LocalBus {
  /** True for a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity, no rights. */
  emulator: boolean;
}

/** Where the far ends of this machine are reached. */
export interface LocalEndpoints {
  linstorUrl: string;
  /** Addresses of the ring's nodes, without port. */
  contactPoints: string[];
}

/** What is read and changed of the tracked configuration; the stack itself checks all of it. */
interface TrackedConfig {
  config?: {
    "azure-native:tenantId"?: string;
    "stowage:cluster"?: { oidcIssuerUrl?: string };
    "stowage:producers"?: ProducersConfig;
    "stowage:storage"?: {
      linstor?: { namespace?: string };
      cassandra?: { [key: string]: unknown; namespace?: string; racks?: unknown[]; replication?: object };
    };
  };
}

/** Kubernetes namespaces of the operators, which are installed already as far as this stack is concerned. */
export function operatorNamespaces(projectDir: string): string[] {
  const { linstor, cassandra } = tracked(projectDir).config?.["stowage:storage"] ?? {};
  return [linstor?.namespace, cassandra?.namespace].filter((name) => name !== undefined);
}

/** Nodes that the tracked `Pulumi.local.yaml` states for the ring; 0 where it states none. */
export function trackedNodes(projectDir: string): number {
  const size = tracked(projectDir).config?.["stowage:storage"]?.cassandra?.["size"];
  return typeof size === "number" ? size : 0;
}

/** Who issues the tokens of the cluster's service accounts, where the configuration does not say it. */
const ISSUER = "https://issuer.stowage.invalid/";

/** OIDC issuer of the cluster, to the letter. */
export function clusterIssuer(projectDir: string): string {
  return tracked(projectDir).config?.["stowage:cluster"]?.oidcIssuerUrl ?? ISSUER;
}

/** Tenant of the identities, where the configuration names one. */
export function azureTenant(projectDir: string): string | undefined {
  return tracked(projectDir).config?.["azure-native:tenantId"];
}

/** Who may publish, and can be logged in as on this machine. */
export function producers(projectDir: string): LocalProducer[] {
  return localProducers(tracked(projectDir).config?.["stowage:producers"]);
}

/** Configuration of one run by full key, in place of what the tracked `Pulumi.local.yaml` says. */
export function localConfig(
  projectDir: string,
  size: LocalSize,
  endpoints: LocalEndpoints,
  bus: LocalBus = { emulator: false },
): { [key: string]: unknown } {
  return { ...busConfig(bus), ...storageConfig(projectDir, size, endpoints) };
}

/** The workers log in at an authority that Microsoft does not know, or not at all. */
function busConfig({ emulator }: LocalBus): { [key: string]: unknown } {
  return { "stowage:developmentEmulator": emulator, "stowage:instanceDiscovery": emulator };
}

function storageConfig(projectDir: string, size: LocalSize, endpoints: LocalEndpoints): { [key: string]: unknown } {
  const stores = {
    linstor: { controllers: [endpoints.linstorUrl] },
    cassandra: { contactPoints: endpoints.contactPoints },
  };
  const storage = tracked(projectDir).config?.["stowage:storage"];
  const ring = storage?.cassandra;
  if (ring === undefined || ring["size"] === size.nodes) return { "stowage:endpoints": stores };
  const replication = Object.fromEntries(
    Object.entries(ring.replication ?? {}).map(([keyspace, replicas]) => [keyspace, replicasOn(size.nodes, replicas)]),
  );
  const cassandra = { ...ring, size: size.nodes, racks: ring.racks?.slice(0, size.nodes), replication };
  return { "stowage:endpoints": stores, "stowage:storage": { ...storage, cassandra } };
}

/** As many replicas as are planned, or as the nodes can hold; an even count is no better than one less, and is refused. */
function replicasOn(nodes: number, planned: unknown): number {
  const most = typeof planned === "number" ? Math.min(planned, nodes) : nodes;
  return most % 2 === 0 ? most - 1 : most;
}

function tracked(projectDir: string): TrackedConfig {
  return parse(readFileSync(join(projectDir, "Pulumi.local.yaml"), "utf8")) as TrackedConfig;
}

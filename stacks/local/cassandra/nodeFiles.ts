import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";
import { CQL_PORT } from "../../../runtime/contract/index.js";
import type { RingNode, RingPlan, RingSecurity } from "./plan.js";

/** Port that the nodes speak to each other on. */
export const STORAGE_PORT = 7000;

/** The folders and files of one node. */
export interface NodePaths {
  root: string;
  conf: string;
  /** What the node prints, and its log. */
  log: string;
}

export function nodePaths(ringDir: string, index: number): NodePaths {
  const root = join(ringDir, `node${index + 1}`);
  return { root, conf: join(root, "conf"), log: join(root, "output.log") };
}

/** Address of a node within the ring's subnet, `127.0.3`: the first node is `127.0.3.1`. */
export function nodeAddress(subnet: string, index: number): string {
  return `${subnet}.${index + 1}`;
}

/**
 * A node's cassandra.yaml as an object. Beside the plan's own values there are the ones that let several nodes
 * share a small machine: caches, pools and memtables of a few MiB, one compactor, and time-outs that a busy
 * machine does not hit.
 */
export function cassandraYaml(plan: RingPlan, node: RingNode, subnet: string, root: string): Record<string, unknown> {
  const address = nodeAddress(subnet, node.index);
  const seeds = plan.nodes.filter((n) => n.seed).map((n) => nodeAddress(subnet, n.index));
  const data = join(root, "data");
  const sync = node.settings["commitlog_sync"] ?? "periodic";
  return {
    storage_compatibility_mode: "NONE",
    commitlog_sync: sync,
    ...(sync === "periodic" ? { commitlog_sync_period: "10000ms" } : {}),
    ...(sync === "group" ? { commitlog_sync_group_window: "1ms" } : {}),
    hinted_handoff_enabled: true,
    column_index_cache_size: "2KiB",
    compaction_throughput: "32MiB/s",
    write_request_timeout: "10s",
    read_request_timeout: "10s",
    range_request_timeout: "20s",
    request_timeout: "20s",
    cas_contention_timeout: "10s",
    truncate_request_timeout: "60s",
    ...acrossDatacenters(plan),
    ...node.settings,
    cluster_name: plan.clusterName,
    num_tokens: node.tokens.length,
    initial_token: node.tokens.join(","),
    // The tokens are given and the ring begins empty: there is nothing to stream.
    auto_bootstrap: false,
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    endpoint_snitch: "GossipingPropertyFileSnitch",
    dynamic_snitch: false,
    seed_provider: [
      {
        class_name: "org.apache.cassandra.locator.SimpleSeedProvider",
        parameters: [{ seeds: seeds.join(",") }],
      },
    ],
    listen_address: address,
    rpc_address: address,
    storage_port: STORAGE_PORT,
    start_native_transport: true,
    native_transport_port: CQL_PORT,
    data_file_directories: [join(data, "sstables")],
    commitlog_directory: join(data, "commitlog"),
    saved_caches_directory: join(data, "saved_caches"),
    hints_directory: join(data, "hints"),
    cdc_raw_directory: join(data, "cdc"),
    commitlog_segment_size: "16MiB",
    commitlog_total_space: "128MiB",
    disk_failure_policy: "stop",
    commit_failure_policy: "stop",
    concurrent_reads: 8,
    concurrent_writes: 16,
    concurrent_counter_writes: 4,
    concurrent_compactors: 1,
    native_transport_max_threads: 32,
    memtable_heap_space: `${memtableMib(node.index)}MiB`,
    memtable_offheap_space: "48MiB",
    memtable_allocation_type: "offheap_buffers",
    key_cache_size: "4MiB",
    row_cache_size: "0MiB",
    counter_cache_size: "0MiB",
    file_cache_size: "32MiB",
    networking_cache_size: "16MiB",
    auto_snapshot: false,
    ...securityYaml(plan.security),
  };
}

/**
 * Heap of a node's memtables in MiB: 36, 48 or 60. Nodes of one rack each hold the same rows, and with memtables of one size all
 * of them flush at the same moment, which takes a second of two cores; machines of their own are not in step like that.
 */
function memtableMib(index: number): number {
  return 36 + 12 * (index % 3);
}

/**
 * A ring begins with one copy of its roles, in one datacenter. The operator replicates them to all before any node starts;
 * here the schema job does, and until then the nodes of the others look for roles where they are.
 */
function acrossDatacenters({ nodes, security }: RingPlan): Record<string, unknown> {
  const datacenters = new Set(nodes.map(({ datacenter }) => datacenter));
  return security?.authentication === true && datacenters.size > 1 ? { auth_read_consistency_level: "QUORUM" } : {};
}

/** The part of cassandra.yaml about who may speak to the node, and how. */
function securityYaml(security: RingSecurity | undefined): Record<string, unknown> {
  const asks = security?.authentication === true;
  const access = {
    authenticator: asks ? "PasswordAuthenticator" : "AllowAllAuthenticator",
    authorizer: (security?.authorization ?? asks) ? "CassandraAuthorizer" : "AllowAllAuthorizer",
    role_manager: "CassandraRoleManager",
  };
  if (security?.tls === undefined) return access;
  const { keystorePem, truststorePem, client = CLIENT_TLS, internode = INTERNODE_TLS } = security.tls;
  const pem = {
    ssl_context_factory: { class_name: "org.apache.cassandra.security.PEMBasedSslContextFactory" },
    keystore: keystorePem,
    truststore: truststorePem,
  };
  return {
    ...access,
    client_encryption_options: { ...client, ...pem },
    server_encryption_options: { ...internode, ...pem },
  };
}

const CLIENT_TLS = { enabled: true, optional: false, require_client_auth: false };
const INTERNODE_TLS = { internode_encryption: "all", require_client_auth: true, require_endpoint_verification: false };

/** The log goes to the node's output, whose last lines say why it ended. */
const LOGBACK = `<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
`;

/** Writes everything that a node reads at its start. */
export function writeNodeFiles(plan: RingPlan, node: RingNode, subnet: string, ringDir: string): void {
  const { root, conf } = nodePaths(ringDir, node.index);
  mkdirSync(conf, { recursive: true, mode: 0o700 });
  mkdirSync(join(root, "tmp"), { recursive: true });
  writeFileSync(join(conf, "cassandra.yaml"), stringify(cassandraYaml(plan, node, subnet, root)));
  writeFileSync(join(conf, "cassandra-rackdc.properties"), `dc=${node.datacenter}\nrack=${node.rack}\n`);
  writeFileSync(join(conf, "logback.xml"), LOGBACK);
}

/** Java's own modules that Cassandra reaches into: the packages that its sources name for Java 17. */
const EXPORTS = [
  "java.base/java.lang.ref",
  "java.base/jdk.internal.misc",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.sql/java.sql",
  "jdk.attach/sun.tools.attach",
  "jdk.compiler/com.sun.tools.javac.file",
  "jdk.unsupported/sun.misc",
];
const OPENS = [
  "java.base/java.io",
  "java.base/java.lang",
  "java.base/java.lang.module",
  "java.base/java.lang.reflect",
  "java.base/java.nio",
  "java.base/java.util",
  "java.base/jdk.internal.loader",
  "java.base/jdk.internal.math",
  "java.base/jdk.internal.module",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.reflect",
  "java.base/jdk.internal.util.jar",
  "java.base/sun.nio.ch",
  "jdk.compiler/com.sun.tools.javac",
  "jdk.management/com.sun.management.internal",
];

/** Heap of a node in MiB; with it a node takes about 300 to 350 MiB in all. */
const HEAP_MIB = 256;

/** Replicas of Cassandra's own keyspaces by its defaults; a smaller ring could not answer at ALL. */
const SYSTEM_REPLICAS = { distributed: 3, traces: 2 } as const;

/** What the arguments of java depend on. */
export interface JavaProgram {
  /** Folder of Cassandra's jars. */
  lib: string;
  /** Nodes of the whole ring. */
  nodes: number;
  /** Whether what runs often is compiled once more by the optimizing compiler. */
  optimized: boolean;
}

/** Arguments of java for one node. JMX stays off: CQL tells what is asked. */
export function javaArguments(paths: NodePaths, { lib, nodes, optimized }: JavaProgram): string[] {
  const file = (name: string) => pathToFileURL(join(paths.conf, name)).href;
  return [
    ...EXPORTS.map((name) => `--add-exports=${name}=ALL-UNNAMED`),
    ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.maxOrder=11",
    `-Xms${HEAP_MIB}m`,
    `-Xmx${HEAP_MIB}m`,
    "-Xss384k",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=192m",
    "-XX:ReservedCodeCacheSize=96m",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    // Most local rings live for minutes: the optimizing compiler costs more than it brings back. Start of a node to its
    // first answer: 3.6 instead of 8.5 s of CPU, together with the next line, which Cassandra else finds by trying.
    ...(optimized ? [] : ["-XX:TieredStopAtLevel=1"]),
    "-Dcassandra.memtable.row_overhead_size=180",
    // All nodes start at once and know each other from the first: nothing has to settle. A busy machine may still
    // take seconds between two words of a node, so that silence is forgiven as long as it is in production.
    "-Dcassandra.ring_delay_ms=5000",
    "-Dcassandra.gossip_quarantine_delay_ms=60000",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.consistent.rangemovement=false",
    "-Dcassandra.shutdown_announce_in_ms=200",
    "-Dcassandra.available_processors=2",
    // Where passwords are asked for, the first role is made as soon as its table can be written, not after 10 s; and
    // hashing is cheap: a login is 100 ms of CPU with Cassandra's own 10 rounds, and a ring of minutes has no thieves.
    "-Dcassandra.superuser_setup_delay_ms=200",
    "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
    `-Dcassandra.system_distributed.default_rf=${Math.min(SYSTEM_REPLICAS.distributed, nodes)}`,
    `-Dcassandra.system_traces.default_rf=${Math.min(SYSTEM_REPLICAS.traces, nodes)}`,
    "-Djava.net.preferIPv4Stack=true",
    `-Djava.io.tmpdir=${join(paths.root, "tmp")}`,
    `-Dcassandra.config=${file("cassandra.yaml")}`,
    `-Dcassandra.storagedir=${join(paths.root, "data")}`,
    `-Dcassandra.logdir=${paths.root}`,
    `-Dlogback.configurationFile=${file("logback.xml")}`,
    "-Dcassandra-foreground=yes",
    "-cp",
    `${paths.conf}:${join(lib, "*")}`,
    "org.apache.cassandra.service.CassandraDaemon",
  ];
}

import { isOfAccess } from "./security.js";

/** Why a setting of cassandra.yaml that was rendered is not taken over on this machine. */
const ADDRESS = "the ring chooses loopback addresses and ports itself";
const FOLDER = "the nodes keep everything in the run's folder";
const MEMORY = "the nodes share this machine's memory";
const SECURITY = "the local ring has Cassandra's own";
const NO_PASSWORDS = "the ring asks for no password";
const TOPOLOGY = "the ring derives it from the datacenter, its racks and num_tokens";
const GUARDRAIL = "guardrails spare superusers, and without passwords everyone is one";
const SAFETY = "the local ring's own value is needed to run on one machine";

const notTaken: { reason: string; keys: string[] }[] = [
  {
    reason: ADDRESS,
    keys: words(`
      listen_address listen_interface listen_interface_prefer_ipv6 broadcast_address listen_on_broadcast_address
      rpc_address rpc_interface rpc_interface_prefer_ipv6 broadcast_rpc_address storage_port ssl_storage_port
      native_transport_port native_transport_port_ssl start_native_transport seed_provider`),
  },
  {
    reason: FOLDER,
    keys: words(`
      data_file_directories local_system_data_file_directory saved_caches_directory commitlog_directory
      cdc_raw_directory hints_directory heap_dump_path`),
  },
  {
    reason: MEMORY,
    keys: words(`
      memtable_heap_space memtable_offheap_space memtable_allocation_type key_cache_size row_cache_size
      counter_cache_size paxos_cache_size networking_cache_size file_cache_size prepared_statements_cache_size
      commitlog_segment_size commitlog_total_space concurrent_reads concurrent_writes concurrent_counter_writes
      concurrent_compactors native_transport_max_threads available_processors memtable_flush_writers`),
  },
  {
    reason: SECURITY,
    keys: words(`
      role_manager network_authorizer cidr_authorizer internode_authenticator crypto_provider
      transparent_data_encryption_options`),
  },
  {
    reason: TOPOLOGY,
    keys: words(`
      cluster_name initial_token partitioner endpoint_snitch allocate_tokens_for_keyspace
      allocate_tokens_for_local_replication_factor auto_bootstrap`),
  },
  { reason: SAFETY, keys: words("disk_failure_policy commit_failure_policy dynamic_snitch auto_snapshot") },
];

/** Settings that mean something only where passwords are asked for. */
const ofPasswords = new Set(
  words(`
    permissions_validity permissions_update_interval permissions_cache_max_entries roles_validity
    roles_update_interval roles_cache_max_entries credentials_validity credentials_update_interval
    credentials_cache_max_entries auth_read_consistency_level auth_write_consistency_level
    auth_cache_warming_enabled traverse_auth_from_root`),
);

/** Settings that spare superusers. */
const guardrails = new Set(
  words(`
    user_timestamps_enabled alter_table_enabled allow_filtering_enabled group_by_enabled
    drop_truncate_table_enabled drop_keyspace_enabled secondary_indexes_enabled
    simplestrategy_enabled uncompressed_tables_enabled compact_tables_enabled
    read_before_write_list_operations_enabled vector_type_enabled read_consistency_levels_warned
    read_consistency_levels_disallowed write_consistency_levels_warned
    write_consistency_levels_disallowed table_properties_warned table_properties_ignored
    table_properties_disallowed zero_ttl_on_twcs_enabled keyspaces_warn_threshold
    keyspaces_fail_threshold tables_warn_threshold tables_fail_threshold
    columns_per_table_warn_threshold columns_per_table_fail_threshold
    secondary_indexes_per_table_warn_threshold secondary_indexes_per_table_fail_threshold
    page_size_warn_threshold page_size_fail_threshold partition_keys_in_select_warn_threshold
    partition_keys_in_select_fail_threshold partition_size_warn_threshold
    partition_size_fail_threshold column_value_size_warn_threshold
    column_value_size_fail_threshold collection_size_warn_threshold collection_size_fail_threshold
    items_per_collection_warn_threshold items_per_collection_fail_threshold
    minimum_replication_factor_warn_threshold minimum_replication_factor_fail_threshold
    maximum_replication_factor_warn_threshold maximum_replication_factor_fail_threshold
    maximum_timestamp_warn_threshold maximum_timestamp_fail_threshold
    minimum_timestamp_warn_threshold minimum_timestamp_fail_threshold`),
);

/** Settings of Cassandra 5.0 that change how it answers, and that are handed to the nodes as they are. */
const taken = new Set(
  words(`
    hinted_handoff_enabled max_hint_window hinted_handoff_throttle max_hints_delivery_threads hints_flush_period
    batchlog_replay_throttle request_timeout read_request_timeout range_request_timeout write_request_timeout
    counter_write_request_timeout cas_contention_timeout truncate_request_timeout slow_query_log_timeout
    internode_timeout phi_convict_threshold native_transport_timeout native_transport_idle_timeout
    native_transport_max_frame_size native_transport_max_concurrent_connections
    native_transport_max_concurrent_connections_per_ip native_transport_rate_limiting_enabled
    native_transport_max_requests_per_second native_transport_allow_older_protocols
    batch_size_warn_threshold batch_size_fail_threshold unlogged_batch_across_partitions_warn_threshold
    commitlog_sync commitlog_sync_period commitlog_sync_group_window periodic_commitlog_sync_lag_block
    commitlog_compression flush_compression max_mutation_size max_value_size compaction_throughput
    stream_throughput_outbound inter_dc_stream_throughput_outbound entire_sstable_stream_throughput_outbound
    stream_entire_sstables sstable_preemptive_open_interval column_index_size column_index_cache_size
    snapshot_before_compaction incremental_backups trickle_fsync trickle_fsync_interval internode_compression
    inter_dc_tcp_nodelay tombstone_warn_threshold tombstone_failure_threshold replica_filtering_protection
    gc_warn_threshold gc_log_threshold cdc_enabled cdc_block_writes cdc_total_space paxos_variant
    paxos_state_purging paxos_repair_enabled user_defined_functions_enabled materialized_views_enabled
    sasi_indexes_enabled transient_replication_enabled drop_compact_storage_enabled use_statements_enabled
    dynamic_data_masking_enabled default_keyspace_rf default_compaction default_secondary_index
    storage_compatibility_mode uuid_sstable_identifiers_enabled`),
);

/** What the local ring has anyway: rendered like this, it comes true. */
const asRendered: Record<string, unknown> = {
  role_manager: "CassandraRoleManager",
  partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
  endpoint_snitch: "GossipingPropertyFileSnitch",
};

/**
 * Which of the rendered settings the local nodes get, and for each of the others why not. Those about passwords and TLS
 * are `readAccess`'s.
 * @param authentication true for a ring that asks for passwords
 */
export function sortSettings(
  rendered: Record<string, unknown>,
  authentication: boolean,
): {
  settings: Record<string, unknown>;
  left: { key: string; reason: string }[];
} {
  const settings: Record<string, unknown> = {};
  const left: { key: string; reason: string }[] = [];
  for (const [key, value] of Object.entries(rendered)) {
    if (key === "num_tokens" || isOfAccess(key) || (key in asRendered && asRendered[key] === value)) continue;
    const secured = ofPasswords.has(key) || guardrails.has(key);
    if (taken.has(key) || (secured && authentication)) settings[key] = value;
    else left.push({ key, reason: reasonOf(key) });
  }
  return { settings, left };
}

function reasonOf(key: string): string {
  if (guardrails.has(key)) return GUARDRAIL;
  if (ofPasswords.has(key)) return NO_PASSWORDS;
  return notTaken.find((group) => group.keys.includes(key))?.reason ?? "it is unknown here";
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

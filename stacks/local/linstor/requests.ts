import { z } from "zod";

/** A field that LINSTOR knows and this stand-in does not model: it is refused by name, not ignored. */
const UNMODELLED = z.never("is not modelled by this stand-in").optional();
const unmodelled = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, UNMODELLED]));

const properties = z.record(z.string(), z.string()).optional();
const names = z.array(z.string()).optional();

const selectFilter = z
  .strictObject({
    place_count: z.exactOptional(z.int().min(1)),
    node_name_list: z.exactOptional(z.array(z.string())),
    storage_pool: z.exactOptional(z.string()),
    storage_pool_list: z.exactOptional(z.array(z.string())),
    replicas_on_same: z.exactOptional(z.array(z.string())),
    replicas_on_different: z.exactOptional(z.array(z.string())),
    layer_stack: z.exactOptional(z.array(z.string())),
    provider_list: z.exactOptional(z.array(z.string())),
    ...unmodelled(
      "additional_place_count",
      "storage_pool_diskless_list",
      "not_place_with_rsc",
      "not_place_with_rsc_regex",
      "x_replicas_on_different_map",
      "diskless_on_remaining",
      "diskless_type",
      "overprovision",
      "port_count",
    ),
  })
  .optional();

const propertyChange = {
  override_props: properties,
  delete_props: names,
  delete_namespaces: names,
};

/** Bodies of requests, by LINSTOR's own names (its OpenAPI description, 1.27.0). */
export const requests = {
  node: z.strictObject({
    name: z.string(),
    type: z.string(),
    props: properties,
    net_interfaces: z
      .array(
        z.strictObject({
          name: z.string(),
          address: z.string(),
          satellite_port: z.int().optional(),
          satellite_encryption_type: z.string().optional(),
          is_active: z.boolean().optional(),
          uuid: z.string().optional(),
        }),
      )
      .optional(),
    ...unmodelled(
      "flags",
      "connection_status",
      "uuid",
      "storage_providers",
      "resource_layers",
      "unsupported_providers",
      "unsupported_layers",
      "eviction_timestamp",
    ),
  }),
  nodeChange: z.strictObject({ ...propertyChange, ...unmodelled("node_type") }),
  pool: z.strictObject({
    storage_pool_name: z.string(),
    provider_kind: z.string(),
    node_name: z.string().optional(),
    props: properties,
    ...unmodelled(
      "static_traits",
      "free_capacity",
      "total_capacity",
      "free_space_mgr_name",
      "uuid",
      "reports",
      "supports_snapshots",
      "shared_space",
      "external_locking",
    ),
  }),
  group: z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    props: properties,
    select_filter: selectFilter,
    ...unmodelled("uuid", "peer_slots"),
  }),
  volumeGroup: z.strictObject({
    volume_number: z.int().min(0).optional(),
    props: properties,
    ...unmodelled("uuid", "flags"),
  }),
  sizeInfo: z.strictObject({ select_filter: selectFilter, ignore_cache_older_than_sec: z.int().optional() }),
  spawn: z.strictObject({
    resource_definition_name: z.string(),
    volume_sizes: z.array(z.int()).optional(),
    select_filter: selectFilter,
    partial: z.boolean().optional(),
    definitions_only: z.boolean().optional(),
    resource_definition_props: properties,
    ...unmodelled("resource_definition_external_name", "peer_slots", "volume_passphrases"),
  }),
  definition: z.strictObject({
    resource_definition: z.strictObject({
      name: z.string(),
      props: properties,
      resource_group_name: z.string().optional(),
      layer_data: z.array(z.strictObject({ type: z.string(), data: UNMODELLED })).optional(),
      ...unmodelled("external_name", "flags", "uuid", "volume_definitions"),
    }),
    ...unmodelled("drbd_port", "drbd_secret", "drbd_peer_slots", "drbd_transport_type"),
  }),
  definitionChange: z.strictObject({
    ...propertyChange,
    ...unmodelled("drbd_port", "drbd_peer_slots", "layer_stack", "resource_group"),
  }),
  volumeDefinition: z.strictObject({
    volume_definition: z.strictObject({
      volume_number: z.int().min(0).optional(),
      size_kib: z.int(),
      ...unmodelled("props", "flags", "layer_data", "uuid"),
    }),
    ...unmodelled("drbd_minor_number", "passphrase"),
  }),
  volumeChange: z.strictObject({
    size_kib: z.int(),
    ...unmodelled("override_props", "delete_props", "delete_namespaces", "flags"),
  }),
  resource: z.strictObject({
    resource: z.strictObject({
      name: z.string().optional(),
      node_name: z.string().optional(),
      props: properties,
      flags: names,
      ...unmodelled("effective_props", "layer_object", "state", "uuid", "create_timestamp"),
    }),
    layer_list: names,
    ...unmodelled("drbd_node_id", "drbd_tcp_port_count", "drbd_tcp_ports", "snap_names", "copy_all_snaps"),
  }),
  makeAvailable: z.strictObject({
    diskful: z.boolean().optional(),
    layer_list: names,
    ...unmodelled("drbd_tcp_ports", "snap_names", "copy_all_snaps"),
  }),
  snapshot: z.strictObject({
    name: z.string(),
    nodes: names,
    snapshot_definition_props: properties,
    resource_name: z.string().optional(),
    ...unmodelled("props", "resource_definition_props", "flags", "volume_definitions", "uuid", "snapshots"),
  }),
  propertyChange: z.strictObject(propertyChange),
} as const;

import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";

type Fields = Record<string, unknown>;

/** How Cassandra is told to read PEM files. */
export const PEM_FACTORY = {
  ssl_context_factory: { class_name: "org.apache.cassandra.security.PEMBasedSslContextFactory" },
};

/** A K8ssandraCluster of one node that says nothing of authentication. */
export function clusterObject(
  changes: { spec?: Fields; cassandra?: Fields; yaml?: Fields; namespace?: string } = {},
): KubernetesObject {
  const datacenter = { metadata: { name: "dc1" }, size: 1, config: { cassandraYaml: changes.yaml ?? {} } };
  const cassandra = { clusterName: "Field_Trial", serverVersion: "5.0.7", datacenters: [datacenter] };
  return {
    apiVersion: "k8ssandra.io/v1alpha1",
    kind: "K8ssandraCluster",
    metadata: { name: "field-trial", namespace: "storage" },
    spec: { cassandra: { ...cassandra, ...changes.cassandra }, ...changes.spec },
  };
}

/** A CassandraDatacenter of one node; with `tls` it reads the files of secret `ring-node-tls`, as cass-operator mounts them. */
export function datacenterObject(changes: { spec?: Fields; yaml?: Fields; tls?: boolean } = {}): KubernetesObject {
  const files = { keystore: "/etc/stowage/tls/tls-combined.pem", truststore: "/etc/stowage/tls/ca.crt" };
  const encryption = {
    client_encryption_options: { enabled: true, optional: false, require_client_auth: false, ...files, ...PEM_FACTORY },
    server_encryption_options: { internode_encryption: "all", require_client_auth: true, ...files, ...PEM_FACTORY },
  };
  const podTemplateSpec = {
    spec: {
      containers: [{ name: "cassandra", volumeMounts: [{ name: "tls", mountPath: "/etc/stowage/tls" }] }],
      volumes: [{ name: "tls", secret: { secretName: "ring-node-tls" } }],
    },
  };
  const tls = changes.tls === true;
  return {
    apiVersion: "cassandra.datastax.com/v1beta1",
    kind: "CassandraDatacenter",
    metadata: { name: "dc1", namespace: "storage" },
    spec: {
      clusterName: "ring",
      serverType: "cassandra",
      serverVersion: "5.0.7",
      size: 1,
      config: { "cassandra-yaml": { ...(tls ? encryption : {}), ...changes.yaml } },
      ...(tls ? { podTemplateSpec } : {}),
      ...changes.spec,
    },
  };
}

import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as pulumi from "@pulumi/pulumi";
import { CassandraIssuerKind, CassandraOperator, type CassandraRingArgs } from "./args.js";
import { registerKeystorePassword } from "./keystore.js";
import { cleanName, LABELS, type RingNames, ringNames, serviceName } from "./names.js";

const API = "cert-manager.io/v1";
/** Folder of the nodes' certificate in a pod of cass-operator alone. */
const PEM_FOLDER = "/etc/stowage/tls";
/** Key that cert-manager writes the private key and the certificate to, as Cassandra reads both from one file. */
const COMBINED = "tls-combined.pem";
/**
 * Life of the authority, 10 years, and of a node's certificate, 90 days, in hours. The nodes read a renewed certificate
 * without a restart; whoever trusts the authority does not read a renewed one.
 */
const [AUTHORITY_LIFE, NODE_LIFE] = ["87600h", "2160h"];
/** Hours before the end at which a node's certificate is renewed. */
const RENEWAL = "720h";

/** Where k8ssandra-operator finds the nodes' key stores and their password. */
export function jksStores({ nodeSecret, keystoreSecret }: RingNames): object {
  const password = { name: keystoreSecret, key: "password" };
  const stores = {
    keystoreSecretRef: { name: nodeSecret, key: "keystore.jks" },
    keystorePasswordSecretRef: password,
    truststoreSecretRef: { name: nodeSecret, key: "truststore.jks" },
    truststorePasswordSecretRef: password,
  };
  return { clientEncryptionStores: stores, serverEncryptionStores: stores };
}

/** cassandra.yaml: clients and nodes speak TLS only, and nodes show each other their certificates. */
export function tlsSettings(): { client_encryption_options: object; server_encryption_options: object } {
  return {
    client_encryption_options: { enabled: true, optional: false, require_client_auth: false },
    server_encryption_options: { internode_encryption: "all", optional: false, require_client_auth: true },
  };
}

/** The same where the nodes read the certificate's own files, which need no password. */
export function pemSettings(): object {
  const { client_encryption_options: client, server_encryption_options: server } = tlsSettings();
  const files = {
    ssl_context_factory: { class_name: "org.apache.cassandra.security.PEMBasedSslContextFactory" },
    keystore: `${PEM_FOLDER}/${COMBINED}`,
    truststore: `${PEM_FOLDER}/ca.crt`,
  };
  return {
    client_encryption_options: { ...client, ...files },
    server_encryption_options: { ...server, ...files },
  };
}

/** The files of the nodes' certificate in the pods of cass-operator alone. */
export function pemMount({ nodeSecret }: RingNames): object {
  return {
    spec: {
      containers: [
        { name: "cassandra", volumeMounts: [{ name: "stowage-tls", mountPath: PEM_FOLDER, readOnly: true }] },
      ],
      volumes: [{ name: "stowage-tls", secret: { secretName: nodeSecret } }],
    },
  };
}

/**
 * Registers the nodes' certificate: where no issuer is given an authority of the ring's own, and under k8ssandra-operator
 * the password of the key stores. Gives what the ring waits for; nothing without TLS.
 */
export function registerCertificates(
  parent: pulumi.Resource,
  name: string,
  args: CassandraRingArgs,
): pulumi.Resource[] {
  if (!(args.tls ?? true)) return [];
  const names = ringNames(args.clusterName);
  const object = (
    suffix: string,
    kind: string,
    objectName: string,
    spec: pulumi.Inputs,
    dependsOn: pulumi.Resource[],
  ) =>
    new apiextensions.CustomResource(
      `${name}-${suffix}`,
      {
        apiVersion: API,
        kind,
        metadata: {
          name: objectName,
          namespace: args.namespace,
          labels: LABELS,
          annotations: { "pulumi.com/waitFor": "condition=Ready" },
        },
        spec,
      },
      { parent, dependsOn },
    );

  const issuer = args.issuer ?? { name: names.authority, kind: CassandraIssuerKind.Issuer };
  const before: pulumi.Resource[] = [];
  if (args.issuer === undefined) {
    const root = object("selfsigned", "Issuer", names.rootIssuer, { selfSigned: {} }, []);
    const authority = object("ca", "Certificate", names.authority, authoritySpec(args, names), [root]);
    before.push(object("ca-issuer", "Issuer", names.authority, { ca: { secretName: names.authority } }, [authority]));
  }
  const jks = args.operator !== CassandraOperator.CassOperator;
  if (jks) before.push(...registerKeystorePassword(parent, name, args, copied(args)));
  const spec = {
    secretName: names.nodeSecret,
    secretTemplate: { labels: copied(args) },
    commonName: cleanName(args.clusterName),
    dnsNames: dnsNames(args),
    duration: NODE_LIFE,
    renewBefore: RENEWAL,
    // Cassandra reads PKCS #8 alone.
    privateKey: { algorithm: "RSA", size: 2048, encoding: "PKCS8", rotationPolicy: "Always" },
    usages: ["digital signature", "key encipherment", "server auth", "client auth"],
    issuerRef: { name: issuer.name, kind: issuer.kind ?? CassandraIssuerKind.Issuer, group: "cert-manager.io" },
    ...(jks
      ? { keystores: { jks: { create: true, passwordSecretRef: { name: names.keystoreSecret, key: "password" } } } }
      : { additionalOutputFormats: [{ type: "CombinedPEM" }] }),
  };
  return [object("node", "Certificate", names.nodeCertificate, spec, before)];
}

function authoritySpec({ clusterName }: CassandraRingArgs, { authority, rootIssuer }: RingNames): pulumi.Inputs {
  return {
    isCA: true,
    secretName: authority,
    commonName: `${cleanName(clusterName)} authority`,
    duration: AUTHORITY_LIFE,
    privateKey: { algorithm: "RSA", size: 4096, encoding: "PKCS8", rotationPolicy: "Never" },
    issuerRef: { name: rootIssuer, kind: CassandraIssuerKind.Issuer, group: "cert-manager.io" },
  };
}

/** The names of the services of every datacenter; a driver checks that of the one that it is local to. */
function dnsNames({ clusterName, datacenter, namespace, otherDatacenters = [] }: CassandraRingArgs) {
  return [datacenter, ...otherDatacenters.map(({ name }) => name)].flatMap((name) => {
    const service = serviceName(clusterName, name);
    return [service, pulumi.interpolate`${service}.${namespace}`, pulumi.interpolate`${service}.${namespace}.svc`];
  });
}

/** By these labels the operator copies a secret to the Kubernetes clusters of the other datacenters. */
function copied({ clusterName, namespace, k8sContext, otherDatacenters = [] }: CassandraRingArgs): {
  [label: string]: pulumi.Input<string>;
} {
  if ([{ k8sContext }, ...otherDatacenters].every((each) => each.k8sContext === undefined)) return LABELS;
  return {
    ...LABELS,
    "k8ssandra.io/replicated-by": "k8ssandracluster-controller",
    "k8ssandra.io/cluster-name": cleanName(clusterName),
    "k8ssandra.io/cluster-namespace": namespace,
  };
}

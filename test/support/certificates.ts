import type { KubernetesObject } from "../../stacks/local/providers/kubernetes/object.js";

const KEY = { algorithm: "ECDSA", encoding: "PKCS8" };

/** The objects of cert-manager that stand beside a ring with TLS: an authority, and a certificate for its nodes. */
export function ringCertificates(cluster: string, datacenter: string, namespace: string): KubernetesObject[] {
  const object = (kind: string, name: string, spec: Record<string, unknown>): KubernetesObject => ({
    apiVersion: "cert-manager.io/v1",
    kind,
    metadata: { name: `${cluster}-${name}`, namespace },
    spec,
  });
  const issuedBy = (name: string) => ({ privateKey: KEY, issuerRef: { name: `${cluster}-${name}`, kind: "Issuer" } });
  return [
    object("Issuer", "selfsigned", { selfSigned: {} }),
    object("Certificate", "ca", {
      isCA: true,
      commonName: cluster,
      secretName: `${cluster}-ca`,
      ...issuedBy("selfsigned"),
    }),
    object("Issuer", "ca", { ca: { secretName: `${cluster}-ca` } }),
    object("Certificate", "node", {
      secretName: `${cluster}-node-tls`,
      dnsNames: [`${cluster}-${datacenter}-service.${namespace}.svc`],
      usages: ["server auth", "client auth", "digital signature"],
      additionalOutputFormats: [{ type: "CombinedPEM" }],
      ...issuedBy("ca"),
    }),
  ];
}

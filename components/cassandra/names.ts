/** Labels of every object of a ring. */
export const LABELS = { "app.kubernetes.io/part-of": "stowage" };

/** Key of the authority's certificate in the secret of a ring's certificate, as cert-manager writes it. */
export const CA_KEY = "ca.crt";

/** Role for analysis, the same in every ring. */
export const READER_ROLE = "stowage_reader";

/**
 * A name as cass-operator writes it into names of Kubernetes: itself where it is a DNS label, otherwise in lower case,
 * with `-` for `_`, and without what a label cannot hold.
 */
export function cleanName(name: string): string {
  if (/^[a-z](?=.{0,62}$)(?:[a-z0-9-]*[a-z0-9])?$/.test(name)) return name;
  const parts = name
    .toLowerCase()
    .replaceAll("_", "-")
    .match(/[a-z](?:[a-z0-9-]*[a-z0-9])?/g);
  return (parts ?? []).join("");
}

/** Name of the service that leads to every ready node of a datacenter. */
export function serviceName(clusterName: string, datacenter: string): string {
  return `${cleanName(clusterName)}-${cleanName(datacenter)}-service`;
}

/** Name of the stateful set that the operator makes for a rack. */
export function statefulSetName(clusterName: string, datacenter: string, rack: string): string {
  return `${cleanName(clusterName)}-${cleanName(datacenter)}-${rack}-sts`;
}

/** Name of the claim of a node's disk, the node counted from 0 within its rack. */
export function claimName(clusterName: string, datacenter: string, rack: string, node: number): string {
  return `server-data-${statefulSetName(clusterName, datacenter, rack)}-${node}`;
}

/** Names of a ring's objects in its namespace. */
export interface RingNames {
  /** Secret of the superuser, keys `username` and `password`; the operator makes it. */
  superuserSecret: string;
  /** Secret of the reader role, keys `username`, `password` and `ca.crt`; the schema jobs fill it. */
  readerSecret: string;
  /** cert-manager's issuer of the authority. */
  rootIssuer: string;
  /** The authority: its certificate, its secret, and the issuer that signs with it. */
  authority: string;
  /** Certificate of the nodes. */
  nodeCertificate: string;
  /** Its secret: `tls.crt`, `tls.key`, `ca.crt`, and the same in the form that the operator's nodes read. */
  nodeSecret: string;
  /** Secret with the password of the nodes' key stores, key `password`; a job of the ring fills it. */
  keystoreSecret: string;
  /** Job that fills it, its service account, its role. */
  keystoreJob: string;
}

/** The names of a ring's objects. */
export function ringNames(clusterName: string): RingNames {
  const cluster = cleanName(clusterName);
  return {
    superuserSecret: `${cluster}-superuser`,
    readerSecret: `${cluster}-reader`,
    rootIssuer: `${cluster}-selfsigned`,
    authority: `${cluster}-ca`,
    nodeCertificate: `${cluster}-node`,
    nodeSecret: `${cluster}-node-tls`,
    keystoreSecret: `${cluster}-keystore`,
    keystoreJob: `${cluster}-keystore`,
  };
}

import { ringNames } from "../../../components/cassandra/names.js";
import { type Problem, problem } from "../../../runtime/contract/index.js";
import { isRecord, type KubernetesObject, listAt, recordAt, textAt, valueAt } from "../providers/kubernetes/object.js";

/** A secret of the ring's namespace. */
export interface SecretRef {
  namespace: string;
  name: string;
}

/** The secret of the superuser, entries `username` and `password`. */
export interface SuperuserSecret extends SecretRef {
  /** True where the object names it: the operator waits for it then, and makes it otherwise. */
  given: boolean;
}

/** The entries of a secret of which a node's PEM files are made. */
export interface PemSource extends SecretRef {
  /** Entries that make up the keystore, one after another: the private key, and the node's certificate. */
  keystore: string[];
  /** Entry with the certificates of the authorities that are trusted. */
  truststore: string;
}

/** Who may speak to the nodes of a ring, and how, as an object says it: with secrets, where the nodes have files. */
export interface RenderedAccess {
  /** True for passwords: PasswordAuthenticator. */
  authentication: boolean;
  /** True for permissions: CassandraAuthorizer. */
  authorization: boolean;
  /** Where the superuser's name and password are. */
  superuser?: SuperuserSecret;
  /** Where the PEM files come from; undefined for a ring that speaks without TLS. */
  pem?: PemSource;
  /** `client_encryption_options`, without its files; undefined where CQL is spoken without TLS. */
  client?: Record<string, unknown>;
  /** `server_encryption_options`, without its files; undefined where nodes speak to each other without TLS. */
  internode?: Record<string, unknown>;
}

/** What of an object's security was read, and what of it does not come true here. */
export interface ReadAccess {
  access: RenderedAccess;
  /** A path and why, for each. */
  ignored: { path: string; reason: string }[];
  problems: Problem[];
}

/** What both kinds of object say of the nodes' stores. */
export interface RenderedStores {
  /** K8ssandraCluster: the secrets of the operator's keystores, and whose they are. */
  stores?: { path: string; role: Role; secret: string | undefined }[];
  /** CassandraDatacenter: secrets that are mounted into Cassandra's container. */
  mounts?: { path: string; secret: string; mountPath: string }[];
}

type Role = "client" | "internode";

/** The settings of cassandra.yaml that are read here. */
const KEYS = {
  authenticator: "authenticator",
  authorizer: "authorizer",
  client: "client_encryption_options",
  internode: "server_encryption_options",
} as const;

/** True for a setting of cassandra.yaml that is read here. */
export function isOfAccess(key: string): boolean {
  return Object.values<string>(KEYS).includes(key);
}

const PASSWORDS = "PasswordAuthenticator";
const PERMISSIONS = "CassandraAuthorizer";
const ALL_ALLOWED = "AllowAll";
const FACTORY = "org.apache.cassandra.security.PEMBasedSslContextFactory";
/** What cert-manager calls the entries of a secret, and what is made of them where the operator would read a JKS. */
const CERT_MANAGER = { keystore: ["tls.key", "tls.crt"], truststore: "ca.crt" };
/** Options that name files or their passwords: replaced by the ring's own. */
const FILES = ["keystore", "keystore_password", "truststore", "truststore_password", "ssl_context_factory"];

/** What is turned off here, by side, and why. */
const NOT_ASKED: Record<Role, Record<string, string>> = {
  client: { require_client_auth: "what looks after the local ring has no certificate of its own" },
  internode: {
    require_endpoint_verification: "nodes have loopback addresses here, which their certificate does not name",
  },
};

/**
 * Reads who may speak to a ring's nodes.
 * @param auth what a K8ssandraCluster says for all of cassandra.yaml; undefined where only cassandra.yaml says it
 * @param settings the merged cassandra.yaml of the first datacenter, and its path
 */
export function readAccess(
  object: KubernetesObject,
  clusterName: unknown,
  auth: boolean | undefined,
  { settings, path }: { settings: Record<string, unknown>; path: string },
  rendered: RenderedStores,
  superuserSecret: string | undefined,
): ReadAccess {
  const found: ReadAccess = { access: { authentication: false, authorization: false }, ignored: [], problems: [] };
  const namespace = object.metadata.namespace ?? "default";
  const { access } = found;
  access.authentication = isOn(KEYS.authenticator, PASSWORDS, auth, settings, path, found);
  access.authorization = isOn(KEYS.authorizer, PERMISSIONS, auth, settings, path, found);
  if (access.authorization && !access.authentication)
    found.problems.push(
      problem(`${path}.authorizer`, settings["authorizer"], "needs the authenticator PasswordAuthenticator", "Set it"),
    );
  if (access.authentication) {
    const name = superuserSecret ?? ringNames(String(clusterName)).superuserSecret;
    access.superuser = { namespace, name, given: superuserSecret !== undefined };
  }
  for (const role of ["client", "internode"] as const) readEncryption(role, namespace, settings, path, rendered, found);
  return found;
}

/** Whether a class of cassandra.yaml is the one that checks; another one than the two that are known is named. */
function isOn(
  key: string,
  checks: string,
  auth: boolean | undefined,
  settings: Record<string, unknown>,
  path: string,
  { ignored }: ReadAccess,
): boolean {
  const value = settings[key];
  const given = isRecord(value) ? value["class_name"] : value;
  if (given === undefined || given === null) return auth === true;
  const name = String(given).split(".").at(-1) ?? "";
  if (name === checks) return true;
  if (!name.startsWith(ALL_ALLOWED))
    ignored.push({ path: `${path}.${key}`, reason: `the local ring knows ${checks} and that all is allowed` });
  return false;
}

function readEncryption(
  role: Role,
  namespace: string,
  settings: Record<string, unknown>,
  path: string,
  rendered: RenderedStores,
  found: ReadAccess,
): void {
  const key = KEYS[role];
  const options = recordAt(settings, key) ?? {};
  const stores = rendered.stores?.find((each) => each.role === role);
  const on = role === "client" ? options["enabled"] === true : (options["internode_encryption"] ?? "none") !== "none";
  if (!on) {
    if (stores !== undefined) found.ignored.push({ path: stores.path, reason: `${path}.${key} does not turn TLS on` });
    return;
  }
  const pem =
    stores === undefined
      ? mounted(namespace, options, `${path}.${key}`, rendered, found)
      : kept(namespace, stores, found);
  if (pem === undefined) return;
  const { pem: other } = found.access;
  if (other !== undefined && JSON.stringify(other) !== JSON.stringify(pem))
    found.problems.push(
      problem(
        `${path}.${key}`,
        pem.name,
        `must use the files of ${other.name}, as the other side of the ring does`,
        "Use one certificate for both",
      ),
    );
  found.access.pem = pem;
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => !FILES.includes(name)));
  for (const [name, reason] of Object.entries(NOT_ASKED[role])) {
    if ((own[name] ?? false) === false) continue;
    own[name] = false;
    found.ignored.push({ path: `${path}.${key}.${name}`, reason });
  }
  found.access[role] = own;
}

/** The secret of the operator's stores; what is in it as PEM is used in place of the keystore. */
function kept(
  namespace: string,
  { path, secret }: { path: string; secret: string | undefined },
  { ignored, problems }: ReadAccess,
): PemSource | undefined {
  if (secret === undefined) {
    problems.push(
      problem(`${path}.keystoreSecretRef.name`, undefined, "must name the secret of the keystore", "Name it"),
    );
    return undefined;
  }
  ignored.push({
    path,
    reason: `the nodes read tls.key, tls.crt and ca.crt of secret ${secret} as PEM, not its keystore`,
  });
  return { namespace, name: secret, ...CERT_MANAGER };
}

/** The secret whose mount the options' files lie in. */
function mounted(
  namespace: string,
  options: Record<string, unknown>,
  path: string,
  { mounts = [] }: RenderedStores,
  { problems }: ReadAccess,
): PemSource | undefined {
  const factory = textAt(options, "ssl_context_factory", "class_name");
  if (factory !== FACTORY) {
    problems.push(
      problem(
        `${path}.ssl_context_factory.class_name`,
        factory,
        `must be ${FACTORY} locally: the files are PEM`,
        "Use PEM files",
      ),
    );
    return undefined;
  }
  const [keystore, truststore] = ["keystore", "truststore"].map((name) => {
    const file = textAt(options, name) ?? "";
    const mount = mounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
    if (mount !== undefined) return { secret: mount.secret, entry: file.slice(mount.mountPath.length + 1) };
    const places = mounts.map(({ mountPath }) => mountPath).join(", ") || "none";
    problems.push(
      problem(
        `${path}.${name}`,
        file,
        `must lie in a secret that is mounted into the container cassandra (${places})`,
        "Mount it there",
      ),
    );
    return undefined;
  });
  if (keystore === undefined || truststore === undefined) return undefined;
  if (keystore.secret !== truststore.secret)
    problems.push(
      problem(`${path}.truststore`, truststore.secret, `must lie in ${keystore.secret} too`, "Use one secret"),
    );
  return { namespace, name: keystore.secret, keystore: [keystore.entry], truststore: truststore.entry };
}

/** Secrets that a pod template mounts into Cassandra's container, and what else of it has no counterpart here. */
export function readMounts(
  podTemplate: unknown,
  path: string,
  reasons: { image: string; plain: string },
): { mounts: NonNullable<RenderedStores["mounts"]>; ignored: ReadAccess["ignored"] } {
  const spec = recordAt(podTemplate, "spec") ?? {};
  const containers = listAt(spec, "containers");
  const volumes = listAt(spec, "volumes");
  const own = containers.find((container) => textAt(container, "name") === "cassandra");
  const mounts: NonNullable<RenderedStores["mounts"]> = [];
  const ignored: ReadAccess["ignored"] = [];
  const used = new Set<unknown>();
  for (const [i, mount] of listAt(own, "volumeMounts").entries()) {
    const volume = volumes.find((each) => textAt(each, "name") === textAt(mount, "name"));
    const [secret, mountPath] = [textAt(volume, "secret", "secretName"), textAt(mount, "mountPath")];
    const at = `${path}.spec.containers.${containers.indexOf(own)}.volumeMounts.${i}`;
    if (secret === undefined || mountPath === undefined) ignored.push({ path: at, reason: reasons.plain });
    else {
      used.add(volume);
      mounts.push({ path: at, secret, mountPath: mountPath.replace(/\/+$/, "") });
    }
  }
  const rest = (value: unknown, at: string, taken: string[], reason: string) => {
    for (const [key, entry] of Object.entries(isRecord(value) ? value : {}))
      if (entry !== undefined && !taken.includes(key)) ignored.push({ path: `${at}.${key}`, reason });
  };
  rest(podTemplate, path, ["spec"], reasons.plain);
  rest(spec, `${path}.spec`, ["containers", "volumes"], reasons.image);
  for (const [i, container] of containers.entries()) {
    const at = `${path}.spec.containers.${i}`;
    if (container === own) rest(container, at, ["name", "volumeMounts"], reasons.image);
    else ignored.push({ path: at, reason: reasons.image });
  }
  for (const [i, volume] of volumes.entries())
    if (!used.has(volume)) ignored.push({ path: `${path}.spec.volumes.${i}`, reason: reasons.plain });
  return { mounts, ignored };
}

/** Stores of a K8ssandraCluster, at the cluster or at one of its datacenters. */
export function readStores(cassandra: unknown, path: string): NonNullable<RenderedStores["stores"]> {
  const roles: Record<Role, string> = { client: "clientEncryptionStores", internode: "serverEncryptionStores" };
  return (["client", "internode"] as const).flatMap((role) => {
    const stores = valueAt(cassandra, [roles[role]]);
    if (!isRecord(stores)) return [];
    return [{ path: `${path}.${roles[role]}`, role, secret: textAt(stores, "keystoreSecretRef", "name") }];
  });
}

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClusterView, untilFound } from "../providers/kubernetes/controller.js";
import { entriesOf } from "../providers/kubernetes/pods/configuration.js";
import type { Login } from "./agreement.js";
import type { RingPlan, RingTls } from "./plan.js";
import type { PemSource, SuperuserSecret } from "./security.js";

/** A plan whose secrets have been found. */
export interface SecuredRing {
  plan: RingPlan;
  /** The superuser that the ring is to have; undefined where no password is asked for. */
  superuser: Login | undefined;
}

/** Bytes of a password that is made here. */
const PASSWORD_BYTES = 32;

/**
 * Finds what a plan's security needs among the objects of its cluster: files of the nodes' certificate, which are
 * written below `dir` for this user alone, and the superuser's password. As the operator does it, the superuser's
 * secret is made where the object names none of its own. Waits for secrets that are not there yet, as a pod that
 * mounts them would, and rejects with what is missing once the signal is aborted.
 */
export async function secureRing(
  plan: RingPlan,
  dir: string,
  cluster: ClusterView,
  signal: AbortSignal,
): Promise<SecuredRing> {
  const { access } = plan;
  if (!access.authentication && access.pem === undefined) return { plan, superuser: undefined };
  const tls = access.pem === undefined ? undefined : await pemFiles(access.pem, dir, cluster, signal);
  const superuser = access.superuser === undefined ? undefined : await login(access.superuser, cluster, signal);
  const { authentication, authorization } = access;
  const sides = {
    client: access.client ?? { enabled: false },
    internode: access.internode ?? { internode_encryption: "none" },
  };
  const security = { authentication, authorization, ...(tls === undefined ? {} : { tls: { ...tls, ...sides } }) };
  return { plan: { ...plan, security }, superuser };
}

async function pemFiles(source: PemSource, dir: string, cluster: ClusterView, signal: AbortSignal): Promise<RingTls> {
  const { namespace, name, keystore, truststore } = source;
  const wanted = [...keystore, truststore];
  const entries = await untilFound(cluster, signal, () => {
    const found = entriesOf(cluster, "Secret", namespace, name);
    return wanted.every((key) => (found?.get(key)?.length ?? 0) > 0) ? found : undefined;
  }).catch((error: unknown) => {
    throw new Error(`the ring's nodes wait for secret ${namespace}/${name} with ${wanted.join(", ")}`, {
      cause: error,
    });
  });
  const text = (key: string) => `${entries.get(key)?.toString("utf8").trimEnd() ?? ""}\n`;
  const folder = join(dir, "tls");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = { keystorePem: join(folder, "keystore.pem"), truststorePem: join(folder, "truststore.pem") };
  writeFileSync(files.keystorePem, keystore.map(text).join(""), { mode: 0o600 });
  writeFileSync(files.truststorePem, text(truststore));
  return files;
}

/** The superuser's name and password. */
async function login(secret: SuperuserSecret, cluster: ClusterView, signal: AbortSignal): Promise<Login> {
  const { namespace, name, given } = secret;
  if (!given && cluster.get("Secret", namespace, name) === undefined) makeSecret(secret, cluster);
  return untilFound(cluster, signal, () => loginOf(cluster, namespace, name)).catch((error: unknown) => {
    throw new Error(`the operator waits for secret ${namespace}/${name} with username and password`, { cause: error });
  });
}

/** Name and password of a secret; undefined where it is not there, or one of them is empty. */
export function loginOf(cluster: Pick<ClusterView, "get">, namespace: string, name: string): Login | undefined {
  const entries = entriesOf(cluster, "Secret", namespace, name);
  const [username, password] = ["username", "password"].map((key) => entries?.get(key)?.toString("utf8") ?? "");
  return username === undefined || password === undefined || username === "" || password === ""
    ? undefined
    : { username, password };
}

function makeSecret({ namespace, name }: SuperuserSecret, cluster: ClusterView): void {
  const encoded = (value: string) => Buffer.from(value, "utf8").toString("base64");
  cluster.put({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels: { "app.kubernetes.io/managed-by": "cass-operator" } },
    type: "Opaque",
    data: { username: encoded(name), password: encoded(randomBytes(PASSWORD_BYTES).toString("base64url")) },
  });
}

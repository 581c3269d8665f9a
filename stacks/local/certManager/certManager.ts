import { X509Certificate } from "node:crypto";
import type { ClusterView, ObjectController } from "../providers/kubernetes/controller.js";
import { type KubernetesObject, keyOf, listAt, recordAt, textAt } from "../providers/kubernetes/object.js";
import { entriesOf } from "../providers/kubernetes/pods/configuration.js";
import { type CertificateRequest, readRequest } from "./request.js";
import { KNOWN_USAGES, type SignedCertificate, type Signer, sign } from "./signing.js";

/** Namespace in which a ClusterIssuer looks for its secret. */
const OWN_NAMESPACE = "cert-manager";
/** Kinds whose change may let a certificate be made. */
const WATCHED = ["Issuer", "ClusterIssuer", "Certificate", "Secret"];
/** cert-manager renews when two thirds of a certificate's time are over. */
const RENEWED_AFTER = 2 / 3;

/** How an object stands: ready, or why not. */
interface Verdict {
  ready: boolean;
  /** One word, as cert-manager has it. */
  reason: string;
  message: string;
  /** Further fields of the status. */
  more?: Record<string, unknown>;
}

/** Who signs, or why nobody does. */
type Found = { signer: Signer | undefined } | { missing: string };

/**
 * A stand-in for cert-manager: issuers that sign for themselves or with an authority's secret, and certificates whose
 * secrets it writes. What an object waits for may come later, in any order. Nothing is renewed.
 */
export class CertManagerStandIn implements ObjectController {
  readonly kinds = ["Issuer", "ClusterIssuer", "Certificate"];
  /** What each certificate's secret was made for, by the secret's name. */
  private readonly made = new Map<string, string>();
  private readonly views = new Map<ClusterView, () => void>();
  private work: Promise<void> = Promise.resolve();

  /** Looks at the object and at all that waits for it. Throws InvalidInputError for what cert-manager would refuse. */
  async applied(
    object: KubernetesObject,
    _previous: KubernetesObject | undefined,
    _signal: AbortSignal,
    cluster: ClusterView,
  ): Promise<undefined> {
    if (object.kind === "Certificate") readRequest(object);
    if (!this.views.has(cluster)) this.follow(cluster);
    await this.look(cluster);
    return undefined;
  }

  /** What is gone issues nothing any more; the secrets of certificates stay, as cert-manager leaves them. */
  async removed(): Promise<void> {
    await this.work;
  }

  close(): void {
    for (const unsubscribe of this.views.values()) unsubscribe();
    this.views.clear();
  }

  private follow(cluster: ClusterView): void {
    const unsubscribe = cluster.onChange(({ key }) => {
      if (WATCHED.includes(key.kind)) void this.look(cluster);
    });
    this.views.set(cluster, unsubscribe);
  }

  /** One look after another: each sees what the one before has written. */
  private look(cluster: ClusterView): Promise<void> {
    this.work = this.work.then(async () => {
      if (!this.views.has(cluster)) return;
      for (const kind of ["Issuer", "ClusterIssuer"])
        for (const each of cluster.list(kind)) judge(cluster, each, issuerVerdict(cluster, each));
      for (const certificate of cluster.list("Certificate"))
        judge(cluster, certificate, await this.certificateVerdict(cluster, certificate));
    });
    return this.work;
  }

  private async certificateVerdict(cluster: ClusterView, object: KubernetesObject): Promise<Verdict> {
    try {
      return await this.issue(cluster, object, readRequest(object));
    } catch (error) {
      return { ready: false, reason: "Failed", message: error instanceof Error ? error.message : String(error) };
    }
  }

  private async issue(cluster: ClusterView, object: KubernetesObject, request: CertificateRequest): Promise<Verdict> {
    const waits = (message: string): Verdict => ({ ready: false, reason: "DoesNotExist", message });
    const { namespace, secretName, issuer } = request;
    const unknown = request.usages.find((usage) => !KNOWN_USAGES.includes(usage));
    if (unknown !== undefined) return waits(`the usage "${unknown}" is not known here; ${KNOWN_USAGES.join(", ")} are`);
    const by = cluster.get(issuer.kind, issuer.kind === "Issuer" ? namespace : "", issuer.name);
    if (by === undefined) return waits(`Referenced "${issuer.kind}" not found: ${issuer.name}`);
    const found = signerOf(cluster, by);
    if ("missing" in found) return waits(found.missing);
    for (const { store, secret, key } of request.keystores)
      if ((entriesOf(cluster, "Secret", namespace, secret)?.get(key)?.length ?? 0) === 0)
        return waits(`the password of the ${store} keystore is not there yet: key ${key} of secret ${secret}`);
    const id = `${namespace}/${secretName}`;
    const wanted = JSON.stringify([request, by.metadata.uid, found.signer?.certificates]);
    const secret = cluster.get("Secret", namespace, secretName);
    const whole = ["tls.crt", "tls.key", "ca.crt"].every((key) => textAt(secret, "data", key) !== undefined);
    if (!whole || this.made.get(id) !== wanted) {
      const signed = await sign(request, found.signer);
      this.made.set(id, wanted);
      cluster.put(secretOf(request, signed));
    }
    return upToDate(cluster, request, object);
  }
}

function issuerVerdict(cluster: ClusterView, issuer: KubernetesObject): Verdict {
  const found = signerOf(cluster, issuer);
  if ("missing" in found) return { ready: false, reason: "ErrGetKeyPair", message: found.missing };
  return found.signer === undefined
    ? { ready: true, reason: "IsReady", message: "" }
    : { ready: true, reason: "KeyPairVerified", message: "Signing CA verified" };
}

/** Who signs for an issuer; nobody else than the certificate itself where it is selfSigned. */
function signerOf(cluster: ClusterView, issuer: KubernetesObject): Found {
  if (recordAt(issuer, "spec", "selfSigned") !== undefined) return { signer: undefined };
  const secretName = textAt(issuer, "spec", "ca", "secretName");
  if (secretName === undefined) return { missing: "the issuer is neither selfSigned nor ca: nothing else signs here" };
  const namespace = issuer.kind === "Issuer" ? (issuer.metadata.namespace ?? "default") : OWN_NAMESPACE;
  const entries = entriesOf(cluster, "Secret", namespace, secretName);
  const [certificates, key, authorities] = ["tls.crt", "tls.key", "ca.crt"].map((name) =>
    entries?.get(name)?.toString(),
  );
  if (certificates === undefined || key === undefined)
    return { missing: `Error getting keypair for CA issuer: secrets "${secretName}" not found` };
  if (!new X509Certificate(certificates).ca)
    return { missing: "Error getting keypair for CA issuer: certificate is not a CA" };
  return { signer: { certificates, key, authorities } };
}

function secretOf(request: CertificateRequest, signed: SignedCertificate): KubernetesObject {
  const { namespace, secretName, labels, annotations, issuer, name, combined, der } = request;
  const base64 = (value: string | Buffer) => Buffer.from(value).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: secretName,
      namespace,
      labels: { ...labels, "controller.cert-manager.io/fao": "true" },
      annotations: {
        ...annotations,
        "cert-manager.io/certificate-name": name,
        "cert-manager.io/issuer-kind": issuer.kind,
        "cert-manager.io/issuer-name": issuer.name,
      },
    },
    type: "kubernetes.io/tls",
    data: {
      "tls.crt": base64(signed.chain),
      "tls.key": base64(signed.key),
      "ca.crt": base64(signed.authorities),
      ...(combined ? { "tls-combined.pem": base64(signed.key + signed.chain) } : {}),
      ...(der ? { "key.der": base64(signed.keyDer) } : {}),
    },
  };
}

function upToDate(
  cluster: ClusterView,
  { namespace, secretName }: CertificateRequest,
  object: KubernetesObject,
): Verdict {
  const pem = entriesOf(cluster, "Secret", namespace, secretName)?.get("tls.crt") ?? Buffer.alloc(0);
  const certificate = new X509Certificate(pem);
  const [from, until] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  const renewal = new Date(from.getTime() + (until.getTime() - from.getTime()) * RENEWED_AFTER);
  return {
    ready: true,
    reason: "Ready",
    message: "Certificate is up to date and has not expired",
    more: {
      notBefore: from.toISOString(),
      notAfter: until.toISOString(),
      renewalTime: renewal.toISOString(),
      revision: object.metadata.generation ?? 1,
    },
  };
}

/** Writes the status; a condition that stays keeps the time of its last change. */
function judge(cluster: ClusterView, object: KubernetesObject, { ready, reason, message, more }: Verdict): void {
  const status = ready ? "True" : "False";
  const before = listAt(object, "status", "conditions").find((each) => textAt(each, "type") === "Ready");
  const since = textAt(before, "status") === status ? textAt(before, "lastTransitionTime") : undefined;
  const condition = {
    type: "Ready",
    status,
    reason,
    message,
    observedGeneration: object.metadata.generation ?? 1,
    lastTransitionTime: since ?? new Date().toISOString(),
  };
  cluster.setStatus(keyOf(object), { ...more, conditions: [condition] });
}

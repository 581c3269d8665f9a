import { createPrivateKey, X509Certificate } from "node:crypto";
import { connect, createServer, type PeerCertificate } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { CertManagerStandIn } from "../../../stacks/local/certManager/index.js";
import { type KubernetesObject, textAt } from "../../../stacks/local/providers/kubernetes/object.js";
import { entriesOf } from "../../../stacks/local/providers/kubernetes/pods/configuration.js";
import { ObjectStore } from "../../../stacks/local/providers/kubernetes/store.js";

type Spec = Record<string, unknown>;

const object = (kind: string, name: string, spec: Spec): KubernetesObject => ({
  apiVersion: "cert-manager.io/v1",
  kind,
  metadata: { name, namespace: "storage" },
  spec,
});
const ECDSA = { algorithm: "ECDSA", encoding: "PKCS8" };
/** The four objects of a ring. */
const selfSigned = object("Issuer", "ring-selfsigned", { selfSigned: {} });
const authority = object("Certificate", "ring-ca", {
  isCA: true,
  commonName: "ring-ca",
  secretName: "ring-ca",
  privateKey: ECDSA,
  issuerRef: { name: "ring-selfsigned", kind: "Issuer" },
});
const issuer = object("Issuer", "ring-ca", { ca: { secretName: "ring-ca" } });
const nodeSpec = {
  secretName: "ring-node-tls",
  dnsNames: ["ring-dc1-service.storage.svc", "*.ring-dc1-all-pods-service.storage.svc"],
  usages: ["server auth", "client auth", "digital signature"],
  duration: "720h",
  privateKey: ECDSA,
  additionalOutputFormats: [{ type: "CombinedPEM" }],
  secretTemplate: { labels: { ring: "one" }, annotations: { owner: "team" } },
  issuerRef: { name: "ring-ca" },
};
const node = object("Certificate", "ring-node", nodeSpec);

function world() {
  const store = new ObjectStore();
  const standIn = new CertManagerStandIn();
  onTestFinished(() => standIn.close());
  const { signal } = new AbortController();
  const apply = (each: KubernetesObject) => standIn.applied(store.put(each), undefined, signal, store);
  const condition = ({ kind, metadata: { namespace = "", name } }: KubernetesObject) => {
    const status = store.get(kind, namespace, name)?.status;
    return [textAt(status, "conditions", 0, "status"), textAt(status, "conditions", 0, "message")];
  };
  const secret = (name: string, key: string) => entriesOf(store, "Secret", "storage", name)?.get(key)?.toString() ?? "";
  return { store, standIn, apply, condition, secret };
}

describe("a certificate", () => {
  it("waits for its issuer, and its issuer for the authority, in whatever order they come", async () => {
    const { apply, condition, secret, standIn } = world();
    await apply(node);
    expect(condition(node)).toEqual(["False", 'Referenced "Issuer" not found: ring-ca']);
    await apply(issuer);
    expect(condition(issuer)).toEqual(["False", 'Error getting keypair for CA issuer: secrets "ring-ca" not found']);
    expect(condition(node)[0]).toBe("False");
    await apply(authority);
    expect(condition(node)[0]).toBe("False");
    await apply(selfSigned);
    await standIn.removed();
    for (const each of [selfSigned, authority, issuer, node])
      expect(condition(each)[0], each.metadata.name).toBe("True");
    expect(secret("ring-node-tls", "tls.crt")).toContain("BEGIN CERTIFICATE");
  });

  it("is what a TLS server shows and a client trusts by the authority alone, under its name", async () => {
    const { apply, secret } = world();
    for (const each of [selfSigned, authority, issuer, node]) await apply(each);
    const combined = secret("ring-node-tls", "tls-combined.pem");
    expect(combined).toBe(secret("ring-node-tls", "tls.key") + secret("ring-node-tls", "tls.crt"));
    const ca = secret("ring-node-tls", "ca.crt");
    const server = createServer({ key: combined, cert: combined, ca, requestCert: true, rejectUnauthorized: true });
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const call = (servername: string, authorities: string) =>
      new Promise<PeerCertificate>((resolve, reject) => {
        const options = { host: "127.0.0.1", port, servername, ca: authorities, key: combined, cert: combined };
        const socket = connect(options, () => {
          resolve(socket.getPeerCertificate());
          socket.destroy();
        });
        socket.once("error", reject);
      });
    const seen = await call("ring-dc1-service.storage.svc", ca);
    expect(seen.subjectaltname).toBe("DNS:ring-dc1-service.storage.svc, DNS:*.ring-dc1-all-pods-service.storage.svc");
    await expect(call("other.storage.svc", ca)).rejects.toThrow(/does not match certificate's altnames/);
    const other = world();
    for (const each of [selfSigned, authority]) await other.apply(each);
    await expect(call("ring-dc1-service.storage.svc", other.secret("ring-ca", "ca.crt"))).rejects.toThrow(
      /certificate/,
    );
  });

  it("has the names, times, labels and key that it asks for", async () => {
    const { apply, secret, store } = world();
    for (const each of [selfSigned, authority, issuer, node]) await apply(each);
    const [leaf, root] = ["ring-node-tls", "ring-ca"].map((name) => new X509Certificate(secret(name, "tls.crt")));
    expect(root?.ca).toBe(true);
    expect(leaf?.ca).toBe(false);
    expect(leaf?.checkIssued(root ?? leaf)).toBe(true);
    expect(leaf?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    const hours = (Date.parse(leaf?.validTo ?? "") - Date.parse(leaf?.validFrom ?? "")) / 3_600_000;
    expect(hours).toBe(720);
    expect(createPrivateKey(secret("ring-node-tls", "tls.key")).asymmetricKeyDetails).toEqual({
      namedCurve: "prime256v1",
    });
    expect(secret("ring-node-tls", "tls.key")).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(store.get("Secret", "storage", "ring-node-tls")).toMatchObject({
      type: "kubernetes.io/tls",
      metadata: { labels: { ring: "one" }, annotations: { owner: "team", "cert-manager.io/issuer-name": "ring-ca" } },
    });
  });

  it("is RSA in PKCS #1 where nothing is said of its key, as with cert-manager", async () => {
    const { apply, secret } = world();
    await apply(selfSigned);
    await apply(
      object("Certificate", "plain", {
        secretName: "plain",
        dnsNames: ["a.b"],
        issuerRef: { name: "ring-selfsigned" },
      }),
    );
    expect(secret("plain", "tls.key")).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    expect(secret("plain", "ca.crt")).toBe(secret("plain", "tls.crt"));
  });

  it("stays as it is while nothing changes, and is issued anew where its request changes or its secret goes", async () => {
    const { apply, secret, store, standIn } = world();
    for (const each of [selfSigned, authority, issuer, node]) await apply(each);
    const first = secret("ring-node-tls", "tls.crt");
    await apply(node);
    expect(secret("ring-node-tls", "tls.crt")).toBe(first);
    await apply(object("Certificate", "ring-node", { ...nodeSpec, dnsNames: ["new.storage.svc"] }));
    const second = secret("ring-node-tls", "tls.crt");
    expect(new X509Certificate(second).subjectAltName).toBe("DNS:new.storage.svc");
    store.remove({ kind: "Secret", namespace: "storage", name: "ring-node-tls" });
    await standIn.removed();
    expect(secret("ring-node-tls", "tls.crt")).not.toBe("");
    expect(secret("ring-node-tls", "tls.crt")).not.toBe(second);
  });

  it("waits for the password of a keystore that it asks for", async () => {
    const { apply, condition, store, standIn } = world();
    for (const each of [selfSigned, authority, issuer]) await apply(each);
    const keystores = { jks: { create: true, passwordSecretRef: { name: "ring-keystore", key: "password" } } };
    const jks = object("Certificate", "jks", { ...nodeSpec, secretName: "jks", keystores });
    const password = (value: string): KubernetesObject => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "ring-keystore", namespace: "storage" },
      data: { password: Buffer.from(value).toString("base64") },
    });
    await apply(jks);
    store.put(password(""));
    await standIn.removed();
    const reason = "the password of the jks keystore is not there yet: key password of secret ring-keystore";
    expect(condition(jks)).toEqual(["False", reason]);
    store.put(password("generated"));
    await standIn.removed();
    expect(condition(jks)[0]).toBe("True");
  });

  it("says so where its issuer's secret is no authority's", async () => {
    const { apply, condition } = world();
    for (const each of [selfSigned, authority, issuer, node]) await apply(each);
    const wrong = object("Issuer", "wrong", { ca: { secretName: "ring-node-tls" } });
    await apply(wrong);
    expect(condition(wrong)).toEqual(["False", "Error getting keypair for CA issuer: certificate is not a CA"]);
  });

  it("is refused with all that cert-manager would refuse", async () => {
    const { apply } = world();
    const bad = object("Certificate", "bad", {
      duration: "10m",
      privateKey: { algorithm: "DSA", size: 1, encoding: "X" },
    });
    await expect(apply(bad)).rejects.toThrow(
      /spec.secretName[\s\S]*spec.issuerRef.name[\s\S]*commonName, dnsNames or ipAddresses[\s\S]*spec.duration[\s\S]*algorithm[\s\S]*encoding[\s\S]*size/,
    );
  });
});

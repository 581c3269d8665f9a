import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority, type ServerCertificate } from "../../stacks/local/entra/authority.js";
import { ServiceAccountIssuer } from "../../stacks/local/providers/kubernetes/index.js";

const NAMESPACE = "shop";

/**
 * What a cluster offers a producer and those who trust it: an API server that issues tokens of service accounts to pods,
 * and the issuer's public documents. All under https on the loopback address, by an authority of its own.
 */
export class ClusterIssuer {
  readonly folder = mkdtempSync(join(tmpdir(), "stowage-cluster-"));
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** Answers every request for the keys with a redirect to another server. */
  redirects = false;
  private server: Server | undefined;
  private issuer: ServiceAccountIssuer | undefined;
  private port = 0;

  private constructor(private readonly certificate: ServerCertificate) {}

  static async open(): Promise<ClusterIssuer> {
    const authority = await CertificateAuthority.create("cluster");
    const cluster = new ClusterIssuer(await authority.issue());
    writeFileSync(cluster.authorityFile, authority.cert);
    await cluster.listen();
    return cluster;
  }

  /** Certificate of the authority: what a worker's `NODE_EXTRA_CA_CERTS` names. */
  get authorityFile(): string {
    return join(this.folder, "ca.crt");
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** Subject of the tokens of a service account. */
  subject(serviceAccount: string): string {
    return `system:serviceaccount:${NAMESPACE}:${serviceAccount}`;
  }

  /** A pod's folder of its service account, as the kubelet mounts it. */
  async pod(serviceAccount: string): Promise<string> {
    const folder = mkdtempSync(join(this.folder, `${serviceAccount}-`));
    const pod = { name: `${serviceAccount}-0`, uid: "5f0c7b1e-0000-4000-8000-000000000000" };
    const { token } = await this.signer().issue({
      ...{ namespace: NAMESPACE, serviceAccount, pod },
      audience: this.url,
      expirationSeconds: 3_600,
    });
    writeFileSync(join(folder, "token"), token);
    writeFileSync(join(folder, "ca.crt"), readFileSync(this.authorityFile));
    return folder;
  }

  /** Listens again on the port that it had. */
  async listen(): Promise<void> {
    const server = createServer(this.certificate, (request, response) => {
      void this.answer(request).then(({ status, body, location }) => {
        response.writeHead(status, {
          "content-type": "application/json",
          ...(location === undefined ? {} : { location }),
        });
        response.end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
    this.issuer ??= new ServiceAccountIssuer(this.url);
  }

  async down(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  async close(): Promise<void> {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private signer(): ServiceAccountIssuer {
    if (this.issuer === undefined) throw new Error("the cluster has not been opened");
    return this.issuer;
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body: object; location?: string }> {
    const { pathname } = new URL(request.url ?? "/", this.url);
    this.asked.push(pathname);
    if (pathname === "/.well-known/openid-configuration")
      return { status: 200, body: { issuer: this.url, jwks_uri: `${this.url}/openid/v1/jwks` } };
    if (pathname === "/openid/v1/jwks" && this.redirects)
      return { status: 302, body: {}, location: `${this.url}/others/jwks` };
    if (pathname.endsWith("/jwks")) return { status: 200, body: this.signer().keySet };
    const [, account] =
      new RegExp(`^/api/v1/namespaces/${NAMESPACE}/serviceaccounts/([^/]+)/token$`).exec(pathname) ?? [];
    if (request.method !== "POST" || account === undefined) return { status: 404, body: {} };
    if (account === "forbidden") return { status: 403, body: { kind: "Status", code: 403 } };
    return { status: 201, body: await this.issued(account, await bodyOf(request)) };
  }

  private async issued(serviceAccount: string, text: string): Promise<object> {
    const { spec } = JSON.parse(text) as {
      spec: { audiences: [string]; expirationSeconds: number; boundObjectRef: { name: string; uid: string } };
    };
    const { token } = await this.signer().issue({
      ...{ namespace: NAMESPACE, serviceAccount, pod: spec.boundObjectRef },
      audience: spec.audiences[0],
      expirationSeconds: spec.expirationSeconds,
    });
    return { kind: "TokenRequest", status: { token } };
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

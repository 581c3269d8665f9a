import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { CertificateAuthority } from "../../../entra/authority.js";
import type { KubernetesObject } from "../object.js";
import type { ServiceAccount, ServiceAccountIssuer } from "../serviceAccountIssuer.js";
import type { ObjectStore } from "../store.js";
import { mayAccess, type SecretAccess, userOf } from "./rights.js";
import { patchSecret, readSecret } from "./secrets.js";
import { ApiError } from "./status.js";

/** What the API is made of. */
export interface ApiOptions {
  store: ObjectStore;
  /** Whose tokens are taken. */
  issuer: ServiceAccountIssuer;
  /** Whether a pod is there; a token is worth nothing once its pod is gone. */
  hasPod(uid: string): boolean;
}

/** Bytes of a request's body, as the API server has it. */
const MAX_BODY = 3 * 1024 * 1024;
/** Time for a request to come, in milliseconds. */
const REQUEST_MS = 30_000;
const MERGE_PATCH = "application/merge-patch+json";
const SECRET = /^\/api\/v1\/namespaces\/([^/]+)\/secrets\/([^/]+)$/;
const VERBS: Record<string, string> = { GET: "get", PUT: "update", PATCH: "patch", DELETE: "delete", POST: "create" };

/**
 * The part of Kubernetes' API that pods of this machine may call: reading and patching a secret, over TLS, with the
 * token of their service account, as far as the roles of the store let them. Anything else is refused in Kubernetes'
 * words.
 */
export class KubernetesApi {
  private constructor(
    private readonly options: ApiOptions,
    private readonly server: Server,
    /** Certificate of the authority that signed the server's, PEM: what `kube-root-ca.crt` holds. */
    readonly authority: string,
  ) {}

  /** Listens on a free port of 127.0.0.1. */
  static async listen(options: ApiOptions): Promise<KubernetesApi> {
    const authority = await CertificateAuthority.create("kubernetes");
    const server = createServer({ ...(await authority.issue()), requestTimeout: REQUEST_MS });
    const api = new KubernetesApi(options, server, authority.cert);
    server.on("request", (request, response) => void api.answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    return api;
  }

  get port(): number {
    const { port } = this.server.address() as AddressInfo;
    return port;
  }

  /** Variables by which a pod finds the API. */
  get environment(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(this.port) };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [code, body] = await this.handle(request).then(
      (object) => [200, object] as const,
      (error: unknown) => {
        const refusal = error instanceof ApiError ? error : new ApiError("InternalError", "an error on the server");
        return [refusal.code, refusal.status] as const;
      },
    );
    // A body that was not read to its end leaves nothing to be spoken after it.
    if (!request.complete) response.setHeader("connection", "close");
    response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  private async handle(request: IncomingMessage): Promise<KubernetesObject> {
    const who = await this.authenticate(request.headers.authorization);
    const path = new URL(request.url ?? "/", "https://kubernetes").pathname;
    const method = request.method ?? "GET";
    const [namespace, name] = (SECRET.exec(path) ?? []).slice(1).map(decodeURIComponent);
    if (namespace === undefined || name === undefined)
      throw new ApiError("NotFound", "the server could not find the requested resource");
    this.authorize(who, { verb: VERBS[method] ?? method.toLowerCase(), namespace, name });
    if (method === "GET") return readSecret(this.options.store, namespace, name);
    if (method !== "PATCH")
      throw new ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource", name);
    const type = request.headers["content-type"]?.split(";")[0]?.trim();
    if (type !== MERGE_PATCH)
      throw new ApiError(
        "UnsupportedMediaType",
        `the body of the request was in an unknown format - accepted media types include: ${MERGE_PATCH}`,
      );
    return patchSecret(this.options.store, namespace, name, parse(await read(request)));
  }

  private async authenticate(authorization: string | undefined): Promise<ServiceAccount> {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization ?? "") ?? [];
    const { issuer, hasPod, store } = this.options;
    const holder = token === undefined ? undefined : await issuer.verify(token);
    const gone = holder?.pod !== undefined && !hasPod(holder.pod.uid);
    const known =
      holder !== undefined &&
      (holder.name === "default" || store.get("ServiceAccount", holder.namespace, holder.name) !== undefined);
    if (holder === undefined || gone || !known) throw new ApiError("Unauthorized", "Unauthorized");
    return holder;
  }

  private authorize(who: ServiceAccount, what: SecretAccess): void {
    if (mayAccess(this.options.store, who, what)) return;
    throw new ApiError(
      "Forbidden",
      `secrets "${what.name}" is forbidden: User "${userOf(who)}" cannot ${what.verb} resource "secrets" in API group "" ` +
        `in the namespace "${what.namespace}"`,
      what.name,
    );
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY) throw new ApiError("RequestEntityTooLarge", `limit is ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiError("BadRequest", "error decoding patch: the body is not JSON");
  }
}

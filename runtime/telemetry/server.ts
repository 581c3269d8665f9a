import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** An answer of a check: whether it holds, and in words why not. */
export interface Health {
  ok: boolean;
  reason: string;
}

/** What the server tells. */
export interface ServerSources {
  /** Whether the process makes progress; a process that does not is restarted. */
  live(): Health;
  /** Whether sink and bus are usable now; asked at most once a second. */
  ready(): Promise<Health>;
  /** The metrics in Prometheus's text format. */
  metrics(): Promise<{ contentType: string; text: string }>;
}

/** Where the server listens. */
export interface ListenAddress {
  host: string;
  /** 0 to 65535; 0 lets the system choose. */
  port: number;
}

/** A server that runs. */
export interface RunningServer {
  address: ListenAddress;
  close(): Promise<void>;
}

/** How long an answer of `/readyz` is good for, in milliseconds: probes must not become load on the store. */
const READY_CACHE_MILLISECONDS = 1_000;
/** How long a request may take to arrive, in milliseconds. */
const REQUEST_MILLISECONDS = 10_000;
const MAX_CONNECTIONS = 64;

/** Serves `/livez`, `/readyz` and `/metrics`. Rejects where the address cannot be had. */
export async function serve(listen: ListenAddress, sources: ServerSources): Promise<RunningServer> {
  const ready = cached(sources.ready, READY_CACHE_MILLISECONDS);
  const server = createServer((request, response) => {
    answer(request, response, sources, ready).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_MILLISECONDS;
  server.headersTimeout = REQUEST_MILLISECONDS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => resolve());
  });
  const bound = server.address();
  const port = bound !== null && typeof bound === "object" ? bound.port : listen.port;
  return {
    address: { host: listen.host, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  sources: ServerSources,
  ready: () => Promise<Health>,
): Promise<void> {
  request.resume();
  const path = request.url?.split("?")[0];
  if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "Only GET is answered.\n");
  if (path === "/livez") return health(response, sources.live());
  if (path === "/readyz") return health(response, await ready());
  if (path !== "/metrics") return send(response, 404, "There are /livez, /readyz and /metrics.\n");
  const { contentType, text } = await sources.metrics();
  return send(response, 200, text, contentType);
}

function health(response: ServerResponse, found: Health): void {
  send(response, found.ok ? 200 : 503, `${found.reason}\n`);
}

function send(response: ServerResponse, status: number, text: string, contentType = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" });
  response.end(text);
}

/** Asks at most once in `forMilliseconds`, and never twice at a time. */
function cached(ask: () => Promise<Health>, forMilliseconds: number): () => Promise<Health> {
  let asked = Number.NEGATIVE_INFINITY;
  let answerOfLast: Promise<Health> | undefined;
  let pending = false;
  return () => {
    const now = performance.now();
    if (answerOfLast !== undefined && (pending || now - asked < forMilliseconds)) return answerOfLast;
    asked = now;
    pending = true;
    answerOfLast = ask()
      .catch((error: unknown) => ({ ok: false, reason: error instanceof Error ? error.message : String(error) }))
      .finally(() => {
        pending = false;
        asked = performance.now();
      });
    return answerOfLast;
  };
}

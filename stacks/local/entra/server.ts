import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { ServerCertificate } from "./authority.js";

/** The longest body that is read: a request for a token is a few KiB. */
const MAX_BODY_BYTES = 65_536;
/** How long a request may take to arrive, in milliseconds. */
const REQUEST_TIME_OUT_MS = 10_000;
const LOOPBACK = "127.0.0.1";

/** What a route is asked. */
export interface EntraRequest {
  readonly tenant: string;
  /** Fields of a form; empty for a GET. */
  readonly form: URLSearchParams;
}

/** An answer: status, and what goes out as JSON. */
export interface EntraAnswer {
  readonly status: number;
  readonly body: object;
}

/** `METHOD path-after-the-tenant`, lower case, to what answers it. */
export type EntraRoutes = Readonly<Record<string, (request: EntraRequest) => Promise<EntraAnswer> | EntraAnswer>>;

/** An HTTPS server on the loopback address that answers with JSON alone. */
export class EntraServer {
  private readonly server: Server;

  constructor(
    certificate: ServerCertificate,
    private readonly routes: EntraRoutes,
  ) {
    this.server = createServer({ ...certificate, minVersion: "TLSv1.2" }, (request, response) => {
      void this.answer(request).then((answer) => send(response, answer));
    });
    this.server.requestTimeout = REQUEST_TIME_OUT_MS;
    this.server.headersTimeout = REQUEST_TIME_OUT_MS;
  }

  /** Listens on a port, 0 for any that is free; gives the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, LOOPBACK, () => {
        this.server.off("error", reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening and ends what is connected. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async answer(request: IncomingMessage): Promise<EntraAnswer> {
    const { pathname } = new URL(request.url ?? "/", "https://localhost");
    const [, tenant = "", ...rest] = pathname.split("/");
    const route = this.routes[`${request.method} ${rest.join("/").toLowerCase()}`];
    if (route === undefined) return { status: 404, body: { error: "not_found", path: pathname } };
    const body = request.method === "POST" ? await read(request) : "";
    if (body === undefined) return { status: 413, body: { error: "request_too_large" } };
    try {
      return await route({ tenant: decodeURIComponent(tenant), form: new URLSearchParams(body) });
    } catch (error) {
      return { status: 500, body: { error: "server_error", error_description: String(error) } };
    }
  }
}

/** The body; undefined where it is longer than any request for a token. */
async function read(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function send(response: ServerResponse, { status, body }: EntraAnswer): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store, no-cache",
    pragma: "no-cache",
    // A body that was not read to its end cannot be followed by another request.
    ...(status === 413 ? { connection: "close" } : {}),
  });
  response.end(JSON.stringify(body));
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { RawRequest, RawResponse } from "./dispatch.js";

/** Largest body that is read, in bytes; LINSTOR's requests have a few hundred. */
const MAX_BODY_BYTES = 1024 * 1024;

/** What a test may do to a request. */
export const FaultAction = {
  /** Answers later; the state is changed when the wait is over. */
  Delay: "delay",
  /** 500 with a body that is not LINSTOR's; nothing is changed. */
  Status500: "status500",
  /** Closes the connection before anything is changed. */
  DropBefore: "dropBefore",
  /** Changes the state, and closes the connection without an answer. */
  DropAfter: "dropAfter",
  /** Never answers, until the client goes away. */
  Hang: "hang",
  /** Calls `call`, then goes on as if there were no fault: something else happens at that very moment. */
  Call: "call",
} as const;
export type FaultAction = (typeof FaultAction)[keyof typeof FaultAction];

export interface Fault {
  action: FaultAction;
  /** HTTP method; any where it is absent. */
  method?: string;
  /** Path with query; any where it is absent. */
  path?: RegExp;
  /** So many matching requests are let through first. @default 0 */
  skip?: number;
  /** How often it strikes. @default 1 */
  times?: number;
  /** For a delay, in milliseconds. */
  milliseconds?: number;
  /** For `call`. */
  call?: () => void;
}

/** Faults by request, first match first. */
export class Faults {
  private readonly list: (Fault & { left: number; passes: number })[] = [];

  add(fault: Fault): void {
    this.list.push({ ...fault, left: fault.times ?? 1, passes: fault.skip ?? 0 });
  }

  clear(): void {
    this.list.length = 0;
  }

  take(request: RawRequest): Fault | undefined {
    const found = this.list.find(
      (f) => f.left > 0 && (f.method ?? request.method) === request.method && (f.path?.test(request.url) ?? true),
    );
    if (found === undefined) return undefined;
    if (found.passes > 0) {
      found.passes--;
      return undefined;
    }
    found.left--;
    return found;
  }
}

/** The API over HTTP, on loopback. */
export class HttpApi {
  readonly faults = new Faults();
  private server: Server | undefined;
  private address: { host: string; port: number } | undefined;

  constructor(private readonly execute: (request: RawRequest) => RawResponse) {}

  /** `http://127.0.0.1:PORT`; throws before `listen`. */
  get url(): string {
    if (this.address === undefined) throw new Error("The LINSTOR stand-in does not listen yet");
    return `http://${this.address.host}:${this.address.port}`;
  }

  /** Listens on a loopback address; port 0 means any free one. A second call is the first's. */
  async listen(port = 0, host = "127.0.0.1"): Promise<void> {
    if (this.server !== undefined) return;
    if (!host.startsWith("127.")) throw new Error(`The LINSTOR stand-in listens on loopback only, not on ${host}`);
    const server = createServer((request, response) => {
      this.answer(request, response).catch(() => response.destroy());
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        this.server = undefined;
        reject(error);
      });
      server.listen(port, host, resolve);
    });
    const bound = server.address() as AddressInfo;
    this.address = { host, port: bound.port };
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  private async answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(message);
    if (body === undefined) {
      response.writeHead(413).end();
      return;
    }
    const request = { method: message.method ?? "GET", url: message.url ?? "/", body };
    const fault = this.faults.take(request);
    fault?.call?.();
    switch (fault?.action) {
      case FaultAction.DropBefore:
        message.socket.destroy();
        return;
      case FaultAction.Hang:
        return;
      case FaultAction.Status500:
        send(response, { status: 500, text: "stand-in: injected fault" }, "text/plain");
        return;
      case FaultAction.Delay:
        await new Promise((resolve) => setTimeout(resolve, fault.milliseconds ?? 0).unref());
    }
    const result = this.execute(request);
    if (fault?.action === FaultAction.DropAfter) message.socket.destroy();
    else send(response, result, "application/json");
  }
}

function send(response: ServerResponse, { status, text }: RawResponse, type: string): void {
  const headers = text === "" ? {} : { "Content-Type": type };
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(text) }).end(text);
}

/** The body as text; undefined where it is too large. */
async function bodyOf(message: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message) {
    const bytes = part as Buffer;
    size += bytes.length;
    if (size > MAX_BODY_BYTES) return undefined;
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}

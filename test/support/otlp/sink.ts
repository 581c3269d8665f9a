import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { type DecodedExport, type DecodedMetric, type DecodedSpan, decodeExport } from "./decode.js";

/** One request that came. */
export interface OtlpRequest extends DecodedExport {
  path: string;
  headers: IncomingHttpHeaders;
}

/** A collector of the tests': takes OTLP over http/protobuf on loopback and keeps what it decodes. */
export class OtlpSink {
  readonly requests: OtlpRequest[] = [];
  /** What it answers with. */
  status = 200;
  /** True to take requests and never answer. */
  silent = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a free port, or on the one that is given. */
  static async start(port = 0): Promise<OtlpSink> {
    const server = createServer();
    const sink = new OtlpSink(server);
    server.on("request", (request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const raw = Buffer.concat(parts);
        const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
        const path = request.url ?? "";
        const signal = path.endsWith("/metrics") ? "metrics" : "traces";
        sink.requests.push({ path, headers: request.headers, ...decodeExport(body, signal) });
        if (sink.silent) return;
        response.writeHead(sink.status, { "content-type": "application/x-protobuf" });
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return sink;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get spans(): DecodedSpan[] {
    return this.requests.flatMap((request) => request.spans);
  }

  /** The metrics of the last request that brought any, by name. */
  get metrics(): Map<string, DecodedMetric> {
    const last = this.requests.findLast((request) => request.metrics.length > 0);
    return new Map(last?.metrics.map((metric) => [metric.name, metric]));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

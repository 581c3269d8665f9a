import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { POD_IP } from "./identity.js";
import { type Pace, pause } from "./pace.js";
import type { Handler, Probe } from "./template.js";

/** What a probe needs of its container. */
export interface ProbeTarget {
  /** The local port of a container port's number or name. */
  localPort(port: number | string): number;
  /** Runs a command in the container's environment; gives its exit code and the beginning of its output. */
  exec(command: string[], timeoutMs: number): Promise<{ exitCode: number; output: string }>;
}

const SHOWN = 200;

/** Runs a handler once. The result says why it failed; undefined is success. Never rejects. */
export async function probeOnce(handler: Handler, target: ProbeTarget, timeoutMs: number): Promise<string | undefined> {
  try {
    if (handler.httpGet !== undefined) return await httpProbe(handler.httpGet, target, timeoutMs);
    if (handler.tcpSocket !== undefined) return await tcpProbe(handler.tcpSocket, target, timeoutMs);
    if (handler.exec !== undefined) {
      const { exitCode, output } = await target.exec(handler.exec.command, timeoutMs);
      return exitCode === 0 ? undefined : `command ended with ${exitCode}${output === "" ? "" : `: ${output}`}`;
    }
    return "it says nothing to do";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function httpProbe(
  get: NonNullable<Handler["httpGet"]>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<string | undefined> {
  const path = get.path.startsWith("/") ? get.path : `/${get.path}`;
  const options = {
    host: get.host ?? POD_IP,
    port: target.localPort(get.port),
    path,
    headers: { "user-agent": "kube-probe/1.34", ...Object.fromEntries(get.httpHeaders.map((h) => [h.name, h.value])) },
    agent: false as const,
    // As the kubelet, which does not look at the certificate either.
    rejectUnauthorized: false,
    // Bounds the whole exchange, an endless body too.
    signal: AbortSignal.timeout(timeoutMs),
  };
  return new Promise((resolve) => {
    const call = (get.scheme === "HTTPS" ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0;
      let body = "";
      const finish = () => {
        const text = body.slice(0, SHOWN).trim();
        const good = status >= 200 && status < 400;
        resolve(good ? undefined : `GET ${path} answered ${status}${text === "" ? "" : `: ${text}`}`);
        call.destroy();
      };
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length >= SHOWN) finish();
      });
      response.on("end", finish);
      response.on("error", finish);
    });
    call.on("error", (error) =>
      resolve(
        options.signal.aborted ? `GET ${path} did not answer within ${timeoutMs} ms` : `GET ${path}: ${error.message}`,
      ),
    );
    call.end();
  });
}

function tcpProbe(
  to: NonNullable<Handler["tcpSocket"]>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<string | undefined> {
  const port = target.localPort(to.port);
  return new Promise((resolve) => {
    const socket = connect({ host: to.host ?? POD_IP, port });
    const finish = (failure: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(failure);
    };
    const timer = setTimeout(() => finish(`no connection within ${timeoutMs} ms`), timeoutMs);
    socket.once("connect", () => finish(undefined));
    socket.once("error", (error) => finish(error.message));
  });
}

/** Whom a probe's loop tells. */
export interface ProbeListener {
  /** It passed, or failed, often enough for its thresholds; `failure` says why it failed. Told after each such try. */
  decided(failure: string | undefined): void;
  /** One try failed. */
  failed(failure: string): void;
}

/**
 * Probes until the signal is aborted. An eager probe is tried four times a second until it passes for the first time,
 * so that a pod is known to be ready when it is; it still has failureThreshold times its period before it counts as
 * failed.
 */
export async function probeLoop(
  probe: Probe,
  target: ProbeTarget,
  pace: Pace,
  eager: boolean,
  signal: AbortSignal,
  listener: ProbeListener,
): Promise<void> {
  await pause(probe.initialDelaySeconds * pace.secondMs, signal);
  const periodMs = probe.periodSeconds * pace.secondMs;
  const budgetMs = probe.failureThreshold * periodMs;
  let eagerUntil = performance.now() + budgetMs;
  let waitsForFirst = eager;
  let passes = 0;
  let failures = 0;
  while (!signal.aborted) {
    const begun = performance.now();
    const failure = await probeOnce(probe, target, probe.timeoutSeconds * 1_000);
    if (signal.aborted) return;
    const everyMs = waitsForFirst ? Math.min(periodMs, pace.secondMs / 4) : periodMs;
    if (failure === undefined) {
      failures = 0;
      passes += 1;
      eagerUntil = begun + budgetMs;
      if (passes >= probe.successThreshold) {
        waitsForFirst = false;
        listener.decided(undefined);
      }
    } else {
      passes = 0;
      failures += 1;
      listener.failed(failure);
      if (waitsForFirst ? begun >= eagerUntil : failures >= probe.failureThreshold) listener.decided(failure);
    }
    await pause(Math.max(0, begun + everyMs - performance.now()), signal);
  }
}

import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { ExitCode } from "../../runtime/contract/codes.js";
import { InvalidInputError, problem } from "../../runtime/contract/problems.js";
import { Broker, BrokerError, type BrokerOptions } from "../local/broker/index.js";
import type { BrokerCommandOptions } from "./main.js";
import { stopping } from "./stopping.js";

/** What `--json` prints when the broker listens. */
interface Listening {
  /** For `ServiceBusClient`. */
  connectionString: string;
  amqp: { host: string; port: number };
  admin: { host: string; port: number };
  /** Whether both ports take TLS beside plain text. */
  tls: boolean;
  /** Queues, topics and subscriptions that the configuration made. */
  entities: number;
}

interface Pem {
  key: string;
  cert: string;
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** Runs the broker until a signal ends it. Gives the exit code. */
export async function broker(options: BrokerCommandOptions): Promise<ExitCode> {
  const ended = once(stopping(), "abort");
  const config = options.config === undefined ? undefined : await configuration(options.config);
  checkHost(options);
  const tls = await certificate(options);
  const { data, maxBytes, maxMessageBytes } = options;
  const bus = await made({
    ...(data === undefined ? {} : { data }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(config === undefined ? {} : { namespace: { name: config.name } }),
  });
  // Nothing can be written into the data folder any more.
  const failed = new Promise<never>((_, reject) => bus.once("error", reject));
  failed.catch(() => {});
  try {
    const entities = config?.apply(bus) ?? 0;
    const { host } = options;
    const secure = tls === undefined ? {} : { tls, plainText: true };
    const amqp = await opened("--port", options.port, host, () => bus.listen({ host, port: options.port, ...secure }));
    const admin = await opened("--admin-port", options.adminPort, host, () =>
      bus.listenAdmin({ host, port: options.adminPort, ...secure }),
    );
    const connectionString = bus.connectionString();
    announce({ connectionString, amqp, admin, tls: tls !== undefined, entities }, options);
    await Promise.race([ended, failed]);
  } finally {
    await bus.close();
  }
  return ExitCode.Ok;
}

/** Makes a broker; a data folder that cannot be had is something missing. */
async function made(options: BrokerOptions): Promise<Broker> {
  try {
    return new Broker(options);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const { MissingRequirementError } = await import("../local/engine/requirements.js");
    throw new MissingRequirementError([error.message]);
  }
}

function announce(listening: Listening, options: BrokerCommandOptions): void {
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(listening)}\n`);
    return;
  }
  const { connectionString, admin, tls, entities } = listening;
  const lines = [
    `The broker listens${entities === 0 ? "" : `, with ${entities} queues, topics and subscriptions`}. Ctrl-C ends it.`,
    `Connection string: ${connectionString}`,
    `Administration:    http${tls ? "s" : ""}://${admin.host.includes(":") ? `[${admin.host}]` : admin.host}:${admin.port}`,
  ];
  if (options.tlsCa !== undefined) lines.push(`Trust for TLS:     NODE_EXTRA_CA_CERTS=${options.tlsCa}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Reads a file that an option names. */
function file(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new InvalidInputError("stowage broker", [problem(option, path, reason, "Name a file that is there.")]);
  }
}

/** The configuration file: the namespace's name, and what makes its entities. */
async function configuration(path: string): Promise<{ name: string; apply: (bus: Broker) => number }> {
  const text = file("--config", path);
  // Loaded where there is a file only: a broker without one starts faster.
  const { applyConfig, ConfigError, parseConfig } = await import("../local/broker/config/index.js");
  const refusing = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const problems = error.problems.map(({ path: at, value, reason, fix }) => problem(at, value, reason, fix));
      throw new InvalidInputError(path, problems);
    }
  };
  const config = refusing(() => parseConfig(text));
  return { name: config.namespace, apply: (bus) => refusing(() => applyConfig(bus, config)) };
}

function checkHost({ host, allowRemote }: BrokerCommandOptions): void {
  if (allowRemote !== true && !LOOPBACK.test(host)) {
    const fix = "Use 127.0.0.1, or say --allow-remote.";
    const reason = "is no loopback address, and whoever reaches the broker may use it";
    throw new InvalidInputError("stowage broker", [problem("--host", host, reason, fix)]);
  }
}

/** Key and certificate for TLS, where it is asked for: given, or made for this run. */
async function certificate({ tlsCa, tlsKey, tlsCert }: BrokerCommandOptions): Promise<Pem | undefined> {
  if ((tlsKey === undefined) !== (tlsCert === undefined)) {
    const missing = tlsKey === undefined ? "--tls-key" : "--tls-cert";
    const problems = [problem(missing, undefined, "is missing", "Give both --tls-key and --tls-cert.")];
    throw new InvalidInputError("stowage broker", problems);
  }
  if (tlsKey !== undefined && tlsCert !== undefined)
    return usable(tlsKey, tlsCert, { key: file("--tls-key", tlsKey), cert: file("--tls-cert", tlsCert) });
  if (tlsCa === undefined) return undefined;
  const { CertificateAuthority } = await import("../local/entra/authority.js");
  const authority = await CertificateAuthority.create("stowage broker");
  try {
    writeFileSync(tlsCa, authority.cert);
  } catch (error) {
    const reason = `cannot be written: ${error instanceof Error ? error.message : String(error)}`;
    throw new InvalidInputError("stowage broker", [
      problem("--tls-ca", tlsCa, reason, "Name a file in a folder that is there."),
    ]);
  }
  return authority.issue();
}

/** A key and its chain, if TLS takes them; otherwise what is wrong with the two files. */
function usable(tlsKey: string, tlsCert: string, pem: Pem): Pem {
  try {
    createSecureContext(pem);
    return pem;
  } catch (error) {
    const reason = `cannot be used together: ${error instanceof Error ? error.message : String(error)}`;
    const fix = "Give a private key and the certificate chain of that key, both PEM and without a passphrase.";
    throw new InvalidInputError("stowage broker", [
      problem("--tls-key and --tls-cert", `${tlsKey}, ${tlsCert}`, reason, fix),
    ]);
  }
}

/** Opens a port; one that is held names its holder, and is something missing. */
async function opened<T>(option: string, port: number, host: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
      const reason = `is no address of this machine: ${error instanceof Error ? error.message : code}`;
      throw new InvalidInputError("stowage broker", [problem("--host", host, reason, "Give one that is.")]);
    }
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    const { MissingRequirementError } = await import("../local/engine/requirements.js");
    const { holderOf } = await import("../local/run/ports.js");
    const holder = code === "EADDRINUSE" ? holderOf(port) : undefined;
    const why = code === "EADDRINUSE" ? `is held by ${holder ?? "another process"}` : "may not be opened by this user";
    throw new MissingRequirementError([`Port ${port} (${option}) ${why}. End that, or choose another port.`]);
  }
}

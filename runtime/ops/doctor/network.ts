import { lookup } from "node:dns/promises";
import { request } from "node:https";
import { connect, isIP, type Socket } from "node:net";
import { connect as secure } from "node:tls";
import { errorText } from "../../bus/errors.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** Where the bus is, and how it is spoken to. */
export interface Address {
  host: string;
  /** @default 5671, 5672 without TLS */
  port: number;
  /** False for a broker that is spoken to as to Microsoft's emulator. */
  tls: boolean;
  /** True for a namespace of Azure, at the standard port: there is HTTPS at the same host. */
  standard: boolean;
}

/** Time limit of each, in milliseconds. */
const LIMIT_MILLISECONDS = 8_000;
/** Entra ID takes no token of a clock that is five minutes away. */
const SKEW_FAILS_SECONDS = 300;
const SKEW_WARNS_SECONDS = 30;

/** The address in `contoso.servicebus.windows.net` or `localhost:5672`. */
export function addressOf(namespace: string, tls: boolean): Address {
  const [host = "", port] = namespace.split(":");
  return {
    host,
    port: port === undefined ? (tls ? 5671 : 5672) : Number(port),
    tls,
    standard: tls && port === undefined,
  };
}

/** Name, port, TLS and clock, in this order; what comes after the first that fails is not tried. */
export async function* networkFindings(address: Address, now: () => number): AsyncGenerator<Finding> {
  for (const step of [dns, tcp, tls, clock]) {
    const finding = await step(address, now);
    if (finding === undefined) continue;
    yield finding;
    if (finding.status === "fail" && step !== clock) return;
  }
}

async function dns({ host }: Address): Promise<Finding> {
  try {
    const found = await within(lookup(host, { all: true }), "the name service did not answer");
    return ok("dns", `${host} is ${found.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    return fail(
      "dns",
      `${host} has no address: ${errorText(error)}`,
      "Check the name. Behind a private endpoint the zone privatelink.servicebus.windows.net must be linked to this network.",
    );
  }
}

async function tcp({ host, port }: Address): Promise<Finding> {
  try {
    return await established(connect({ host, port }), "connect", () => ok("tcp", `${host}:${port} takes connections`));
  } catch (error) {
    return fail(
      "tcp",
      `${host}:${port} cannot be reached: ${errorText(error)}`,
      `Open port ${port} outwards (the service tag ServiceBus on Azure), and let this network in at the namespace's firewall.`,
    );
  }
}

async function tls({ host, port, tls: used }: Address): Promise<Finding> {
  if (!used)
    return warn("tls", "plain TCP, as to Microsoft's emulator", "Never in Azure: leave out developmentEmulator there.");
  const socket = secure({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) });
  try {
    return await established(socket, "secureConnect", () => {
      const { valid_to: until, subject } = socket.getPeerCertificate();
      return ok("tls", `${socket.getProtocol()}, certificate of ${subject.CN ?? host}, valid until ${until}`);
    });
  } catch (error) {
    // Unset where it did not come to a certificate at all.
    if (!socket.authorizationError)
      return fail(
        "tls",
        `${host}:${port} does not answer as TLS does: ${errorText(error)}`,
        "Something else listens there, or a proxy or firewall cuts TLS off: check host, port and the way out.",
      );
    return fail(
      "tls",
      `the certificate of ${host} is not taken: ${errorText(error)}`,
      "A proxy that opens TLS must be passed by, or its authority trusted with NODE_EXTRA_CA_CERTS.",
    );
  }
}

/** Tokens and signatures have times in them. Undefined where there is nobody to ask. */
async function clock({ host, standard }: Address, now: () => number): Promise<Finding | undefined> {
  if (!standard) return undefined;
  try {
    const [theirs, at] = await within(dateOf(host, now), "no answer over HTTPS");
    // The header has whole seconds.
    return skewFinding(Math.abs(theirs + 500 - at) / 1_000);
  } catch (error) {
    return warn(
      "clock",
      `the time at ${host} cannot be read: ${errorText(error)}`,
      "Open port 443 as well, or compare this machine's clock yourself.",
    );
  }
}

/** What a clock that is so many seconds away means. */
export function skewFinding(seconds: number): Finding {
  const detail = `this machine's clock is ${seconds.toFixed(1)} s away from the service's`;
  const fix = "Let the machine's clock be set by NTP (chrony, systemd-timesyncd).";
  if (seconds >= SKEW_FAILS_SECONDS) return fail("clock", `${detail}: tokens are not taken`, fix);
  return seconds >= SKEW_WARNS_SECONDS ? warn("clock", detail, fix) : ok("clock", detail);
}

/** The service's time and the machine's at the middle of the request. */
function dateOf(host: string, now: () => number): Promise<[number, number]> {
  return new Promise((resolve, reject) => {
    const began = now();
    const asking = request({ host, method: "HEAD", path: "/", timeout: LIMIT_MILLISECONDS }, (answer) => {
      answer.resume();
      const date = Date.parse(answer.headers.date ?? "");
      if (Number.isNaN(date)) reject(new Error("the answer has no date"));
      else resolve([date, (began + now()) / 2]);
    });
    asking.on("timeout", () => asking.destroy(new Error(`no answer within ${LIMIT_MILLISECONDS / 1_000} s`)));
    asking.on("error", reject);
    asking.end();
  });
}

/** What is seen once a socket is there; the socket is ended. Rejects with the system's error, or after the limit. */
async function established<T>(socket: Socket, event: "connect" | "secureConnect", seen: () => T): Promise<T> {
  try {
    const there = new Promise<T>((resolve, reject) => {
      socket.once(event, () => resolve(seen()));
      socket.once("error", reject);
    });
    return await within(there, "no answer");
  } finally {
    socket.on("error", () => undefined);
    socket.destroy();
  }
}

async function within<T>(promise: Promise<T>, words: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${words} within ${LIMIT_MILLISECONDS / 1_000} s`)), LIMIT_MILLISECONDS);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

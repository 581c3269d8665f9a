import type { ListenAddress } from "../telemetry/index.js";

const MAX_PORT = 65_535;

/** The address that `HOST:PORT` or `[IPv6]:PORT` means; undefined where the text is neither. */
export function listenAddress(text: string | undefined): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text ?? "");
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > MAX_PORT ? undefined : { host, port };
}

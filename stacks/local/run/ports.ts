import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A socket that listens, as the kernel lists it. */
interface Listener {
  /** Address in the kernel's own hexadecimal form; only good for telling two apart. */
  address: string;
  port: number;
  inode: string;
}

/** State of a listening socket in /proc/net/tcp: TCP_LISTEN of include/net/tcp_states.h. */
const LISTEN = "0A";

function listeners(): Listener[] {
  return ["tcp", "tcp6"].flatMap((table) => {
    const [, ...lines] = readFileSync(`/proc/net/${table}`, "utf8").trim().split("\n");
    return lines.flatMap((line) => {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      return state === LISTEN ? [{ address, port: Number.parseInt(port, 16), inode }] : [];
    });
  });
}

function socketsOf(pid: string): Set<string> {
  try {
    return new Set(
      readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
        } catch {
          return [];
        }
      }),
    );
  } catch {
    return new Set();
  }
}

/** What listens in a process, as `ADDRESS:PORT` in the kernel's form. Only one's own processes can be read. */
export function listeningIn(pid: number): string[] {
  const sockets = socketsOf(String(pid));
  return listeners().flatMap(({ address, port, inode }) => (sockets.has(inode) ? [`${address}:${port}`] : []));
}

/** Everything that listens on this machine, in the same form. */
export function listeningNow(): Set<string> {
  return new Set(listeners().map(({ address, port }) => `${address}:${port}`));
}

/** Who listens on a port, on whatever address: `process 4711 (java)`; undefined where nobody does or may be seen. */
export function holderOf(port: number): string | undefined {
  const inodes = new Set(listeners().flatMap((each) => (each.port === port ? [each.inode] : [])));
  if (inodes.size === 0) return undefined;
  const pid = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .find((entry) => [...socketsOf(entry)].some((inode) => inodes.has(inode)));
  if (pid === undefined) return undefined;
  return `process ${pid} (${readFileSync(`/proc/${pid}/comm`, "utf8").trim()})`;
}

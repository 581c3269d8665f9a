/** What is rewritten: the three things in which a process on this machine differs from a container. */
export const RewriteKind = {
  MountPath: "mount path",
  Port: "port",
  Image: "image",
} as const;
export type RewriteKind = (typeof RewriteKind)[keyof typeof RewriteKind];

/** One rewriting, as it is listed for the user. */
export interface Rewrite {
  /** `namespace/pod`. */
  pod: string;
  what: RewriteKind;
  from: string;
  to: string;
}

/** Where a container's mount paths and ports lie on this machine. */
export interface Places {
  /** Mount path (no slash at the end) to the folder or file that stands for it. */
  mounts: ReadonlyMap<string, string>;
  /** Container port to local port. */
  ports: ReadonlyMap<number, number>;
}

const LOCAL_HOST = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\*|\[::1?\]|)$/;
const ABOUT_PORT = /port|listen|bind|addr|serve|http|socket|endpoint/i;

/**
 * Rewrites mount paths and ports in a command, an argument or the value of a variable. A path is replaced where it
 * stands as a whole or as the beginning of a longer one; a port where it stands as a whole number and is not the
 * port of another host (`db.example:8080` stays).
 */
export function rewriteText(text: string, places: Places): string {
  return replace(text, places, () => true);
}

/**
 * Rewrites the contents of a mounted file. Its numbers mean more things than those of a command line, so that a port
 * is replaced only after a colon (`0.0.0.0:8080`), alone in its line, or where the word before it in its line speaks
 * of a port or an address (`"listenPort": 8080`); `"maxBytes": 8080` stays.
 */
export function rewriteFile(text: string, places: Places): string {
  return replace(text, places, (before) => {
    if (before.endsWith(":") && !/["'\w]\s*:$/.test(before)) return true;
    if (isHostPort(before)) return true;
    const word = before.match(/([A-Za-z_][\w.-]*)[^A-Za-z_]*$/)?.[1];
    return word === undefined || ABOUT_PORT.test(word);
  });
}

/** One pass over the text, so that what was put in is never rewritten again. */
function replace(text: string, places: Places, isPort: (lineBefore: string) => boolean): string {
  const paths = [...places.mounts.keys()].sort((a, b) => b.length - a.length).map(literally);
  const ports = [...places.ports.keys()].map(String);
  const parts = [
    // A path begins where no other path or word goes on; `file://` is the one scheme whose path lies on this machine.
    ...(paths.length > 0 ? [`(?:(?<![\\w./-])|(?<=file://))(?<path>${paths.join("|")})(?=/|[^\\w.-]|$)`] : []),
    ...(ports.length > 0 ? [`(?<![\\w.-])(?<port>${ports.join("|")})(?![\\w-]|\\.\\d)`] : []),
  ];
  if (parts.length === 0) return text;
  return text.replaceAll(new RegExp(parts.join("|"), "g"), (...match: unknown[]) => {
    const found = String(match[0]);
    const { path, port } = match.at(-1) as { path?: string; port?: string };
    if (path !== undefined) return places.mounts.get(path) ?? found;
    const before = text.slice(0, Number(match.at(-3)));
    const line = before.slice(before.lastIndexOf("\n") + 1);
    if (port === undefined || isForeign(line) || !isPort(line)) return found;
    return String(places.ports.get(Number(port)) ?? found);
  });
}

/** True if what stands before the number is `HOST:` with a host that is not this machine. */
function isForeign(before: string): boolean {
  const host = before.match(/([\w.-]*[\w*]|\[[\da-f:]*\]):$/i)?.[1];
  return host !== undefined && !LOCAL_HOST.test(host) && !ABOUT_PORT.test(host);
}

function isHostPort(before: string): boolean {
  const host = before.match(/([\w.*-]+|\[[\da-f:]*\]):$/i)?.[1];
  return host !== undefined && LOCAL_HOST.test(host);
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

import { readFile, realpath } from "node:fs/promises";

/**
 * The kind of file system that a folder is on, as the system mounted it: `fuse.glusterfs`, or `ext4` of a plain folder.
 * "unknown" where the system does not say.
 */
export async function mountedAs(folder: string): Promise<string> {
  try {
    const [path, table] = await Promise.all([realpath(folder), readFile("/proc/self/mountinfo", "utf8")]);
    let best = { point: "", kind: "unknown" };
    for (const line of table.split("\n")) {
      // `36 35 98:0 /root /point options … - kind source …`, where spaces are octal.
      const [before = "", after = ""] = line.split(" - ");
      const point = (before.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, code) =>
        String.fromCharCode(parseInt(code, 8)),
      );
      const [kind = ""] = after.split(" ");
      const inside = path === point || path.startsWith(point === "/" ? "/" : `${point}/`);
      // Of two at one point the later one lies on top.
      if (point !== "" && inside && point.length >= best.point.length) best = { point, kind };
    }
    return best.kind;
  } catch {
    return "unknown";
  }
}

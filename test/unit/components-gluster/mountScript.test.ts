import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { GlusterCluster } from "../../../components/gluster/index.js";
import { run } from "../support/mocks.js";
import { clusterArgs } from "./args.js";

interface MountPod {
  spec: { template: { spec: { containers: { command: string[]; env: { name: string; value: string }[] }[] } } };
}

it("a mount container clears what a killed one left, and becomes a client that knows every host", async () => {
  const hosts = { a: { zone: "1", privateAddress: "10.20.1.30" }, b: { zone: "2", privateAddress: "10.20.1.31" } };
  const volumes = { "my-results": { replicas: 1, bricks: ["b", "a"], brickSizeGb: 8 } };
  const { one } = await run(() => new GlusterCluster("files", clusterArgs({ hosts, volumes })), { preview: false });
  const { inputs } = one("kubernetes:apps/v1:DaemonSet", "files-mount-my-results") as unknown as { inputs: MountPod };
  const [container] = inputs.spec.template.spec.containers;
  const [shell = "", ...args] = container?.command ?? [];
  const folder = await mkdtemp(join(tmpdir(), "stowage-mount-"));
  try {
    const called = join(folder, "called");
    for (const tool of ["umount", "glusterfs"])
      await writeFile(join(folder, tool), `#!/bin/sh\necho "${tool} $*" >> "${called}"\n`, { mode: 0o755 });
    const stated = Object.fromEntries(container?.env.map(({ name, value }) => [name, value]) ?? []);
    const target = join(folder, "mounts", "my results");
    const env = { ...stated, TARGET: target, PATH: `${folder}:/usr/bin:/bin` };
    await promisify(execFile)(shell, args, { env, timeout: 10_000 });
    expect((await readFile(called, "utf8")).trim().split("\n")).toEqual([
      `umount -l ${target}`,
      "glusterfs --no-daemon --process-name=fuse --log-file=/dev/stderr --volfile-server=10.20.1.31 " +
        `--volfile-server=10.20.1.30 --volfile-id=/my-results ${target}`,
    ]);
    expect(stated["TARGET"]).toBe("/var/lib/stowage/volumes/my-results");
  } finally {
    await rm(folder, { recursive: true });
  }
});

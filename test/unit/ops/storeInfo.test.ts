import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { mountedAs } from "../../../runtime/sinks/gluster/mounts.js";
import { sinkOn as glusterOn, settingsOf } from "../sinks-gluster/kit.js";
import { sinkOn as linstorOn, startCluster } from "../sinks-linstor/setup.js";

const never = new AbortController().signal;

test("a volume says how it is mounted and what is free", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stowage-info-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const volume = join(folder, "volume");
  const sink = await glusterOn(volume, settingsOf(volume, ["cat"]));
  expect((await sink.info?.())?.version).toMatch(/^volume \w+ \([\w.]+\), \d+\.\d of \d+\.\d GiB free$/);
});

test("a file system is named by the mount that lies on top", async () => {
  expect(await mountedAs("/proc/self")).toBe("proc");
  expect(await mountedAs("/no/such/folder")).toBe("unknown");
});

test("LINSTOR says its version and how many satellites are there", async () => {
  const cluster = await startCluster({ nodes: 3, capacityKib: 1_000_000 });
  onTestFinished(() => cluster.close());
  const sink = linstorOn(cluster);
  await sink.start(never);
  expect((await sink.info?.())?.version).toMatch(/^LINSTOR \d+\.\d+\.\d+, 3 of 3 satellites online$/);
  await cluster.close();
  await expect(sink.info?.()).rejects.toThrow("No LINSTOR controller answers");
});

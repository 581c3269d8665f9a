import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { link, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { onStore } from "../../../runtime/sinks/gluster/errno.js";
import { parseManifest } from "../../../runtime/sinks/gluster/manifest.js";
import { checkMarker } from "../../../runtime/sinks/gluster/marker.js";
import { readResults } from "../../../stacks/local/gluster/index.js";
import { messageOf, outcomeOf, settingsOf, sinkOn, temporaryFolder } from "./kit.js";

/** What link(2) is to answer instead of doing its work; undefined lets it work. */
const linkAnswers: (Error | "done, but the answer got lost")[] = [];

/** What making durable is to answer instead of doing its work; without one it works. */
const syncAnswers: (() => Promise<void>)[] = [];

/** What was made durable and published, in order. */
const steps: string[] = [];

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    open: async (path: string, flags: string) => {
      const file = await real.open(path, flags);
      const sync = file.sync.bind(file);
      file.sync = () => {
        const answer = syncAnswers.shift();
        if (answer !== undefined) return answer();
        steps.push(`sync ${kindOf(path)}`);
        return sync();
      };
      return file;
    },
    rename: (from: string, to: string) => {
      steps.push(`rename to ${kindOf(to)}`);
      return real.rename(from, to);
    },
    link: async (from: string, to: string) => {
      const answer = linkAnswers.shift();
      if (answer instanceof Error) throw answer;
      steps.push(`link ${kindOf(to)}`);
      await real.link(from, to);
      if (answer !== undefined) throw systemError("ENOTCONN");
    },
  };
});

function kindOf(path: string): string {
  if (path.includes(".json")) return "manifest";
  return path.includes(".result") ? "result" : "folder";
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: transport endpoint`), { code });
}

describe("the volume under the gluster sink", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let volume: string;

  beforeEach(() => {
    folder = temporaryFolder();
    volume = join(folder.path, "volume");
    linkAnswers.length = 0;
    syncAnswers.length = 0;
    steps.length = 0;
  });
  afterEach(() => folder.remove());

  test("is refused without its marker: an unmounted folder is never written to", async () => {
    mkdirSync(volume);
    await expect(checkMarker(volume, "results")).rejects.toMatchObject({ code: "VolumeNotMounted" });
    await expect(checkMarker(join(folder.path, "absent"), "results")).rejects.toMatchObject({
      code: "VolumeNotMounted",
    });
  });

  test.each([['{"volume":"other"}'], ["not JSON"], ["null"], ['{"volume":7}']])(
    "is refused with the marker %s",
    async (marker) => {
      mkdirSync(volume);
      writeFileSync(join(volume, ".stowage-volume"), marker);
      await expect(checkMarker(volume, "results")).rejects.toMatchObject({ code: "WrongVolume" });
    },
  );

  test("is looked at again by every probe", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    await sink.probe();
    rmSync(join(volume, ".stowage-volume"));
    await expect(sink.probe()).rejects.toMatchObject({ code: "VolumeNotMounted" });
  });

  test("is down where it takes no file although its marker can be read, and a probe leaves nothing behind", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    const staging = join(volume, "renders", ".staging");
    syncAnswers.push(() => Promise.reject(systemError("EROFS")));
    await expect(sink.probe()).rejects.toMatchObject({ code: "EROFS" });
    expect(readdirSync(staging)).toEqual([]);
    await sink.probe();
    expect(readdirSync(staging)).toEqual([]);
    rmSync(staging, { recursive: true });
    writeFileSync(staging, "not a folder");
    await expect(sink.probe()).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  test("is down where it does not answer in time, and no probe is begun beside one that hangs", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    let answer: () => void = () => undefined;
    syncAnswers.push(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      for (let i = 0; i < 2; i++) {
        const probed = expect(sink.probe()).rejects.toThrow("did not take a small file within 4 s");
        await vi.advanceTimersByTimeAsync(4_000);
        await probed;
      }
    } finally {
      vi.useRealTimers();
    }
    const staging = join(volume, "renders", ".staging");
    await expect.poll(() => readdirSync(staging).length).toBeGreaterThan(0);
    expect(readdirSync(staging).length).toBe(1);
    await expect.poll(() => syncAnswers.length).toBe(0);
    answer();
    await expect.poll(() => readdirSync(staging).length).toBe(0);
    await sink.probe();
  });

  test("is tried again when a handle is stale, a few times", async () => {
    let tries = 0;
    const stale = (times: number) => async () => {
      if (++tries <= times) throw systemError("ESTALE");
      return "read";
    };
    expect(await onStore(stale(3))).toBe("read");
    tries = 0;
    await expect(onStore(stale(100))).rejects.toMatchObject({ code: "ESTALE" });
    expect(tries).toBe(5);
  });

  test.each([["ENOTCONN"], ["EIO"], ["ENOSPC"]])(
    "that answers %s is unavailable, and the result is stored by a later try",
    async (code) => {
      const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
      linkAnswers.push(systemError(code));
      expect(await outcomeOf(sink, messageOf("m-1", "frame"))).toMatchObject({
        kind: "retry",
        code: "StoreUnavailable",
        description: expect.stringContaining(code),
      });
      expect(await outcomeOf(sink, messageOf("m-1", "frame"), { attempt: 2 })).toMatchObject({
        kind: "done",
        duplicate: false,
      });
      const { verified, broken, orphans } = await readResults(volume, "renders");
      expect([verified.length, broken.length, orphans.length]).toEqual([1, 0, 0]);
    },
  );

  test("has the result on disk before its manifest is, in any crash", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    await outcomeOf(sink, messageOf("m-1", "frame"));
    expect(steps.slice(steps.indexOf("sync result"))).toEqual([
      "sync result",
      // The message's folder was made, and its name with it.
      "sync folder",
      "rename to result",
      "sync folder",
      "sync manifest",
      "link manifest",
      "sync folder",
    ]);
  });

  test("that loses the answer of a link keeps the result: the manifest names it", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    linkAnswers.push("done, but the answer got lost");
    expect(await outcomeOf(sink, messageOf("m-1", "frame"))).toMatchObject({ kind: "retry" });
    expect(await outcomeOf(sink, messageOf("m-1", "frame"), { attempt: 2 })).toMatchObject({
      kind: "done",
      duplicate: true,
    });
    const { verified, broken } = await readResults(volume, "renders");
    expect([verified.length, broken.length]).toEqual([1, 0]);
  });

  test("gets its folders anew where they were removed", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    rmSync(join(volume, "renders"), { recursive: true });
    expect(await outcomeOf(sink, messageOf("m-1", "frame"))).toMatchObject({ kind: "retry" });
    expect(await outcomeOf(sink, messageOf("m-1", "frame"))).toMatchObject({ kind: "done", duplicate: false });
  });

  test("has manifests that cannot be replaced: link(2) takes the name once", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    await outcomeOf(sink, messageOf("m-1", "frame"));
    const [stored] = (await readResults(volume, "renders")).verified;
    const manifest = (stored?.path ?? "").replace(/\.[0-9a-f]{16}\.result$/, ".json");
    const before = await readFile(manifest, "utf8");
    await expect(link(stored?.path ?? "", manifest)).rejects.toMatchObject({ code: "EEXIST" });
    expect(await readFile(manifest, "utf8")).toBe(before);
    expect(parseManifest(before, manifest)).toMatchObject({ result: stored?.manifest.result });
  });

  test("with a manifest that is none is not written over", async () => {
    const sink = await sinkOn(volume, settingsOf(volume, ["cat"]));
    await outcomeOf(sink, messageOf("m-1", "frame"));
    const [stored] = (await readResults(volume, "renders")).verified;
    const manifest = (stored?.path ?? "").replace(/\.[0-9a-f]{16}\.result$/, ".json");
    chmodSync(manifest, 0o600);
    writeFileSync(manifest, "{}");
    expect(await outcomeOf(sink, messageOf("m-1", "frame"))).toMatchObject({ kind: "retry", code: "StoreUnavailable" });
  });
});

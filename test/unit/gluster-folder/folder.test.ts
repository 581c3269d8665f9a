import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVolumeFolder, readResults, type VerifiedResult } from "../../../stacks/local/gluster/index.js";
import { messageOf, outcomeOf, settingsOf, sinkOn } from "../sinks-gluster/kit.js";

describe("the folder that stands in for a volume", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-folder-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("is made with its marker, and again without a change", async () => {
    const path = join(folder, "volumes/results");
    await createVolumeFolder(path, "results");
    await createVolumeFolder(path, "results");
    expect(JSON.parse(readFileSync(join(path, ".stowage-volume"), "utf8"))).toEqual({ volume: "results" });
  });

  test("is refused to a second volume", async () => {
    await createVolumeFolder(folder, "results");
    await expect(createVolumeFolder(folder, "archive")).rejects.toThrow(/another volume.*results/);
  });

  test("holds nothing where nothing was stored", async () => {
    expect(await readResults(folder, "renders")).toEqual({ verified: [], broken: [], orphans: [] });
  });

  describe("with three results", () => {
    let results: VerifiedResult[];

    beforeEach(async () => {
      const sink = await sinkOn(folder, settingsOf(folder, ["cat"]));
      for (const id of ["a", "b", "c"]) await outcomeOf(sink, messageOf(id, `body of ${id}`));
      results = (await readResults(folder, "renders")).verified;
    });

    const first = (): VerifiedResult => {
      const [result] = results;
      if (result === undefined) throw new Error("nothing was stored");
      return result;
    };
    const manifestPath = ({ path }: VerifiedResult): string => path.replace(/\.[0-9a-f]{16}\.result$/, ".json");

    test("counts them", () => {
      expect(results.map((r) => r.manifest.messageId).sort()).toEqual(["a", "b", "c"]);
    });

    test.each<[string, (result: VerifiedResult) => void, RegExp]>([
      ["was lengthened", ({ path }) => appendFileSync(path, "x"), /bytes/],
      ["was changed", ({ path, manifest }) => writeFileSync(path, "y".repeat(manifest.size)), /SHA-256/],
      ["is gone", ({ path }) => rmSync(path), /cannot be read/],
      ["has half a manifest", (r) => writeFileSync(manifestPath(r), '{"manifestVersion":1'), /is no manifest/],
      [
        "has another message's manifest",
        (r) => renameSync(manifestPath(r), join(dirname(r.path), `${"0".repeat(64)}.json`)),
        /another message/,
      ],
    ])("does not count one whose result %s", async (_what, harm, reason) => {
      harm(first());
      const { verified, broken } = await readResults(folder, "renders");
      expect(verified).toHaveLength(2);
      expect(broken).toMatchObject([{ reason: expect.stringMatching(reason) }]);
    });

    test("lists a result without a manifest as an orphan, and does not count it", async () => {
      rmSync(manifestPath(first()));
      const { verified, orphans } = await readResults(folder, "renders");
      expect([verified.length, orphans]).toEqual([2, [first().path]]);
    });
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readResults } from "../../stacks/local/gluster/index.js";
import { EffectsFolder } from "./effects.js";
import { CrashKind } from "./kinds.js";

/** One effect, as the store has it. */
export interface Stored {
  messageId: string;
  bodySha256: string;
  /** The delivery in which it came about; 0 where the store does not say. */
  deliveryCount: number;
}

/** Where the effects of a run are. */
export interface CrashStore {
  /** Effects so far; may be late by a little. */
  progress(): number;
  /** Every effect that is there, what is wrong with the store, and how often the killer killed, where the store says. */
  read(): Promise<{ stored: Stored[]; broken: string[]; duplicates: number; killed: number }>;
}

/** The effects of the test's own sinks. */
class FolderStore implements CrashStore {
  private readonly folder: EffectsFolder;

  constructor(folder: string) {
    this.folder = new EffectsFolder(folder);
  }

  progress(): number {
    this.folder.follow();
    return this.folder.notes.length;
  }

  async read(): ReturnType<CrashStore["read"]> {
    this.folder.follow();
    const { notes } = this.folder;
    const published = new Set<string>();
    const broken: string[] = [];
    for (const { what, messageId } of notes) {
      if (what !== "stored") continue;
      if (published.has(messageId)) broken.push(`${messageId} was stored twice`);
      published.add(messageId);
    }
    const duplicates = notes.filter(({ what }) => what === "duplicate").length;
    const killed = notes.filter(({ what }) => what === "killed").length;
    return { stored: this.folder.effects(), broken, duplicates, killed };
  }
}

/** The results of jobs on a volume. */
class VolumeStore implements CrashStore {
  constructor(
    private readonly kit: { manifests(directory: string): string[] },
    private readonly volume: string,
    private readonly directory: string,
  ) {}

  progress(): number {
    return this.kit.manifests(this.directory).length;
  }

  async read(): ReturnType<CrashStore["read"]> {
    const { verified, broken, orphans } = await readResults(this.volume, this.directory);
    const foreign = verified.filter(({ manifest, path }) => {
      const { messageId } = manifest;
      return JSON.parse(readFileSync(path, "utf8")).number !== Number(messageId.slice(2));
    });
    return {
      stored: verified.map(({ manifest }) => ({ ...manifest, deliveryCount: 0 })),
      broken: [
        ...broken.map(({ manifest, reason }) => `${manifest}: ${reason}`),
        ...foreign.map(({ path }) => `${path} is another message's`),
      ],
      duplicates: orphans.length,
      killed: 0,
    };
  }
}

/** The store of a kind's pipeline. */
export function storeOf(
  kind: CrashKind,
  kit: { folder: string; volume: string; manifests(directory: string): string[] },
  queue: string,
): { store: CrashStore; folder: string } {
  const folder = join(kit.folder, queue);
  const store = kind === CrashKind.Gluster ? new VolumeStore(kit, kit.volume, queue) : new FolderStore(folder);
  return { store, folder };
}

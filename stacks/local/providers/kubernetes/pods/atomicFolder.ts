import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** One file of a volume with rendered contents. */
export interface RenderedFile {
  content: Buffer;
  mode: number;
}

/** Link to the folder that holds the files as they are now. */
const DATA = "..data";

/**
 * Writes a volume's files as the kubelet does: all of them into a folder of their own, to which one link is turned. A
 * process that reads sees all of the old or all of the new; what is no longer named is gone.
 */
export class AtomicFolder {
  private files: ReadonlyMap<string, RenderedFile> = new Map();
  private current: string | undefined;
  private turns = 0;

  /** @param root folder of the volume; it is there */
  constructor(private readonly root: string) {}

  /** @param files by path, `/` between its parts; none of them leads out of the volume */
  write(files: ReadonlyMap<string, RenderedFile>): void {
    if (this.current !== undefined && same(this.files, files)) return;
    this.turns += 1;
    const next = `..${new Date().toISOString().replaceAll(/[-:TZ]/g, "_")}${process.pid}_${this.turns}`;
    mkdirSync(join(this.root, next), { recursive: true });
    for (const [path, { content, mode }] of files) {
      const file = join(this.root, next, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content, { mode });
    }
    this.link(next, DATA);
    const names = new Set([...files.keys()].map(firstPart));
    const there = readdirSync(this.root).filter((name) => !name.startsWith(".."));
    for (const name of names) if (!there.includes(name)) this.link(join(DATA, name), name);
    for (const name of there) if (!names.has(name)) rmSync(join(this.root, name), { force: true });
    if (this.current !== undefined) rmSync(join(this.root, this.current), { recursive: true, force: true });
    [this.files, this.current] = [files, next];
  }

  /** Puts a link in the place of another one, which is never gone in between. */
  private link(target: string, name: string): void {
    const temporary = join(this.root, `${DATA}_tmp`);
    rmSync(temporary, { force: true });
    symlinkSync(target, temporary);
    renameSync(temporary, join(this.root, name));
  }
}

function same(one: ReadonlyMap<string, RenderedFile>, other: ReadonlyMap<string, RenderedFile>): boolean {
  return (
    one.size === other.size &&
    [...one].every(([path, { content, mode }]) => {
      const file = other.get(path);
      return file !== undefined && file.mode === mode && file.content.equals(content);
    })
  );
}

function firstPart(path: string): string {
  return path.split("/")[0] ?? path;
}

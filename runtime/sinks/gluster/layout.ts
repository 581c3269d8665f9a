import { join } from "node:path";
import { sha256 } from "../../contract/index.js";

/** Ending of a manifest's file name. */
const MANIFEST = ".json";
/** Ending of a result's file name. */
const RESULT = ".result";
/** Folder of files that are being written. Rename and link take them out of it; what stays is of the dead. */
const STAGING = ".staging";

/**
 * Where the files of one message lie. All names derive from the SHA-256 of the message's key: a message id is chosen
 * by whoever sends, and must never become a path.
 */
export interface ResultPaths {
  /** 64 hexadecimal digits. */
  hash: string;
  /** The folder of result and manifest: one of 256. */
  folder: string;
  /** The manifest: it exists from the moment at which the result is stored, and never changes. */
  manifest: string;
}

/** The folders of a pipeline's results. */
export class Layout {
  /** Folder of results on the volume. */
  readonly root: string;
  readonly staging: string;

  constructor(mountPath: string, directory: string) {
    this.root = join(mountPath, directory);
    this.staging = join(this.root, STAGING);
  }

  paths(key: string): ResultPaths {
    return this.pathsOf(sha256(key));
  }

  /** `hash` is the SHA-256 of a message's key. */
  pathsOf(hash: string): ResultPaths {
    const folder = join(this.root, hash.slice(0, 2));
    return { hash, folder, manifest: join(folder, hash + MANIFEST) };
  }

  /** A result's file name: each run that gets so far has its own, so that two at once cannot write into one. */
  resultName(hash: string, run: string): string {
    return `${hash}.${run}${RESULT}`;
  }

  /** True for the results of a message, whichever run they are of. */
  isResultOf(hash: string, name: string): boolean {
    return name.startsWith(`${hash}.`) && name.endsWith(RESULT);
  }

  /**
   * Path of a file while it is written. The form `.NAME.SUFFIX` makes Gluster place it where NAME belongs
   * (its rsync-hash-regex), so that the rename moves no data.
   */
  staged(name: string, run: string): string {
    return join(this.staging, `.${name}.${run}`);
  }
}

import { statSync } from "node:fs";
import { expand } from "./expand.js";
import { type Places, rewriteText } from "./rewrite.js";
import type { Container } from "./template.js";
import { CannotStartError, WaitingReason } from "./waiting.js";

/** What is on this machine in place of an image. */
export interface LocalImage {
  /** The command that the image's ENTRYPOINT is: program and first arguments. */
  entrypoint: string[];
  /** Folder to start in; a folder of the container's own by default. */
  workingDir?: string;
}

/** Finds what stands for an image; undefined where nothing does. */
export type Images = (reference: string) => LocalImage | undefined;

/** A command as it is started here. */
export interface LocalCommand {
  program: string;
  args: string[];
  workingDir: string;
  /** What the image became, for the list of what was rewritten. */
  imageTo: string;
}

/**
 * The command of a container: `command` stands in place of the image's entrypoint and `args` after it, `$(NAME)` is
 * expanded, paths and ports are rewritten. An image that is not here and whose container has a command of its own
 * runs that from this machine. Throws CannotStartError for one that has none.
 */
export function containerCommand(
  container: Container,
  images: Images,
  variables: ReadonlyMap<string, string>,
  places: Places,
  folder: string,
): LocalCommand {
  const reference = container.image ?? "";
  const image = images(reference);
  const own = container.command ?? [];
  if (own.length === 0 && image === undefined) {
    throw new CannotStartError(
      WaitingReason.ErrImagePull,
      `there is no local build of image "${reference}", and container ${container.name} has no command that this ` +
        "machine could run; give it a command, or an image that is built here",
    );
  }
  const rewritten = (text: string) => rewriteText(expand(text, variables), places);
  const entrypoint = own.length > 0 ? own.map(rewritten) : (image?.entrypoint ?? []);
  const [program = "", ...first] = entrypoint;
  // The image's own default arguments (CMD) are dropped with its entrypoint, as in Kubernetes; a local build has none.
  const workingDir =
    container.workingDir === undefined ? (image?.workingDir ?? folder) : rewriteText(container.workingDir, places);
  if (!isFolder(workingDir)) {
    throw new CannotStartError(
      WaitingReason.CreateContainerError,
      `container ${container.name} starts in ${workingDir}, which is no folder on this machine and not mounted`,
    );
  }
  return {
    program,
    args: [...first, ...(container.args ?? []).map(rewritten)],
    workingDir,
    imageTo: image === undefined ? `the command ${program} of this machine` : image.entrypoint.join(" "),
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

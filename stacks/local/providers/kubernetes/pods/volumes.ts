import { isUtf8 } from "node:buffer";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { join, normalize, sep } from "node:path";
import type { KubernetesObject } from "../object.js";
import type { IssuedToken, ServiceAccountIssuer } from "../serviceAccountIssuer.js";
import type { ObjectStore } from "../store.js";
import { AtomicFolder, type RenderedFile } from "./atomicFolder.js";
import { volumeOfClaim } from "./claims.js";
import { type ConfigurationKind, missing, requiredEntries } from "./configuration.js";
import { fieldValue, type PodIdentity } from "./identity.js";
import { type Places, rewriteFile } from "./rewrite.js";
import type { Container, PodSpec, Volume } from "./template.js";
import { CannotStartError, WaitingReason } from "./waiting.js";

/** What the volumes of a pod are made from. */
export interface VolumeSources {
  store: ObjectStore;
  pod: PodIdentity;
  /** The pod's own folder. */
  folder: string;
  /** The folder on this machine that a persistent volume is; throws where there is none. */
  resolveHostPath(volume: KubernetesObject): string;
  /** Issues the tokens of the pod's service account; without it there are none. */
  issuer?: ServiceAccountIssuer | undefined;
}

/** Folder of rendered contents in that of the pod. */
const FILES = "files";
/** Modes of files: secrets and tokens are for their pod's user alone, whatever `defaultMode` says. */
const FILE_MODE = 0o644;
const SECRET_MODE = 0o600;

/** One mount of one container. */
export interface Mount {
  volume: Volume;
  /** Path in the container, no slash at its end. */
  path: string;
  /** The volume's folder here. */
  root: string;
  /** What stands for the path: the root, or what `subPath` names in it. */
  target: string;
}

/** The volumes of one pod, and what they are on this machine. */
export class PodVolumes {
  /** Volumes with rendered contents, by folder. */
  private readonly written = new Map<string, AtomicFolder>();
  /** Service account tokens by volume and path. */
  private readonly tokens = new Map<string, IssuedToken>();

  constructor(
    private readonly spec: PodSpec,
    private readonly sources: VolumeSources,
  ) {}

  /**
   * Where the mounts of a container lie. Folders of volumes with rendered contents are the container's own, since
   * what is written there depends on its paths; the others are shared in the pod.
   * Throws CannotStartError for a claim that is not bound and for a folder that is not there.
   */
  mountsOf(container: Container): Mount[] {
    return container.volumeMounts.map((mount) => {
      const volume = this.spec.volumes.find((v) => v.name === mount.name);
      if (volume === undefined) throw mountError(`${mount.name} is no volume of the pod`);
      const root = rootOf(volume, container, this.sources);
      return {
        volume,
        path: mount.mountPath.replace(/\/+$/, ""),
        root,
        target: mount.subPath === undefined ? root : inside(root, mount.subPath),
      };
    });
  }

  /**
   * Has the service account tokens of the mounts issued that are not there yet or are to be renewed; `write` then puts
   * them into their files. Gives true where there is a new one.
   * Throws CannotStartError where nobody issues tokens.
   */
  async renewTokens(mounts: readonly Mount[]): Promise<boolean> {
    let renewed = false;
    const { issuer, pod } = this.sources;
    for (const { volume } of mounts)
      for (const { audience, expirationSeconds, path } of tokenFiles(volume)) {
        if (issuer === undefined) throw mountError(`${volume.name}: this stand-in issues no service account tokens`);
        const key = `${volume.name}/${path}`;
        const token = this.tokens.get(key);
        if (token !== undefined && !issuer.isDue(token)) continue;
        const { name, namespace, uid, serviceAccountName: serviceAccount } = pod;
        const request = { namespace, serviceAccount, audience: audience ?? issuer.url, expirationSeconds };
        this.tokens.set(key, await issuer.issue({ ...request, pod: { name, uid } }));
        renewed = true;
      }
    return renewed;
  }

  /**
   * Writes the files of the volumes that hold rendered contents, those of a volume all at once. Texts of config maps
   * are rewritten; secrets, tokens and other contents are taken as they are.
   * Throws CannotStartError where a config map, a secret or a key of one is missing.
   */
  write(mounts: readonly Mount[], places: Places): void {
    for (const { volume, root } of mounts) {
      const rendered = filesOf(volume, this.sources, places);
      if (rendered === undefined) continue;
      const files = new Map([...rendered, ...this.tokensOf(volume)]);
      for (const path of files.keys()) inside(root, path);
      const folder = this.written.get(root) ?? new AtomicFolder(root);
      folder.write(files);
      this.written.set(root, folder);
    }
  }

  private tokensOf(volume: Volume): Map<string, RenderedFile> {
    return new Map(
      tokenFiles(volume).flatMap(({ path }) => {
        const issued = this.tokens.get(`${volume.name}/${path}`);
        return issued === undefined
          ? []
          : [[path, { content: Buffer.from(issued.token, "utf8"), mode: SECRET_MODE }] as const];
      }),
    );
  }

  /** Takes config maps, secrets and tokens away, as from a pod that has ended: nothing reads them any more. */
  unmount(): void {
    rmSync(join(this.sources.folder, FILES), { recursive: true, force: true, maxRetries: 3 });
    this.written.clear();
  }

  /** Removes the pod's folder. Folders of persistent volumes lie elsewhere and stay. */
  remove(): void {
    rmSync(this.sources.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function rootOf(volume: Volume, container: Container, sources: VolumeSources): string {
  if (volume.persistentVolumeClaim !== undefined) {
    const pv = volumeOfClaim(sources.store, sources.pod.namespace, volume.persistentVolumeClaim.claimName);
    const folder = sources.resolveHostPath(pv);
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
    throw mountError(`persistent volume ${pv.metadata.name} is ${folder}, which is no folder on this machine`);
  }
  const owner = volume.emptyDir === undefined ? join(FILES, container.name) : "empty";
  const folder = join(sources.folder, owner, volume.name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function filesOf(volume: Volume, sources: VolumeSources, places: Places): Map<string, RenderedFile> | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  const { store, pod } = sources;
  if (configMap !== undefined) return configFiles(sources, configMap.name, configMap, places);
  if (secret !== undefined) return files(entries(store, pod, "Secret", secret.secretName, secret), SECRET_MODE);
  if (downwardAPI !== undefined) return files(fields(pod, downwardAPI.items), FILE_MODE);
  if (projected === undefined) return undefined;
  return new Map(
    projected.sources.flatMap((source) => [
      ...(source.configMap === undefined ? [] : configFiles(sources, source.configMap.name, source.configMap, places)),
      ...(source.secret === undefined
        ? []
        : files(entries(store, pod, "Secret", source.secret.name, source.secret), SECRET_MODE)),
      ...(source.downwardAPI === undefined ? [] : files(fields(pod, source.downwardAPI.items), FILE_MODE)),
    ]),
  );
}

function configFiles(
  { store, pod }: VolumeSources,
  name: string,
  selection: Selection,
  places: Places,
): Map<string, RenderedFile> {
  const all = entries(store, pod, "ConfigMap", name, selection);
  return files(new Map([...all].map(([path, content]) => [path, rewriteContent(content, places)])), FILE_MODE);
}

function files(contents: ReadonlyMap<string, Buffer>, mode: number): Map<string, RenderedFile> {
  return new Map([...contents].map(([path, content]) => [path, { content, mode }]));
}

/** The service account tokens of a volume. */
function tokenFiles({ projected }: Volume) {
  return (projected?.sources ?? []).flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []);
}

interface Selection {
  items?: { key: string; path: string }[] | undefined;
  optional: boolean;
}

function entries(
  store: ObjectStore,
  pod: PodIdentity,
  kind: ConfigurationKind,
  name: string,
  { items, optional }: Selection,
): Map<string, Buffer> {
  const all = requiredEntries(store, kind, pod.namespace, name, optional);
  if (items === undefined) return all;
  return new Map(
    items.flatMap(({ key, path }) => {
      const content = all.get(key);
      if (content !== undefined) return [[path, content] as const];
      if (optional) return [];
      throw missing(`${kind} ${pod.namespace}/${name} has no key ${key}`);
    }),
  );
}

function fields(
  pod: PodIdentity,
  items: { path: string; fieldRef?: { fieldPath: string } | undefined }[],
): Map<string, Buffer> {
  return new Map(
    items.map(({ path, fieldRef }) => {
      const value = fieldRef === undefined ? undefined : fieldValue(pod, fieldRef.fieldPath);
      if (value === undefined) throw missing(`${path}: there is no field ${fieldRef?.fieldPath ?? "named"}`);
      return [path, Buffer.from(value, "utf8")];
    }),
  );
}

function rewriteContent(content: Buffer, places: Places): Buffer {
  return isUtf8(content) ? Buffer.from(rewriteFile(content.toString("utf8"), places), "utf8") : content;
}

/** A path below a folder. Throws for one that leads out of it. */
function inside(root: string, path: string): string {
  const joined = join(root, normalize(path));
  if (joined === root || joined.startsWith(root + sep)) return joined;
  throw mountError(`the path ${path} leads out of its volume`);
}

function mountError(message: string): CannotStartError {
  return new CannotStartError(WaitingReason.FailedMount, message);
}

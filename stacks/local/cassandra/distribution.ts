import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "../engine/command.js";
import { cacheFolder } from "../run/folder.js";
import { isSameProcess, processIdentity } from "../run/process.js";
import { CASSANDRA_VERSION } from "./version.js";

/** Cassandra's jars on this machine. */
export interface Distribution {
  version: string;
  /** Folder of the jars. */
  lib: string;
}

/** What fetching needs. */
export interface FetchOptions {
  /** The mvn executable. */
  maven: string;
  /** Folder of the Java that Maven runs on. */
  javaHome: string;
  signal: AbortSignal;
  onProgress(line: string): void;
  /** Where it is kept. @default `cassandra` in the cache folder */
  root?: string;
}

/** Longest time that Maven may take, in milliseconds: 67 MB from a slow mirror. */
const FETCH_MS = 15 * 60_000;
/** How often progress is told, in milliseconds. */
const TELL_MS = 3_000;

/** The version of the plug-in that copies the jars: pinned, so that every machine does the same. */
const DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>stowage</groupId>
  <artifactId>local-cassandra</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId>
      <artifactId>cassandra-all</artifactId>
      <version>${CASSANDRA_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

function defaultRoot(): string {
  return join(cacheFolder(), "cassandra");
}

/** The distribution if it has been fetched before. */
export function cachedDistribution(root = defaultRoot()): Distribution | undefined {
  const lib = join(root, CASSANDRA_VERSION);
  return existsSync(join(lib, `cassandra-all-${CASSANDRA_VERSION}.jar`))
    ? { version: CASSANDRA_VERSION, lib }
    : undefined;
}

/**
 * The distribution, fetched with Maven where it is not cached yet: into a folder of this process, which is renamed
 * when it is whole. Two at once both succeed, and one that is interrupted leaves nothing that looks finished.
 */
export async function fetchDistribution(options: FetchOptions): Promise<Distribution> {
  const root = options.root ?? defaultRoot();
  const cached = cachedDistribution(root);
  if (cached !== undefined) return cached;
  mkdirSync(root, { recursive: true });
  sweep(root);
  const work = join(root, workName());
  mkdirSync(work);
  try {
    writeFileSync(join(work, "pom.xml"), POM);
    await runMaven(work, options);
    publish(join(work, "lib"), join(root, CASSANDRA_VERSION));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const fetched = cachedDistribution(root);
  if (fetched === undefined)
    throw new Error(
      `Maven ended well, but brought no cassandra-all-${CASSANDRA_VERSION}.jar. Remove ${root} and try again.`,
    );
  return fetched;
}

const WORK = /^fetch-(\d+)-(\d+)-/;

/** Names the process that works in the folder, so that what a killed one left can be told and removed. */
function workName(): string {
  const own = processIdentity(process.pid);
  return `fetch-${process.pid}-${own?.startTime ?? 0}-${randomBytes(4).toString("hex")}`;
}

function sweep(root: string): void {
  for (const name of readdirSync(root)) {
    const [, pid, startTime] = WORK.exec(name) ?? [];
    if (pid === undefined || startTime === undefined || isSameProcess({ pid: Number(pid), startTime })) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
}

/** Puts the finished folder in its place; another process may have been faster, and its folder is as good. */
function publish(lib: string, place: string): void {
  try {
    renameSync(lib, place);
  } catch (error) {
    if (!existsSync(join(place, `cassandra-all-${CASSANDRA_VERSION}.jar`))) throw error;
  }
}

async function runMaven(work: string, { maven, javaHome, signal, onProgress }: FetchOptions): Promise<void> {
  onProgress(`Fetching Apache Cassandra ${CASSANDRA_VERSION} (67 MB, once) with Maven`);
  const began = performance.now();
  let files = 0;
  const teller = setInterval(
    () => onProgress(`Fetching Apache Cassandra: ${files} files, ${Math.round((performance.now() - began) / 1000)} s`),
    TELL_MS,
  );
  try {
    const args = ["-B", `${DEPENDENCY_PLUGIN}:copy-dependencies`, "-DoutputDirectory=lib", "-DincludeScope=runtime"];
    const { code, stdout, stderr, stopped } = await runCommand(maven, args, {
      cwd: work,
      env: { ...process.env, JAVA_HOME: javaHome },
      signal,
      limitMs: FETCH_MS,
      onLine: (line) => {
        if (line.includes("Downloaded from ")) files++;
      },
    });
    signal.throwIfAborted();
    if (stopped !== undefined) throw new Error(`Maven did not fetch Cassandra within ${FETCH_MS / 60_000} minutes.`);
    if (code !== 0)
      throw new Error(`Maven could not fetch Cassandra (exit status ${code}):\n${complaint(stdout + stderr)}`);
  } finally {
    clearInterval(teller);
  }
}

/** What Maven complained about, without its advice on switches and its links. */
function complaint(output: string): string {
  const errors = output
    .split("\n")
    .filter((line) => /^\[ERROR\] \S/.test(line) && !/\[Help|-X switch|-e switch/.test(line));
  return (errors.length > 0 ? errors : output.trimEnd().split("\n")).slice(-5).join("\n");
}

/** The folder that a Java executable belongs to: what Maven is told as JAVA_HOME. */
export function javaHomeOf(java: string): string {
  return dirname(dirname(java));
}

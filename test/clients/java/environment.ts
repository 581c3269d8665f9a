import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { javaHomeOf } from "../../../stacks/local/cassandra/distribution.js";
import { thisMachine } from "../../../stacks/local/cassandra/machine.js";
import { cassandraRequirements } from "../../../stacks/local/cassandra/requirements.js";
import { runCommand } from "../../../stacks/local/engine/command.js";
import { cacheFolder } from "../../../stacks/local/run/folder.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

/** Microsoft's client for Java, fetched, with the Java that runs it. */
export interface JavaClient {
  java: string;
  /** Folder of its jars. */
  lib: string;
}

/** Why the client cannot be had on this machine: a test says it as the reason for which it was skipped. */
export interface Missing {
  missing: string;
}

const FOLDER = join(packageRoot(), "test/clients/java");
const FETCH_MS = 5 * 60_000;
/** Copies what a pom names into a folder; pinned, so that every machine does the same. */
const DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/**
 * The client as `pom.xml` pins it, fetched once for each into the cache folder with Maven: into a folder of this
 * process, which is renamed when it is whole. Java 17 and Maven are those that the local Cassandra ring needs.
 */
export async function javaClient(
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<JavaClient | Missing> {
  const machine = { ...thisMachine(), isTerminal: false, isRoot: false };
  const pom = join(FOLDER, "pom.xml");
  const key = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
  const lib = join(cacheFolder(), "clients", "java", key);
  const fetched = existsSync(lib);
  try {
    const { java, maven } = await cassandraRequirements({ maven: !fetched, signal, onProgress, machine });
    const failure =
      fetched || maven === undefined ? undefined : await fetch({ java, maven, pom, lib }, onProgress, signal);
    return failure === undefined ? { java, lib } : { missing: failure };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Fetches; gives the reason where it cannot be done. */
async function fetch(
  { java, maven, pom, lib }: { java: string; maven: string; pom: string; lib: string },
  onProgress: (line: string) => void,
  signal: AbortSignal,
): Promise<string | undefined> {
  const work = `${lib}.${process.pid}-${randomBytes(4).toString("hex")}`;
  mkdirSync(work, { recursive: true });
  onProgress("Fetching the Java client of Azure Service Bus (20 MB, once) with Maven");
  try {
    copyFileSync(pom, join(work, "pom.xml"));
    const args = [
      "-B",
      "-q",
      `${DEPENDENCY_PLUGIN}:copy-dependencies`,
      "-DoutputDirectory=lib",
      "-DincludeScope=runtime",
    ];
    const env = { ...process.env, JAVA_HOME: javaHomeOf(java) };
    const { code, stdout } = await runCommand(maven, args, { cwd: work, env, signal, limitMs: FETCH_MS });
    if (code !== 0) return `Maven did not fetch the client: ${stdout.trim().split("\n").slice(0, 2).join(" ")}`;
    try {
      renameSync(join(work, "lib"), lib);
    } catch (error) {
      // Another process may have been faster, and what it fetched is as good.
      if (!existsSync(lib)) throw error;
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

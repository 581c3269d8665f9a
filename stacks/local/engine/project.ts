import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Document, isMap, parseDocument } from "yaml";

export interface PrepareRunOptions {
  /** Folder of the run: everything that Pulumi writes goes below `pulumi/` in it. */
  runDir: string;
  /** Folder with Pulumi.yaml and Pulumi.STACK.yaml; only read. */
  projectDir: string;
  /** `local`, `dev`, `prod`: the environment. */
  stack: string;
  /** Stand-ins that this run binds: name of the package, and the folder with its `pulumi-resource-NAME`. */
  plugins: Readonly<Record<string, string>>;
  /** Configuration in place of what the file says, by full key (`stowage:cassandra`). */
  config?: Readonly<Record<string, unknown>>;
}

/** A copy of a project that Pulumi may write to, and the environment that keeps all it writes in the run folder. */
export interface PreparedRun {
  stack: string;
  /** Folder with the copies of Pulumi.yaml and Pulumi.STACK.yaml. */
  workDir: string;
  /** Variables to add to the engine's environment. */
  env: Readonly<Record<string, string>>;
}

/**
 * Copies the project's files to the run folder, with the plug-in paths of the stand-ins there, and with state, plug-in
 * home and a passphrase of its own. The tracked files are never written: no stand-in, path or salt reaches them.
 * Throws where there is no such project or environment.
 */
export function prepareRun(options: PrepareRunOptions): PreparedRun {
  const { projectDir, stack } = options;
  const root = join(options.runDir, "pulumi");
  const [workDir, stateDir, homeDir] = [join(root, "project"), join(root, "state"), join(root, "home")];
  for (const folder of [workDir, stateDir, homeDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(workDir, "Pulumi.yaml"), projectCopy(projectDir, options.plugins));
  const copy = join(workDir, `Pulumi.${stack}.yaml`);
  writeFileSync(copy, stackCopy(projectDir, stack, options.config ?? {}, saltOf(copy)));
  const passphrase = join(root, "passphrase");
  if (!existsSync(passphrase)) writeFileSync(passphrase, randomBytes(32).toString("hex"), { mode: 0o600 });
  return {
    stack,
    workDir,
    env: {
      PULUMI_HOME: homeDir,
      PULUMI_BACKEND_URL: pathToFileURL(stateDir).href,
      PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_SUPPRESS_NEO_LINK: "true",
      PULUMI_CREDENTIAL_STORE: "plaintext",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
  };
}

function projectCopy(projectDir: string, plugins: Readonly<Record<string, string>>): string {
  const file = join(projectDir, "Pulumi.yaml");
  if (!existsSync(file)) throw new Error(`there is no Pulumi.yaml in ${projectDir}`);
  const project = parseDocument(readFileSync(file, "utf8"));
  const main = project.get("main") ?? ".";
  if (typeof main !== "string" || !isMap(project.contents)) throw new Error(`${file} is not a Pulumi project`);
  // Pulumi takes a relative path from the folder of Pulumi.yaml, and this is another one.
  project.set("main", isAbsolute(main) ? main : join(projectDir, main));
  const providers = Object.entries(plugins).map(([name, path]) => ({ name, path }));
  if (providers.length > 0) project.setIn(["plugins"], project.createNode({ providers }));
  return project.toString();
}

/** Keys with which Pulumi says how an environment's secrets are kept: the run keeps them with a passphrase of its own. */
const SECRETS_KEYS = ["encryptionsalt", "secretsprovider", "encryptedkey"];

/** The salt that Pulumi wrote into the copy of an earlier run in the same folder. */
function saltOf(copy: string): unknown {
  return existsSync(copy) ? parseDocument(readFileSync(copy, "utf8")).get("encryptionsalt") : undefined;
}

function stackCopy(
  projectDir: string,
  stack: string,
  config: Readonly<Record<string, unknown>>,
  salt: unknown,
): string {
  const file = join(projectDir, `Pulumi.${stack}.yaml`);
  if (!existsSync(file)) {
    const there = readdirSync(projectDir).flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
    throw new Error(
      `there is no environment "${stack}" in ${projectDir}; there are: ${there.sort().join(", ") || "none"}`,
    );
  }
  const read = parseDocument(readFileSync(file, "utf8"));
  const document: Document = read.contents === null ? new Document({}) : read;
  for (const key of SECRETS_KEYS) document.delete(key);
  if (salt !== undefined) document.set("encryptionsalt", salt);
  for (const [key, value] of Object.entries(config)) document.setIn(["config", key], value);
  const settings = document.get("config");
  for (const { key } of isMap(settings) ? settings.items : []) {
    if (!document.hasIn(["config", key, "secure"])) continue;
    throw new Error(
      `${key} is encrypted in ${file} with a passphrase that a local run does not have; give it in plain`,
    );
  }
  return document.toString();
}

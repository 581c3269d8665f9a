import { MissingRequirementError } from "../engine/requirements.js";
import { type MachineHost, thisMachine } from "./machine.js";

/** The programs that a local ring needs. */
export interface CassandraRequirements {
  /** The java executable, version 17, with links resolved. */
  java: string;
  /** The mvn executable; undefined where it is not needed. */
  maven: string | undefined;
}

/** What is asked for. */
export interface RequirementOptions {
  /** False where the distribution has been fetched already: then Maven is not looked for. */
  maven: boolean;
  signal: AbortSignal;
  onProgress(line: string): void;
  /** The machine that is looked at. @default this one */
  machine?: MachineHost;
}

/** Cassandra 5.0 runs on Java 11 and 17; the local ring is measured on 17 only. */
const JAVA_MAJOR = 17;

interface Part {
  name: string;
  /** Debian's and Ubuntu's package. */
  aptPackage: string;
  /** What else the sentence says. */
  otherwise: string;
}

const JAVA: Part = {
  name: "Java 17",
  aptPackage: "openjdk-17-jre-headless",
  otherwise: "or let JAVA_HOME name one",
};
const MAVEN: Part = { name: "Maven", aptPackage: "maven", otherwise: "or put mvn on the PATH" };

/**
 * Finds Java 17 and Maven. What is missing is installed with apt where that is possible: on a terminal after one
 * question, as root without a terminal after saying so. Throws MissingRequirementError with one sentence for each
 * part that is still missing; then nothing was started.
 */
export async function cassandraRequirements(options: RequirementOptions): Promise<CassandraRequirements> {
  const machine = options.machine ?? thisMachine();
  const first = await look(machine, options);
  if ("java" in first) return first;
  if (!(await mayInstall(machine, first.missing, options))) throw missing(first.missing);
  const failure = await install(machine, first.missing, options);
  const second = await look(machine, options);
  if ("java" in second) return second;
  throw missing(second.missing, failure);
}

async function look(
  machine: MachineHost,
  { maven, signal }: RequirementOptions,
): Promise<CassandraRequirements | { missing: Part[] }> {
  const java = await findJava(machine, signal);
  const mvn = maven ? machine.onPath("mvn") : undefined;
  const lacking = [...(java === undefined ? [JAVA] : []), ...(maven && mvn === undefined ? [MAVEN] : [])];
  return java === undefined || lacking.length > 0 ? { missing: lacking } : { java, maven: mvn };
}

/** JAVA_HOME, then what the system's packages install, then the PATH; the first that says it is 17. */
async function findJava(machine: MachineHost, signal: AbortSignal): Promise<string | undefined> {
  const home = machine.env["JAVA_HOME"];
  const installed = machine.javaInstallations().filter((folder) => /\b1?\.?17\b/.test(folder));
  const path = machine.onPath("java");
  const candidates = [
    ...(home === undefined || home === "" ? [] : [`${home}/bin/java`]),
    ...installed.map((folder) => `${folder}/bin/java`),
    ...(path === undefined ? [] : [path]),
  ];
  const tried = new Set<string>();
  for (const candidate of candidates) {
    const java = machine.realPath(candidate);
    if (java === undefined || tried.has(java)) continue;
    tried.add(java);
    const { output } = await machine.run([java, "-version"], { signal, onLine: () => undefined });
    if (majorOf(output) === JAVA_MAJOR) return java;
  }
  return undefined;
}

/** The major version in what `java -version` prints: `openjdk version "17.0.15"`, `java version "1.8.0_402"`. */
export function majorOf(output: string): number | undefined {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  if (first === undefined) return undefined;
  return Number(first === "1" && second !== undefined ? second : first);
}

async function mayInstall(machine: MachineHost, parts: Part[], options: RequirementOptions): Promise<boolean> {
  if (!machine.isRoot || machine.onPath("apt-get") === undefined) return false;
  const names = parts.map((part) => part.name).join(" and ");
  const packages = parts.map((part) => part.aptPackage).join(" ");
  if (machine.isTerminal)
    return machine.ask(`Cassandra needs ${names}. Install ${packages} with apt now?`, options.signal);
  options.onProgress(`Cassandra needs ${names}: installing ${packages} with apt`);
  return true;
}

/** Installs with apt; gives the line that says why it failed, undefined where it did not. */
async function install(machine: MachineHost, parts: Part[], options: RequirementOptions): Promise<string | undefined> {
  const packages = parts.map((part) => part.aptPackage);
  const steps = [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", ...packages],
  ];
  const tellSteps = (line: string) => {
    if (/^(Unpacking|Setting up) /.test(line)) options.onProgress(line);
  };
  for (const step of steps) {
    options.onProgress(step.join(" "));
    const { status, output } = await machine.run(step, { signal: options.signal, onLine: tellSteps });
    options.signal.throwIfAborted();
    if (status !== 0)
      return output.split("\n").findLast((line) => line.startsWith("E: ")) ?? `${step.join(" ")} failed`;
  }
  return undefined;
}

function missing(parts: Part[], failure?: string): MissingRequirementError {
  const why = failure === undefined ? "" : ` (apt: ${failure})`;
  return new MissingRequirementError(
    parts.map(
      ({ name, aptPackage, otherwise }) =>
        `${name} is missing, which the local Cassandra ring needs${why}: install it with ` +
        `\`sudo apt-get install ${aptPackage}\` (Debian, Ubuntu), ${otherwise}.`,
    ),
  );
}

import { describe, expect, it } from "vitest";
import type { MachineHost } from "../../../stacks/local/cassandra/machine.js";
import { cassandraRequirements, majorOf } from "../../../stacks/local/cassandra/requirements.js";
import { MissingRequirementError } from "../../../stacks/local/engine/index.js";

const JAVA_17 = 'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment';
const JAVA_21 = 'openjdk version "21.0.1" 2023-10-17';

interface Setting {
  env?: NodeJS.ProcessEnv;
  isRoot?: boolean;
  isTerminal?: boolean;
  /** What `FILE -version` prints. */
  javas?: Record<string, string>;
  installations?: string[];
  path?: Record<string, string>;
  answer?: boolean;
  /** What apt does: what it adds, or the line that it fails with. */
  apt?: Pick<Setting, "javas" | "installations" | "path"> | string;
}

/** A machine of which a test says everything. */
class FakeMachine implements MachineHost {
  readonly ran: string[] = [];
  readonly asked: string[] = [];
  readonly env: NodeJS.ProcessEnv;
  readonly isRoot: boolean;
  readonly isTerminal: boolean;

  constructor(private setting: Setting) {
    this.env = setting.env ?? {};
    this.isRoot = setting.isRoot ?? false;
    this.isTerminal = setting.isTerminal ?? false;
  }

  javaInstallations(): string[] {
    return this.setting.installations ?? [];
  }
  onPath(program: string): string | undefined {
    return this.setting.path?.[program];
  }
  realPath(file: string): string | undefined {
    return this.setting.javas?.[file] === undefined ? undefined : file;
  }
  async ask(question: string): Promise<boolean> {
    this.asked.push(question);
    return this.setting.answer ?? false;
  }
  async run(command: string[]): Promise<{ status: number; output: string }> {
    const line = command.join(" ");
    const java = this.setting.javas?.[command[0] ?? ""];
    if (java !== undefined) return { status: 0, output: java };
    this.ran.push(line);
    const { apt } = this.setting;
    if (typeof apt === "string") return { status: 100, output: `Reading package lists...\n${apt}` };
    if (line.includes("install") && apt !== undefined)
      this.setting = { ...this.setting, ...apt, path: { ...this.setting.path, ...apt.path } };
    return { status: 0, output: "" };
  }
}

async function look(setting: Setting, maven = true) {
  const machine = new FakeMachine(setting);
  const told: string[] = [];
  const { signal } = new AbortController();
  const result = await cassandraRequirements({ maven, signal, machine, onProgress: (line) => told.push(line) }).catch(
    (error: unknown) => {
      if (error instanceof MissingRequirementError) return error;
      throw error;
    },
  );
  return { result, machine, told };
}

const home = "/usr/lib/jvm/java-17-openjdk-amd64";
const installed = { javas: { [`${home}/bin/java`]: JAVA_17 }, installations: [home], path: { mvn: "/usr/bin/mvn" } };
const apt = { "apt-get": "/usr/bin/apt-get" };
const APT_STEPS = ["apt-get update", "apt-get install -y --no-install-recommends openjdk-17-jre-headless maven"];

describe("Java", () => {
  it("is looked for in JAVA_HOME, among the installed ones, then on the PATH, and must say that it is 17", async () => {
    const javas = {
      "/opt/jdk/bin/java": JAVA_21,
      [`${home}/bin/java`]: JAVA_17,
      "/opt/17/bin/java": JAVA_17,
      "/usr/bin/java": JAVA_17,
    };
    const base = { javas, installations: ["/usr/lib/jvm/temurin-21", home], path: { java: "/usr/bin/java" } };
    const found = async (setting: Setting) => (await look(setting, false)).result;
    expect(await found({ ...base, env: { JAVA_HOME: "/opt/17" } })).toMatchObject({ java: "/opt/17/bin/java" });
    expect(await found({ ...base, env: { JAVA_HOME: "/opt/jdk" } })).toMatchObject({ java: `${home}/bin/java` });
    expect(await found({ ...base, installations: [] })).toMatchObject({ java: "/usr/bin/java" });
    expect(await found({ ...base, installations: [], path: {} })).toBeInstanceOf(MissingRequirementError);
  });

  it("tells its major version in the words of every vendor", () => {
    expect(majorOf(JAVA_17)).toBe(17);
    expect(majorOf('java version "1.8.0_402"')).toBe(8);
    expect(majorOf('openjdk version "17" 2021-09-14')).toBe(17);
    expect(majorOf("no such file")).toBeUndefined();
  });
});

describe("what is there", () => {
  it("is used, nothing is asked and nothing is run", async () => {
    const { result, machine } = await look({ ...installed, isRoot: true, isTerminal: true });
    expect(result).toEqual({ java: `${home}/bin/java`, maven: "/usr/bin/mvn" });
    expect([...machine.asked, ...machine.ran]).toEqual([]);
  });

  it("need not hold Maven when Cassandra has been fetched already", async () => {
    const { result } = await look({ ...installed, path: {} }, false);
    expect(result).toEqual({ java: `${home}/bin/java`, maven: undefined });
  });
});

describe("what is missing", () => {
  it("is one sentence a part with the command that installs it, where nobody may install", async () => {
    const { result, machine } = await look({ path: apt });
    expect(result).toMatchObject({
      exitCode: 3,
      sentences: [
        expect.stringMatching(/^Java 17 is missing.*`sudo apt-get install openjdk-17-jre-headless`/),
        expect.stringMatching(/^Maven is missing.*`sudo apt-get install maven`/),
      ],
    });
    expect(machine.ran).toEqual([]);
  });

  it("is installed as root without a terminal, after saying so, and only what is needed", async () => {
    const { result, machine, told } = await look({ isRoot: true, path: apt, apt: installed });
    expect(result).toEqual({ java: `${home}/bin/java`, maven: "/usr/bin/mvn" });
    expect(machine.ran).toEqual(APT_STEPS);
    expect(told[0]).toBe("Cassandra needs Java 17 and Maven: installing openjdk-17-jre-headless maven with apt");
    const part = await look({ ...installed, isRoot: true, path: apt, apt: installed });
    expect(part.machine.ran[1]).toBe("apt-get install -y --no-install-recommends maven");
  });

  it("is asked for once on a terminal, and installed on a yes only", async () => {
    const yes = await look({ isRoot: true, isTerminal: true, path: apt, answer: true, apt: installed });
    expect(yes.machine.asked).toEqual([
      "Cassandra needs Java 17 and Maven. Install openjdk-17-jre-headless maven with apt now?",
    ]);
    expect(yes.machine.ran).toEqual(APT_STEPS);
    const no = await look({ isRoot: true, isTerminal: true, path: apt, answer: false });
    expect(no.result).toBeInstanceOf(MissingRequirementError);
    expect(no.machine.ran).toEqual([]);
  });

  it("is a sentence where there is no apt, or where the terminal's user is not root", async () => {
    for (const setting of [{ isRoot: true }, { isTerminal: true, path: apt }]) {
      const { result, machine } = await look(setting);
      expect(result).toBeInstanceOf(MissingRequirementError);
      expect([...machine.asked, ...machine.ran]).toEqual([]);
    }
  });

  it("is a sentence with apt's own reason where apt fails", async () => {
    const failure = "E: Unable to locate package openjdk-17-jre-headless";
    const { result, machine } = await look({ isRoot: true, path: apt, apt: failure });
    expect(machine.ran).toEqual(["apt-get update"]);
    expect(result).toMatchObject({ message: expect.stringContaining(failure) });
  });
});

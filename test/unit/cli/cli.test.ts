import { describe, expect, it } from "vitest";
import { program } from "../../../stacks/cli/main.js";
import { screen } from "../../../stacks/cli/screen.js";

/** What a call prints, and the code it ends with. */
async function call(...args: string[]): Promise<{ out: string; code: string }> {
  let out = "";
  const root = program();
  for (const command of [root, ...root.commands, ...root.commands.flatMap((each) => each.commands)])
    command.exitOverride().configureOutput({ writeOut: (text) => (out += text), writeErr: (text) => (out += text) });
  try {
    await root.parseAsync(["node", "stowage", ...args]);
    return { out, code: "" };
  } catch (error) {
    return { out, code: error instanceof Error && "code" in error ? String(error.code) : String(error) };
  }
}

describe("the command line", () => {
  it.each([
    [["--help"]],
    [["local", "--help"]],
    [["preview", "--help"]],
    [["trace", "--help"]],
    [["audit", "verify", "--help"]],
  ])("%j says what it takes and how it ends", async (args) => {
    const { out } = await call(...args);
    expect(out).toContain("Usage: stowage");
    expect(out).toContain("Exit codes:");
  });

  it("names every option of local in its help", async () => {
    const { out } = await call("local", "--help");
    const options = ["--once", "--messages", "--poison", "--small", "--json"];
    for (const option of [...options, "--propagation", "--token-lifetime", "--emulator"]) expect(out).toContain(option);
  });

  it.each([
    [["local", "--messages", "0"], "a whole number from 1 to 1000000"],
    [["local", "--messages", "1.5"], "a whole number from 1 to 1000000"],
    [["local", "--poison", "-1"], "a whole number from 0 to 100000"],
    [["local", "--mesages", "5"], "Did you mean --messages?"],
    [["local", "--propagation", "3601"], "a whole number from 0 to 3600"],
    [["local", "--token-lifetime", "120"], "from 125 to 86400. The Azure clients renew a token 120 s before its end"],
    [["local", "--emulator", "--propagation", "5"], "cannot be used with option '--propagation"],
    [["locl"], "Did you mean local?"],
    [["preview"], "missing required argument 'environment'"],
  ])("%j is refused with what would be right", async (args, words) => {
    const { out, code } = await call(...args);
    expect(out).toContain(words);
    expect(code).toMatch(/^commander\./);
  });
});

describe("the screen", () => {
  it("redraws a block on a terminal, and prints it now and then elsewhere", () => {
    let text = "";
    let now = 0;
    const stream = (isTTY: boolean) =>
      ({ isTTY, write: (part: string) => (text += part) }) as unknown as NodeJS.WriteStream;
    const terminal = screen(stream(true), () => now);
    terminal.block(["a", "b"]);
    terminal.block(["c", "d"]);
    expect(text).toBe("a\nb\n\u001b[2A\u001b[Jc\nd\n");
    text = "";
    const log = screen(stream(false), () => now);
    log.block(["a"]);
    log.block(["b"]);
    now = 5_000;
    log.block(["c"]);
    expect(text).toBe("a\nc\n");
  });
});

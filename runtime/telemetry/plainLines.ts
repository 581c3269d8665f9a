/** Fields of a line, in their order; one that is undefined is left out. Their names need no escape in JSON. */
export interface PlainFields {
  [name: string]: string | number | undefined;
}

/** Where lines go. */
export interface LineDestination {
  write(line: string): unknown;
}

/** Text that stands in JSON as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

let isoAt = 0;
let iso = new Date(isoAt).toISOString();

/** The time as ISO 8601 has it; made once a millisecond, however many lines that has. */
export function isoNow(): string {
  const now = Date.now();
  if (now !== isoAt) {
    isoAt = now;
    iso = new Date(now).toISOString();
  }
  return iso;
}

/** Writes lines of text and numbers as JSON, the way pino writes them. */
export class PlainLines {
  /** What every line has behind its time. */
  private readonly base: string;

  constructor(
    base: { [name: string]: string },
    private readonly destination: LineDestination,
  ) {
    this.base = Object.entries(base)
      .map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
      .join("");
  }

  /** Writes a line of the level `info`. */
  info(fields: PlainFields, message: string): void {
    let line = `{"level":"info","time":"${isoNow()}"${this.base}`;
    for (const name in fields) {
      const value = fields[name];
      if (value !== undefined) line += `,"${name}":${typeof value === "number" ? value : quoted(value)}`;
    }
    this.destination.write(`${line},"msg":${quoted(message)}}\n`);
  }
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

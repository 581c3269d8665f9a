/**
 * What is plainly wrong with an SQL condition or action, seen without parsing it: text, names and brackets that do not
 * end, and signs that the service's SQL does not have. What it says of everything else only the service knows.
 */
export interface SqlText {
  /** What is wrong; undefined where nothing is plainly wrong. */
  fault?: string;
  /** Its words in capitals, without text and names in quotes or brackets. */
  words: string[];
}

/** The marks that begin text or a name, and the one that ends it. Twice in a row the end stands for itself. */
const ENCLOSED: { [open: string]: { close: string; what: string } } = {
  "'": { close: "'", what: "text" },
  '"': { close: '"', what: "name" },
  "[": { close: "]", what: "name" },
};

/** Signs that begin nothing in the service's SQL, and what is meant by them. */
const FOREIGN: { [sign: string]: string } = {
  "==": "equality is =",
  "&": "AND is written out",
  "|": "OR is written out",
  "{": "there are no braces",
  "}": "there are no braces",
  "`": "text stands in ' and names in [ ]",
  "@": "there are no parameters",
};

/** Reads SQL as far as is needed to see what is plainly wrong. */
export function readSql(sql: string): SqlText {
  const words: string[] = [];
  let depth = 0;
  for (let i = 0; i < sql.length; ) {
    const sign = sql.charAt(i);
    const enclosed = ENCLOSED[sign];
    if (enclosed !== undefined) {
      const end = endOf(sql, i + 1, enclosed.close);
      if (end === undefined)
        return { words, fault: `has a ${enclosed.what} that begins with ${sign} at ${i + 1} and does not end` };
      i = end;
      continue;
    }
    const foreign = [sql.slice(i, i + 2), sign].find((each) => each in FOREIGN);
    if (foreign !== undefined)
      return { words, fault: `has ${foreign} at ${i + 1}, which the service does not know: ${FOREIGN[foreign]}` };
    const word = /^[\p{L}\p{Nd}_.]+/u.exec(sql.slice(i))?.[0];
    if (word !== undefined) words.push(word.toUpperCase());
    if (sign === "(") depth++;
    if (sign === ")" && --depth < 0) return { words, fault: `has a ) at ${i + 1} that closes nothing` };
    i += word?.length ?? 1;
  }
  return depth > 0 ? { words, fault: "has a ( that is not closed" } : { words };
}

/** Behind the end of what is enclosed; undefined where there is no end. */
function endOf(sql: string, from: number, close: string): number | undefined {
  for (let i = sql.indexOf(close, from); i >= 0; i = sql.indexOf(close, i + 2))
    if (sql.charAt(i + 1) !== close) return i + 1;
  return undefined;
}

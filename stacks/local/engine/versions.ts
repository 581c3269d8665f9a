/** The three numbers of a version at the start of a text (`v3.259.0`, `go1.26.0`, `3.259.0-alpha`); undefined if none. */
export function parseVersion(text: string): [number, number, number] | undefined {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** True if the first version is the second or a later one; false if either is no version. */
export function isAtLeast(text: string, wanted: string): boolean {
  const [have, want] = [parseVersion(text), parseVersion(wanted)];
  if (have === undefined || want === undefined) return false;
  for (const index of [0, 1, 2] as const) {
    if (have[index] !== want[index]) return have[index] > want[index];
  }
  return true;
}

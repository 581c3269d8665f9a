/** The seed of this run: what `STOWAGE_SEED` says, else a new one each time. 1 to 2^31. */
export function seedOf(): number {
  const asked = Number(process.env["STOWAGE_SEED"]);
  return Number.isSafeInteger(asked) && asked > 0 ? asked : 1 + Math.floor(Math.random() * 2 ** 31);
}

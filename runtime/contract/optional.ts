/** The keys of T whose value may be undefined become optional keys without undefined. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/**
 * Leaves out the keys whose value is undefined: the one place where an optional input meets
 * `exactOptionalPropertyTypes`. `defined({ a: 1, b: undefined })` is `{ a: 1 }`.
 */
export function defined<T extends object>(value: T): Defined<T> {
  const out: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) out[key] = entry;
  return out as Defined<T>;
}

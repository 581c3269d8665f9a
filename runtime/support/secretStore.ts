/** A secret as it was read. */
export interface SecretVersion {
  /** Its values by key. Empty where it has none. */
  values: { readonly [key: string]: string };
  /** Tells this version from those before and after. */
  version: string;
}

/** A secret that is read and written as a whole. */
export interface SecretStore {
  /** What it is called, for a person: `workers/readings-cassandra`. */
  readonly name: string;
  read(signal: AbortSignal): Promise<SecretVersion>;
  /** Sets these keys and leaves the others. False, with nothing written, where somebody else has written since `version`. */
  write(values: { readonly [key: string]: string }, version: string, signal: AbortSignal): Promise<boolean>;
}

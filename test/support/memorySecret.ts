import type { SecretStore, SecretVersion } from "../../runtime/support/secretStore.js";

/** A secret in memory: who writes it at an old version does not. */
export class MemorySecret implements SecretStore {
  readonly name = "workers/readings-cassandra";
  values: { [key: string]: string } = {};
  writes = 0;
  private version = 1;

  async read(): Promise<SecretVersion> {
    return { values: { ...this.values }, version: String(this.version) };
  }

  async write(values: { readonly [key: string]: string }, version: string): Promise<boolean> {
    if (version !== String(this.version)) return false;
    this.values = { ...this.values, ...values };
    this.version++;
    this.writes++;
    return true;
  }
}

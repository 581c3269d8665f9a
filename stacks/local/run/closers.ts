/** What has been opened and must be closed again, whatever happens in between. */
export class Closers {
  private readonly opened: (() => unknown)[] = [];

  /** Remembers how something is closed. */
  add(close: () => unknown): void {
    this.opened.push(close);
  }

  /**
   * Closes everything, the last opened first; one that fails does not keep the others open.
   * Rejects with the first failure, once all have been tried. Called again it has nothing left to do.
   */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let close = this.opened.pop(); close !== undefined; close = this.opened.pop()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** What lies in a bag knows its place there: undefined while it is in none. */
export interface Bagged {
  place: number | undefined;
}

/**
 * Things in no order, each added and taken out at a constant cost. A Set would do, but for one thing: each table that it
 * outgrows points to the next, so that one old table keeps alive all that was in those after it. What comes and goes
 * with every message is moved among the long-lived objects that way, and collecting it costs more than working on it.
 */
export class Bag<T extends Bagged> implements Iterable<T> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  add(item: T): void {
    item.place = this.items.length;
    this.items.push(item);
  }

  /** Takes it out where it is in. */
  delete(item: T): void {
    const { place } = item;
    const last = this.items.at(-1);
    if (place === undefined || last === undefined) return;
    this.items[place] = last;
    last.place = place;
    this.items.pop();
    item.place = undefined;
  }

  /** Takes everything out. */
  clear(): void {
    for (const item of this.items.splice(0)) item.place = undefined;
  }

  /** What is in at this moment. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.items].values();
  }
}

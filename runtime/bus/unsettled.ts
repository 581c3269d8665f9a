/** Deliveries of a link that are told apart; more than a link can have open. */
const KEPT = 4_096;

/** Which deliveries of one link are settled, by their numbers from 0. */
export class Unsettled {
  /** Of the last deliveries: 1 where it is settled. */
  private readonly settled = new Uint8Array(KEPT);
  private next = 0;
  /** The oldest that is not settled; `next` where all are. */
  private oldest = 0;

  /** Notes a delivery; its number. */
  add(): number {
    const number = this.next++;
    this.settled[number % KEPT] = 0;
    return number;
  }

  settle(number: number): void {
    this.settled[number % KEPT] = 1;
    while (this.oldest < this.next && this.settled[this.oldest % KEPT] === 1) this.oldest++;
  }

  /** How many deliveries came from the oldest unsettled one on; 0 where all are settled. */
  get span(): number {
    return this.next - this.oldest;
  }
}

/** What the ledger may hand out. */
export interface CreditLimits {
  /** Messages that may be held or on their way at once. */
  concurrency: number;
  /** Bytes of bodies that may be held at once. */
  maxHeldBytes: number;
  /** False while nothing may be taken: the store is down, or the process ends. */
  mayTake(): boolean;
}

/** A body of Azure's standard tier at its limit, 256 KiB: what a message is taken to be until one was seen. */
const UNKNOWN_BYTES = 256 * 1024;
/** The expectation follows the largest body at once and forgets it by this factor a message. */
const DECAY = 0.98;

/** One attached link: it takes credit, and each message that it delivers uses one up. */
export interface CreditLink {
  /** Credit that the broker may still use. */
  credit: number;
}

/** A finished message that could give its credit back to its link. */
interface Parked {
  link: CreditLink;
  giveBack(): void;
}

/**
 * Keeps what is held within its bounds: a link gets credit for a free slot and no sooner, and only while the bodies
 * that are held and those on their way, at the size of late, stay below the limit.
 */
export class CreditLedger {
  private readonly links = new Set<CreditLink>();
  private parked: Parked[] = [];
  private expectedBytes = UNKNOWN_BYTES;
  /** Messages that came so far. */
  taken = 0;
  /** Messages held now, and the bytes of their bodies. */
  held = 0;
  heldBytes = 0;

  constructor(private readonly limits: CreditLimits) {}

  /** Credit on its way, over all links. */
  get outstanding(): number {
    let sum = 0;
    for (const link of this.links) sum += link.credit;
    return sum;
  }

  /** False while nothing may be taken. */
  get mayTake(): boolean {
    return this.limits.mayTake();
  }

  /** How many messages more may be asked for now; at least one while nothing is held and nothing is on its way. */
  get room(): number {
    const { concurrency, maxHeldBytes, mayTake } = this.limits;
    if (!mayTake()) return 0;
    const { outstanding } = this;
    const bySlots = concurrency - this.held - outstanding;
    const byBytes = Math.floor((maxHeldBytes - this.heldBytes) / this.expectedBytes) - outstanding;
    const idle = this.held === 0 && outstanding === 0;
    return Math.max(idle ? 1 : 0, Math.min(bySlots, byBytes));
  }

  /** A link is attached and was granted `credit`. */
  attached(link: CreditLink, credit: number): void {
    link.credit = credit;
    this.links.add(link);
  }

  /** A link is gone; its credit is void, and what its messages would give back is owed to nobody. */
  detached(link: CreditLink): void {
    link.credit = 0;
    this.links.delete(link);
    this.parked = this.parked.filter((p) => p.link !== link);
  }

  /** A link delivered a message. */
  took(link: CreditLink, bytes: number): void {
    link.credit = Math.max(0, link.credit - 1);
    this.taken++;
    this.held++;
    this.heldBytes += bytes;
    this.expectedBytes = Math.max(bytes, this.expectedBytes * DECAY, 1);
  }

  /**
   * A message is over. `giveBack` is called once there is room for another on the same link; never where the link
   * is gone by then.
   */
  finished(link: CreditLink, bytes: number, giveBack: () => void): void {
    if (this.over(link, bytes)) giveBack();
    else this.owe(link, giveBack);
  }

  /** A message is over. True where its link gets its credit back at once; where not, it is owed: `owe`. */
  over(link: CreditLink, bytes: number): boolean {
    this.held--;
    this.heldBytes -= bytes;
    if (this.parked.length > 0 || !this.links.has(link) || this.room <= 0) return false;
    link.credit++;
    return true;
  }

  /** Calls `giveBack` once there is room for another message on the link; never where the link is gone by then. */
  owe(link: CreditLink, giveBack: () => void): void {
    if (this.links.has(link)) this.parked.push({ link, giveBack });
    this.settle();
  }

  /** Gives back as much as there is room for: to be called when the bounds have moved. */
  settle(): void {
    while (this.parked.length > 0 && this.room > 0) {
      const next = this.parked.shift();
      if (next === undefined) return;
      next.link.credit++;
      next.giveBack();
    }
  }
}

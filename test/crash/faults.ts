import { setTimeout as delay } from "node:timers/promises";
import { BusyAt, LostSettlement } from "../../stacks/local/broker/index.js";
import type { BrokerProcess } from "../support/brokerProcess.js";
import type { Fleet } from "./fleet.js";
import { LOCK_SECONDS } from "./kinds.js";
import { FaultKind, type PlannedFault } from "./plan.js";

/** Between the least and the most, by the fault's measure. */
function between(least: number, most: number, measure: number): number {
  return Math.round(least + (most - least) * measure);
}

/** Brings a planned fault about; resolves once it is over, where it lasts. */
export async function bringAbout(
  { kind, slot, measure }: PlannedFault,
  { fleet, broker, entity }: { fleet: Fleet; broker: BrokerProcess; entity: string },
): Promise<void> {
  switch (kind) {
    case FaultKind.Kill:
      return fleet.signal(slot, "SIGKILL");
    case FaultKind.Term:
      return fleet.signal(slot, "SIGTERM");
    case FaultKind.Stop:
      return fleet.suspend(slot, between(LOCK_SECONDS * 1_000 + 1_000, LOCK_SECONDS * 1_000 + 3_000, measure));
    case FaultKind.Drop:
      await broker.fault({ kind: "drop" });
      return;
    case FaultKind.Detach:
      await broker.fault({ kind: "detach", entity });
      return;
    case FaultKind.Freeze:
      await broker.fault({ kind: "freeze", entity });
      await delay(between(500, LOCK_SECONDS * 1_000 + 2_000, measure));
      await broker.fault({ kind: "thaw" });
      return;
    case FaultKind.LoseRequest:
    case FaultKind.LoseAnswer: {
      const lost = kind === FaultKind.LoseRequest ? LostSettlement.Request : LostSettlement.Answer;
      await broker.fault({ kind: "loseSettlements", entity, times: between(1, 10, measure), lost });
      return;
    }
    case FaultKind.Busy: {
      const at = [BusyAt.Attach, BusyAt.Management];
      await broker.fault({ kind: "busy", entity, times: between(3, 20, measure), at });
      // Attaches that are refused are seen only where links are lost.
      await broker.fault({ kind: "detach", entity });
      return;
    }
    case FaultKind.Slow:
      await broker.fault({ kind: "delay", entity, milliseconds: between(50, 300, measure) });
      await delay(1_000);
      await broker.fault({ kind: "delay", entity, milliseconds: 0 });
  }
}

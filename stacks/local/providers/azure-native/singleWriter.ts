import { setTimeout as pause } from "node:timers/promises";
import type { PropertyMap, ResourceModel } from "../base/index.js";
import { ArmError } from "./errors.js";

/** How Azure refuses a write under a parent under which another goes on. */
export interface BusyParent {
  code: string;
  /** @param parent resource id of the parent */
  message(parent: string): string;
}

/** How long a write is taken to last, in milliseconds: long enough that two that are sent at once do meet. */
const WRITE_MS = 50;

/** The same resource, of which Azure takes one write at a time under one parent: a second is refused, it does not wait. */
export function oneWriteAtATime(
  model: ResourceModel,
  busyParent: BusyParent,
  idOf: (inputs: PropertyMap) => string,
): ResourceModel {
  const busy = new Set<string>();
  const alone = async <T>(id: string, write: () => Promise<T>): Promise<T> => {
    const parent = id.split("/").slice(0, -2).join("/");
    const key = parent.toLowerCase();
    if (busy.has(key)) throw new ArmError(409, busyParent.code, busyParent.message(parent));
    busy.add(key);
    try {
      await pause(WRITE_MS);
      return await write();
    } finally {
      busy.delete(key);
    }
  };
  const { update, delete: remove } = model;
  return {
    ...model,
    create: (inputs, context) => alone(idOf(inputs), () => model.create(inputs, context)),
    ...(update && { update: (id, current, news, at) => alone(id, () => update(id, current, news, at)) }),
    ...(remove && { delete: (id, current, at) => alone(id, () => remove(id, current, at)) }),
  };
}

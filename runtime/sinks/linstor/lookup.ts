import type { Definition, LinstorApi } from "./api.js";
import { type Claim, findClaim } from "./claims.js";
import { type CommandRecord, History } from "./history.js";
import { Property } from "./properties.js";

/** What LINSTOR keeps of a command. Each part may be gone: only so many commands are remembered. */
export interface FoundCommand {
  /** The claim of its message id. */
  claim?: Claim & { at: Date };
  /** The command in the history of its volume. */
  record?: CommandRecord & { volume: string };
  /** The volume, where the properties that stand on it are this command's. */
  volume?: Pick<Definition, "name" | "uuid"> & { created: boolean; last: boolean; worker?: string };
}

/** Looks for a command by its key; in the volume that its claim names, and in those that others name. */
export async function findCommand(
  api: LinstorApi,
  key: string,
  volumes: readonly string[],
  signal: AbortSignal,
): Promise<FoundCommand> {
  const claim = await findClaim(api, key, signal);
  const found: FoundCommand = claim === undefined ? {} : { claim };
  for (const name of new Set(claim === undefined ? volumes : [claim.volume])) {
    const record = (await History.load(api, name, () => new Date(), signal)).find(key);
    if (record === undefined) continue;
    found.record = { ...record, volume: name };
    const definition = await api.definition(name, signal);
    if (definition === undefined) continue;
    const { props, uuid } = definition;
    const created = props[Property.CreatedKey] === key;
    const last = props[Property.Command] === record.id && props[Property.CommandBody] === record.body;
    const worker = props[Property.Worker];
    if (created || last)
      found.volume = {
        name: definition.name,
        uuid,
        created,
        last,
        ...(last && worker !== undefined ? { worker } : {}),
      };
  }
  return found;
}

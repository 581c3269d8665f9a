import { VolumeAction } from "../../contract/index.js";
import type { Definition, LinstorApi, Replica } from "./api.js";
import type { Command } from "./command.js";
import { describe, type Entry, LinstorFailure, NotReady, Refusal } from "./errors.js";
import { createdBy, executedBy, Property, type Writer } from "./properties.js";
import { Code, isLasting, Severity } from "./returnCodes.js";
import { type Patience, waitFor } from "./wait.js";

/** What an action works with. */
export interface ActionContext {
  api: LinstorApi;
  /** Resource group of the pipeline: commands touch its volumes only. */
  group: string;
  writer: Writer;
  patience: Patience;
  signal: AbortSignal;
}

/** What came of a command. */
export interface Effect {
  nodes: string[];
  message: string;
}

/**
 * One kind of command. Both parts may be interrupted anywhere and be called again: they look before they act. They
 * throw Refusal where no attempt can succeed, NotReady and the errors of LinstorClient where a later one may.
 */
export interface Action {
  /** Looks before anything is begun; gives the UUID of the volume that the command is about, if there is one. */
  prepare(context: ActionContext, command: Command): Promise<string | undefined>;
  /** Brings the effect about, or finds it in place. `target` is what `prepare` gave when the command was begun. */
  perform(context: ActionContext, command: Command, target: string | undefined): Promise<Effect>;
}

/** Errors of LINSTOR that a node which is away hides behind. */
const MAY_BE_AWAY: readonly number[] = [Code.NotFoundStoragePool, Code.NotEnoughNodes];

/** Turns an answer with errors into a Refusal or a NotReady. */
async function judged(
  { api, group, signal }: ActionContext,
  failure: LinstorFailure,
  command: Command,
): Promise<Error> {
  const because = { cause: failure };
  if (failure.codes.some((code) => MAY_BE_AWAY.includes(code))) {
    const away = (await api.nodes(signal)).filter((n) => !n.online).map((n) => n.name);
    if (away.length > 0)
      return new NotReady(
        `${failure.message}. Nodes ${away.join(", ")} are offline: LINSTOR may find room once they are back`,
        because,
      );
  }
  if (failure.has(Code.NotEnoughNodes)) {
    const largest = await api.largestKib(group, command.replicas, signal);
    const room = largest === undefined ? "no volume" : `at most ${largest} KiB`;
    return new Refusal(
      `${failure.message}. Resource group ${group} has room for ${room} with so many replicas.`,
      because,
    );
  }
  return failure.codes.every(isLasting)
    ? new Refusal(failure.message, because)
    : new NotReady(failure.message, because);
}

function warnings(entries: readonly Entry[]): string {
  const found = entries.filter((e) => e.decoded.severity === Severity.Warning);
  return found.length === 0 ? "" : ` LINSTOR warns: ${describe(found)}`;
}

/** Refuses a volume of another group: a pipeline touches what is its own. */
function needOwnGroup(definition: Definition, group: string): void {
  if (definition.group.toLowerCase() !== group.toLowerCase())
    throw new Refusal(
      `Volume ${definition.name} belongs to resource group ${definition.group}; this pipeline executes commands on ` +
        `volumes of ${group} only`,
    );
}

/** The volume that a command is about; with `target`, that very volume and no later one of its name. */
async function needVolume(
  { api, group, signal }: ActionContext,
  command: Command,
  target?: string,
): Promise<Definition> {
  const { volume } = command;
  const found = await api.definition(volume, signal);
  if (found === undefined || (target !== undefined && found.uuid !== target)) {
    const fate = target === undefined ? "does not exist" : "was deleted before the command was done";
    throw new Refusal(`Volume ${volume} ${fate}. Create it first.`);
  }
  needOwnGroup(found, group);
  if (found.deleting) throw new Refusal(`Volume ${volume} is being deleted`);
  return found;
}

/** Nodes that hold or see a volume; a tie-breaker only votes. */
function seeing(replicas: readonly Replica[]): string[] {
  return replicas.filter((r) => !r.tieBreaker).map((r) => r.node);
}

/** True for a volume that this very command made. */
export function isMadeBy(definition: Definition | undefined, key: string): boolean {
  return definition?.props[Property.CreatedKey] === key;
}

const create: Action = {
  async prepare(context, command) {
    const found = await context.api.definition(command.volume, context.signal);
    if (found !== undefined && !isMadeBy(found, command.key)) throw await taken(context, command, found);
    return undefined;
  },

  async perform(context, command) {
    const { api, patience, signal } = context;
    let definition = await api.definition(command.volume, signal);
    let said = "";
    if (definition === undefined) {
      said = await spawn(context, command);
      definition = await api.definition(command.volume, signal);
    }
    if (definition === undefined) throw new NotReady(`Volume ${command.volume} was created and is gone again`);
    if (!isMadeBy(definition, command.key)) throw await taken(context, command, definition);
    if (definition.deleting) throw new Refusal(`Volume ${command.volume} is being deleted by someone else`);
    const replicas = await waitFor(patience, signal, async () => {
      const found = await api.replicas(command.volume, signal);
      const disks = found.filter((r) => !r.diskless);
      const missing = (command.replicas ?? 1) - disks.length;
      if (missing > 0) return { waitsFor: `volume ${command.volume} lacks ${missing} replicas` };
      const late = disks.filter((r) => !r.ready).map((r) => `${r.node} is ${r.state}`);
      return late.length === 0 ? { value: found } : { waitsFor: `volume ${command.volume}: ${late.join(", ")}` };
    });
    const nodes = seeing(replicas);
    return {
      nodes,
      message: `Volume ${command.volume} of ${command.sizeKib ?? 0} KiB is ready on ${nodes.join(", ")}.${said}`,
    };
  },
};

/** Asks LINSTOR for the volume; the command's key goes with the request. Says what LINSTOR warned of. */
async function spawn(context: ActionContext, command: Command): Promise<string> {
  const { api, group, writer, signal } = context;
  const places = command.replicas === undefined ? {} : { select_filter: { place_count: command.replicas } };
  const request = {
    resource_definition_name: command.volume,
    volume_sizes: [command.sizeKib ?? 0],
    resource_definition_props: createdBy(command, writer),
    ...places,
  };
  try {
    return warnings((await api.spawn(group, request, signal)).entries);
  } catch (error) {
    if (!(error instanceof LinstorFailure)) throw error;
    // Part of it may be done, and an attempt that was cut off goes on in LINSTOR: the name tells.
    if ((await api.definition(command.volume, signal)) !== undefined) return "";
    throw await judged(context, error, command);
  }
}

/** Why a name cannot be had: now, or as long as its volume stands. */
async function taken({ api, signal }: ActionContext, command: Command, found: Definition): Promise<Error> {
  if (found.deleting) return new NotReady(`An earlier volume ${found.name} is still being deleted`);
  const size = await api.sizeKib(found.name, signal);
  const by = found.props[Property.CreatedBy];
  const maker = by === undefined ? "" : `, made by command ${by}`;
  const shrink =
    size !== undefined && command.sizeKib !== undefined && command.sizeKib < size
      ? " A volume is never made smaller."
      : "";
  return new Refusal(
    `Volume ${found.name} exists already, with ${size ?? "unknown"} KiB${maker}.${shrink} Choose another name, or delete it first.`,
  );
}

const snapshot: Action = {
  async prepare(context, command) {
    const definition = await needVolume(context, command);
    const found = await ownSnapshot(context, command);
    return found === undefined || found.own ? definition.uuid : refuseSnapshot(command);
  },

  async perform(context, command, target) {
    const { api, patience, signal } = context;
    const { volume, snapshot: name = "" } = command;
    await needVolume(context, command, target);
    const before = await ownSnapshot(context, command);
    if (before?.own === false) refuseSnapshot(command);
    // One that failed would keep the name for ever.
    if (before?.state === "failed") await api.deleteSnapshot(volume, name, signal);
    const said = before === undefined || before.state === "failed" ? await takeSnapshot(context, command) : "";
    await waitFor(patience, signal, async () => {
      const found = await ownSnapshot(context, command);
      if (found?.state === "failed") throw new NotReady(`Snapshot ${name} of volume ${volume} failed on a node`);
      return found?.state === "successful"
        ? { value: undefined }
        : { waitsFor: `snapshot ${name} of volume ${volume} is not taken` };
    });
    await api.setProperties(volume, executedBy(command, context.writer), signal);
    return {
      nodes: seeing(await api.replicas(volume, signal)),
      message: `Snapshot ${name} of volume ${volume} is taken.${said}`,
    };
  },
};

function refuseSnapshot({ volume, snapshot: name = "" }: Command): never {
  throw new Refusal(`Snapshot ${name} of volume ${volume} exists already. Choose another name.`);
}

async function ownSnapshot({ api, signal }: ActionContext, { volume, snapshot: name = "", key }: Command) {
  const found = (await api.snapshots(volume, signal)).find((s) => s.name.toLowerCase() === name.toLowerCase());
  return found === undefined ? undefined : { state: found.state, own: found.props[Property.CreatedKey] === key };
}

async function takeSnapshot(context: ActionContext, command: Command): Promise<string> {
  const { api, writer, signal } = context;
  const { volume, snapshot: name = "" } = command;
  try {
    return warnings((await api.createSnapshot(volume, name, createdBy(command, writer), signal)).entries);
  } catch (error) {
    if (!(error instanceof LinstorFailure)) throw error;
    const after = await ownSnapshot(context, command);
    // "Exists" about our own is an earlier attempt that was cut off and goes on; what is left of a failure is in the way.
    if (after?.own === true && error.has(Code.ExistsSnapshotDefinition)) return "";
    if (after?.own === true) await api.deleteSnapshot(volume, name, signal);
    throw await judged(context, error, command);
  }
}

const attach: Action = {
  async prepare(context, command) {
    const definition = await needVolume(context, command);
    if (!definition.drbd)
      throw new Refusal(
        `Volume ${command.volume} is not replicated by DRBD: another node would get an empty volume of its own. ` +
          "Use a resource group whose layers have DRBD.",
      );
    await needNode(context, command);
    return definition.uuid;
  },

  async perform(context, command, target) {
    const { api, patience, signal } = context;
    const { volume, node = "" } = command;
    await needVolume(context, command, target);
    await needNode(context, command);
    let said = "";
    try {
      said = warnings((await api.makeAvailable(volume, node, signal)).entries);
    } catch (error) {
      if (!(error instanceof LinstorFailure)) throw error;
      // Satellites may have failed after the node was given access: what stands counts.
      const there = (await api.replicas(volume, signal)).some((r) => isNamed(r.node, node) && !r.tieBreaker);
      if (!there) throw await judged(context, error, command);
    }
    const replicas = await waitFor(patience, signal, async () => {
      const found = await api.replicas(volume, signal);
      const mine = found.find((r) => isNamed(r.node, node));
      if (mine?.ready === true && !mine.tieBreaker) return { value: found };
      return { waitsFor: `volume ${volume} on ${node} is ${mine?.state ?? "not there"}` };
    });
    await api.setProperties(volume, executedBy(command, context.writer), signal);
    return { nodes: seeing(replicas), message: `Volume ${volume} is available on ${node}.${said}` };
  },
};

const isNamed = (name: string, wanted: string) => name.toLowerCase() === wanted.toLowerCase();

/** Waits for the node to be online: one that restarts is back in minutes, and an attempt may last as long. */
async function needNode({ api, patience, signal }: ActionContext, { node = "" }: Command): Promise<void> {
  await waitFor(patience, signal, async () => {
    const [found] = await api.nodes(signal, node);
    if (found === undefined) throw new Refusal(`Node ${node} is not known to LINSTOR`);
    return found.online ? { value: undefined } : { waitsFor: `node ${node} is offline` };
  });
}

const remove: Action = {
  async prepare({ api, group, signal }, command) {
    const found = await api.definition(command.volume, signal);
    if (found !== undefined) needOwnGroup(found, group);
    return found?.uuid;
  },

  async perform(context, command, target) {
    const { api, patience, signal } = context;
    const { volume } = command;
    const found = await api.definition(volume, signal);
    // A later volume of the same name is not the one that was to be deleted.
    if (target === undefined || found === undefined || found.uuid !== target)
      return {
        nodes: [],
        message: target === undefined ? `Volume ${volume} was not there.` : `Volume ${volume} is deleted.`,
      };
    needOwnGroup(found, context.group);
    if (!found.deleting) {
      try {
        await api.deleteDefinition(volume, signal);
      } catch (error) {
        throw error instanceof LinstorFailure ? await judged(context, error, command) : error;
      }
    }
    // LINSTOR keeps a deletion pending while a node with a replica is away.
    await waitFor(patience, signal, async () => {
      const still = await api.definition(volume, signal);
      return still?.uuid === target ? { waitsFor: `volume ${volume} is still being deleted` } : { value: undefined };
    });
    return { nodes: [], message: `Volume ${volume} is deleted.` };
  },
};

/** What each command does. */
export const ACTIONS: Record<VolumeAction, Action> = {
  [VolumeAction.Create]: create,
  [VolumeAction.Snapshot]: snapshot,
  [VolumeAction.Attach]: attach,
  [VolumeAction.Delete]: remove,
};

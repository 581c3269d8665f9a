import { type Answer, StorageWord } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import {
  type DefinitionState,
  Device,
  inOrder,
  isOnline,
  keyOf,
  type Properties,
  type ResourceState,
  resourcesOf,
  type SnapshotState,
} from "../model.js";
import { needPropertyKeys } from "../properties.js";
import { withDisklessAt } from "./create.js";
import { deviceFails } from "./definitions.js";

export interface SnapshotRequest {
  name: string;
  nodes?: string[] | undefined;
  snapshot_definition_props?: Properties | undefined;
}

/** Takes a snapshot on every node with a disk that is there: suspend, take, resume. */
export function createSnapshot(cluster: Cluster, resource: string, request: SnapshotRequest): Answer {
  const { name, snapshot_definition_props: props = {} } = request;
  const answer = cluster.answer(Operation.Create, Subject.Snapshot, { RscDfn: resource, Snapshot: name });
  const details = `Resource: ${resource}, Snapshot: ${name}`;
  const definition = cluster.needDefinition(answer, resource, details);
  cluster.needName(answer, Code.InvalidSnapshotName, "snapshot", name, details);
  if (definition.snapshots[keyOf(name)] !== undefined)
    answer.fail(
      Code.ExistsSnapshot,
      `A snapshot definition with the name '${name}' already exists in resource definition '${definition.name}'.`,
      { cause: "The SnapshotDefinition already exists", details },
    );
  needPropertyKeys(answer, Object.keys(props), details);
  const all = resourcesOf(definition);
  const wanted = request.nodes?.map(keyOf) ?? [];
  const online = all.filter((r) => isOnline(cluster.state, r.node));
  const sources = online.filter((r) => !r.diskless && (wanted.length === 0 || wanted.includes(keyOf(r.node))));
  if (sources.length === 0)
    answer.fail(Code.NotFoundResource, `No node with a disk of resource '${definition.name}' is online.`, { details });
  for (const r of all)
    if (!r.diskless && !online.includes(r))
      answer.warn(
        Code.None,
        `Snapshot for resource '${definition.name}' will not be created on node '${r.node}' because that node is ` +
          "currently offline.",
      );
  const snapshot: SnapshotState = {
    name,
    uuid: cluster.uuid(),
    number: ++definition.snapshotCount,
    props,
    successful: false,
    volumes: definition.volumes.map(({ number, sizeKib }) => ({ number, sizeKib })),
    nodes: sources.map((r) => ({
      node: r.node,
      uuid: cluster.uuid(),
      pool: r.pool,
      taken: false,
      createdAt: cluster.now(),
    })),
  };
  definition.snapshots[keyOf(name)] = snapshot;
  answer
    .propertiesSet(Subject.Snapshot, Object.keys(props))
    .say(Code.Created, `New snapshot '${name}' of resource '${definition.name}' registered.`, {
      details: `Snapshot '${name}' of resource '${definition.name}' UUID is: ${snapshot.uuid}`,
      refs: { UUID: snapshot.uuid },
    });
  take(cluster, answer, definition, snapshot, online);
  return answer;
}

/** One of the three rounds of a snapshot. */
interface Round {
  /** Where satellites without a disk answer among the others. */
  disklessAt: number;
  takes: boolean;
  report: (resource: ResourceState) => string;
}

function take(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  snapshot: SnapshotState,
  online: ResourceState[],
): void {
  const what = `[${definition.name}]`;
  const rounds: Round[] = [
    { disklessAt: 0, takes: false, report: (r) => `Suspended IO of '${what}' on '${r.node}' for snapshot` },
    { disklessAt: 0, takes: true, report: (r) => `Took snapshot of '${what}' on '${r.node}'` },
    { disklessAt: 1, takes: false, report: (r) => `Resumed IO of '${what}' on '${r.node}' after snapshot` },
  ];
  for (const round of rounds) {
    visitAll(cluster, answer, definition, snapshot, online, round);
    if (answer.failed) {
      const abort: Round = {
        disklessAt: 0,
        takes: false,
        report: (r) => `Aborted snapshot and resumed IO of '${definition.name}' on '${r.node}'`,
      };
      visitAll(cluster, answer, definition, snapshot, online, abort);
      return;
    }
  }
  snapshot.successful = true;
}

function visitAll(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  snapshot: SnapshotState,
  online: ResourceState[],
  round: Round,
): void {
  const satellites = cluster.satellites(answer, definition);
  const diskful = online.filter((r) => !r.diskless);
  const diskless = online.filter((r) => r.diskless);
  for (const r of withDisklessAt(diskful, diskless, round.disklessAt)) {
    if (r.device === Device.Failing) {
      deviceFails(answer, definition, r);
      continue;
    }
    satellites.visit(r, { operation: Operation.Create, storage: StorageWord.Resized, drbd: "adjusted" });
    const part = snapshot.nodes.find((n) => n.node === r.node);
    if (part === undefined)
      answer.say(
        Code.None,
        `(${r.node}) Skipping processing unknown snapshot '${snapshot.name}' of resource '${definition.name}'`,
        { cause: "Resource is already deleted" },
      );
    else if (round.takes) {
      part.taken = true;
      volumeLines(cluster, answer, definition, snapshot, part, Code.Created, "created");
    }
    answer.say(Code.Modified, round.report(r));
  }
}

function volumeLines(
  cluster: Cluster,
  answer: Answer,
  definition: DefinitionState,
  snapshot: SnapshotState,
  part: SnapshotState["nodes"][number],
  code: Code,
  word: "created" | "deleted",
): void {
  const kind = cluster.node(part.node)?.pools[keyOf(part.pool)]?.kind ?? "";
  for (const { number } of snapshot.volumes)
    answer.say(
      code,
      `(${part.node}) Snapshot [${kind.replaceAll("_", " ")}] with name '${snapshot.name}' of resource ` +
        `'${definition.name}', volume number ${number} ${word}.`,
      { refs: { VlmNr: String(number) } },
    );
}

/** Deletes a snapshot. LINSTOR counts it as deleted on a node that is away, too. */
export function deleteSnapshot(cluster: Cluster, resource: string, name: string): Answer {
  const answer = cluster.answer(Operation.Delete, Subject.Snapshot, { RscDfn: resource, Snapshot: name });
  const details = `Resource: ${resource}, Snapshot: ${name}`;
  const definition = cluster.definition(resource);
  const snapshot = definition?.snapshots[keyOf(name)];
  if (definition === undefined || snapshot === undefined)
    return answer.warn(Code.NotFound, `Snapshot definition ${name} of resource ${resource} not found.`, { details });
  const what = `'${snapshot.name}' of resource '${definition.name}'`;
  for (const { node } of snapshot.nodes)
    answer.say(Code.Deleted, `Marked snapshot for deletion snapshot ${what} on nodes '${node}'`);
  const away = snapshot.nodes.filter((part) => !isOnline(cluster.state, part.node));
  for (const { node } of away) answer.notConnected(node);
  for (const part of [...away, ...snapshot.nodes.filter((p) => !away.includes(p))]) {
    if (part.taken && !away.includes(part))
      volumeLines(cluster, answer, definition, snapshot, part, Code.Deleted, "deleted");
    answer.say(Code.Modified, `Deleted snapshot '${snapshot.name}' of '${definition.name}' on '${part.node}'`);
  }
  delete definition.snapshots[keyOf(name)];
  return answer
    .say(Code.Deleted, `Snapshot ${what} on nodes '${snapshot.nodes.map((p) => p.node).join(", ")}' deleted.`)
    .say(Code.Deleted, `Snapshot ${what} deleted.`, {
      details: `Snapshot ${what} UUID was: ${snapshot.uuid}`,
      refs: { UUID: snapshot.uuid },
    });
}

/** A snapshot, or the answer's end: one that is missing is 315. */
export function needSnapshot(cluster: Cluster, resource: string, name: string): [DefinitionState, SnapshotState] {
  const answer = cluster.answer(Operation.None, Subject.None);
  const definition = cluster.definition(resource);
  const snapshot = definition?.snapshots[keyOf(name)];
  if (definition === undefined || snapshot === undefined)
    return answer.fail(Code.NotFoundSnapshot, `Snapshot '${name}' not found.`);
  return [definition, snapshot];
}

export function snapshotsOf(definition: DefinitionState): SnapshotState[] {
  return inOrder(definition.snapshots);
}

import { VolumeAction, type VolumeReply, VolumeResult } from "../../contract/index.js";
import { ACTIONS, type ActionContext, type Effect, isMadeBy } from "./actions.js";
import type { LinstorApi } from "./api.js";
import { claim } from "./claims.js";
import type { Command } from "./command.js";
import { Refusal } from "./errors.js";
import { type CommandRecord, History, Progress, resultOf } from "./history.js";
import type { Retention } from "./retention.js";

/** What the one who sent a command is told. */
export type Answer = Pick<VolumeReply, "result" | "nodes" | "message">;

/** What became of a command. */
export type Executed =
  | { kind: "finished"; answer: Answer; duplicate: boolean }
  /** The same message id came before with another body, for this volume. */
  | { kind: "reused"; volume: string };

/**
 * Executes a command once. Its record goes ahead of the effect and its outcome follows it, both in the history of the
 * volume, so that a second delivery finds either the outcome, or what was begun and against which volume.
 */
export async function execute(
  context: ActionContext,
  command: Command,
  retention: Retention,
  now: () => Date,
): Promise<Executed> {
  const { api, signal } = context;
  const history = await History.load(api, command.volume, now, signal);
  const before = history.find(command.key);
  if (before !== undefined && before.body !== command.bodySha256) return { kind: "reused", volume: command.volume };
  if (before !== undefined && before.progress !== Progress.Begun)
    return { kind: "finished", answer: answerOf(before), duplicate: true };
  const action = ACTIONS[command.action];
  let target = before?.target;
  if (before === undefined) {
    const mine = { bodySha256: command.bodySha256, volume: command.volume };
    const first = await claim(api, command.key, mine, now(), signal);
    if (first.bodySha256 !== command.bodySha256) return { kind: "reused", volume: first.volume };
    if (first.result !== undefined) return { kind: "finished", answer: longAgo(first.result), duplicate: true };
    const earlier = await settleEarlier(api, history, command, signal);
    try {
      target = await action.prepare(context, command);
    } catch (error) {
      return finish(history, command, undefined, error, signal, earlier);
    }
    await history.write([...earlier, [command.key, begun(command, target)]], signal);
  }
  try {
    const effect = await action.perform(context, command, target);
    if (command.action === VolumeAction.Delete) await retention.deleted(command.volume, signal);
    return await finish(history, command, target, effect, signal);
  } catch (error) {
    return finish(history, command, target, error, signal);
  }
}

type Change = [string, Omit<CommandRecord, "v" | "n" | "at">];

function begun(command: Command, target: string | undefined): Change[1] {
  const { action, messageId: id, bodySha256: body } = command;
  const about = target === undefined ? {} : { target };
  return { id, body, action, progress: Progress.Begun, ...about, nodes: [], message: "" };
}

/** Writes the outcome; an error that a later attempt may not meet is thrown on, and the command stays begun. */
async function finish(
  history: History,
  command: Command,
  target: string | undefined,
  outcome: unknown,
  signal: AbortSignal,
  earlier: Change[] = [],
): Promise<Executed> {
  const effect = effectOf(outcome);
  await history.write([...earlier, [command.key, { ...begun(command, target), ...effect }]], signal);
  const record = history.find(command.key);
  if (record === undefined) throw new Error(`The history of ${command.volume} forgot the command that it was given`);
  return { kind: "finished", answer: answerOf(record), duplicate: false };
}

function answerOf(record: CommandRecord): Answer {
  return { result: resultOf(record), nodes: record.nodes, message: record.message };
}

/** The answer to a duplicate of which only the result is still known. */
function longAgo(result: VolumeResult): Answer {
  const fate = result === VolumeResult.Done ? "Executed" : "Refused";
  return { result, nodes: [], message: `${fate} before; its record is no longer kept.` };
}

function effectOf(outcome: unknown): { progress: Progress; nodes: string[]; message: string } {
  if (outcome instanceof Refusal) return { progress: Progress.Refused, nodes: [], message: outcome.message };
  if (isEffect(outcome)) return { progress: Progress.Done, ...outcome };
  throw outcome;
}

function isEffect(value: unknown): value is Effect {
  return typeof value === "object" && value !== null && "nodes" in value && !(value instanceof Error);
}

/**
 * What is known of commands that were begun and have no outcome, before a later one changes the volume: an earlier
 * create whose volume stands is done, an earlier deletion whose volume is gone, too. Else the later command would
 * wipe out what shows it.
 */
async function settleEarlier(
  api: LinstorApi,
  history: History,
  command: Command,
  signal: AbortSignal,
): Promise<Change[]> {
  const open = history.unfinished(command.key);
  if (open.length === 0) return [];
  const definition = await api.definition(command.volume, signal);
  return open.flatMap(([key, record]): Change[] => {
    const { v: _v, n: _n, at: _at, ...rest } = record;
    const done = (message: string): Change[] => [[key, { ...rest, progress: Progress.Done, message }]];
    if (record.action === VolumeAction.Create && isMadeBy(definition, key))
      return done(`Volume ${command.volume} was created.`);
    if (record.action === VolumeAction.Delete && definition?.uuid !== record.target)
      return done(`Volume ${command.volume} is deleted.`);
    return [];
  });
}

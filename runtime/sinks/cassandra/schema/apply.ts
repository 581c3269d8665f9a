import { setTimeout as pause } from "node:timers/promises";
import { type Client, errors, types } from "cassandra-driver";
import { InvalidInputError, problem, StowageError } from "../../../contract/index.js";
import { SCHEMA_MS } from "../client.js";
import { describe } from "../describe.js";
import { SchemaCode } from "./check.js";
import { type Change, ChangeKind, changeLine, Need, planSchema } from "./plan.js";
import { type Ask, type LiveSchema, readLive, type WantedSchema } from "./state.js";

/** How a schema is brought about. */
export interface BringOptions {
  /** Lossy changes that may be made, each in the words of the plan: `drop column readings.celsius`. */
  allow?: readonly string[] | undefined;
  /** Is told each change that was made, and what was left. */
  say?: ((line: string) => void) | undefined;
}

/** How often a change may fail that another try can bring about, and the wait between, in milliseconds. */
const TRIES = 8;
const PAUSE_MS = 400;
/** How often one change is made at most: Cassandra may show an option in other words than those that set it. */
const MADE_TIMES = 3;
/** How long all nodes may take to come to a schema that somebody else has made, in milliseconds. */
const EVERYWHERE_MS = 20_000;

/** The plan of a keyspace, read from the node that changes it. */
export async function planOf(client: Client, wanted: WantedSchema): Promise<Change[]> {
  return planSchema(await liveOf(client, wanted), wanted);
}

/**
 * Makes the changes of the plan, one at a time, each after all nodes agree on the one before; the plan is made anew after
 * each. Two at once come to the same end: what the other one has made is no longer part of the plan. Nothing is touched
 * where a change is refused, or lossy and not allowed; what nobody needs stays as it is. Throws a StowageError.
 */
export async function bringSchema(
  client: Client,
  wanted: WantedSchema,
  signal: AbortSignal,
  { allow = [], say = () => undefined }: BringOptions = {},
): Promise<void> {
  const first = await planOf(client, wanted);
  checkAllowed(first, allow);
  let failures = 0;
  const made = new Map<string, number>();
  for (let plan = first; ; plan = await planOf(client, wanted)) {
    signal.throwIfAborted();
    refuse(wanted, plan, allow);
    const next = plan.find((change) => isMade(change, allow));
    if (next?.statement === undefined) break;
    const times = made.get(next.what) ?? 0;
    if (times === MADE_TIMES) throw notKept(next.what, next.statement);
    try {
      await execute(client, next.statement);
      made.set(next.what, times + 1);
      say(`done      ${next.what}${next.note === undefined ? "" : `: ${next.note}`}`);
    } catch (error) {
      // The node that made it shows it; the next change must not meet others that have not got this one.
      if (error instanceof StowageError) throw error;
      failures++;
      // The one who changes the same at the same time may have been faster: then it is no longer to be done.
      const open = (await planOf(client, wanted)).some(({ what }) => what === next.what);
      if (open && (failures >= TRIES || !mayPass(error))) throw refused(next.what, error);
      await pause(PAUSE_MS, undefined, { signal });
    }
  }
  await checkEverywhere(client, wanted, allow, signal);
  for (const left of await planOf(client, wanted)) say(`left      ${changeLine(left).trimEnd()}`);
}

/** Words that name no change are a slip, unless there is nothing to do at all: then they were followed before. */
function checkAllowed(plan: Change[], allow: readonly string[]): void {
  const lossy = plan.filter(({ kind }) => kind === ChangeKind.Lossy).map(({ what }) => what);
  const unknown = allow.filter((what) => !lossy.includes(what));
  if (unknown.length === 0 || plan.length === 0) return;
  const known = lossy.length === 0 ? "none is lossy" : `the lossy ones are ${lossy.join("; ")}`;
  throw new InvalidInputError(
    "Invalid input",
    unknown.map((what) => problem("--allow", what, `is no change of the plan; ${known}`, "Use the words of the plan")),
  );
}

/** True where the change is made without further words: it is additive, or was allowed. */
function isMade({ kind, what }: Change, allow: readonly string[]): boolean {
  return kind === ChangeKind.Additive || (kind === ChangeKind.Lossy && allow.includes(what));
}

/** Throws where the pipeline's schema cannot be had without what is refused. */
function refuse({ keyspace }: WantedSchema, plan: Change[], allow: readonly string[]): void {
  const blocking = plan.filter((change) => change.need !== Need.Nobody && !isMade(change, allow));
  if (blocking.length === 0) return;
  const lines = blocking.map((change) => `  ${changeLine(change)}`);
  throw new StowageError(
    SchemaCode.Conflict,
    `Keyspace ${keyspace} cannot become what the pipeline says, and nothing more is changed:\n${lines.join("\n")}`,
  );
}

/**
 * The node that makes the changes: of those that are up in the local datacenter the one with the lowest address. All who
 * change the schema meet at it, and it makes one change after the other: two nodes that create one table at the same time
 * would give it two ids, and lose the rows of one of them.
 */
function coordinatorOf(client: Client) {
  const local = client.hosts.values().filter((host) => host.isUp() && isLocal(client, host.datacenter));
  return local.sort((a, b) => (a.address < b.address ? -1 : 1))[0];
}

function isLocal(client: Client, datacenter: string): boolean {
  const connected = client.getState().getConnectedHosts();
  return connected.length === 0 || connected.some((host) => host.datacenter === datacenter);
}

function asking(client: Client, host: ReturnType<typeof coordinatorOf>): Ask {
  const options = { ...(host === undefined ? {} : { host }), consistency: types.consistencies.localOne };
  return async (query, parameters) => (await client.execute(query, parameters, options)).rows;
}

function liveOf(client: Client, { keyspace }: WantedSchema): Promise<LiveSchema> {
  return readLive(keyspace, client, asking(client, coordinatorOf(client)));
}

/** Makes one change and waits until all nodes agree on it. Throws the driver's error, or that they do not agree. */
async function execute(client: Client, statement: string): Promise<void> {
  const host = coordinatorOf(client);
  const options = {
    prepare: false,
    isIdempotent: true,
    readTimeout: SCHEMA_MS,
    ...(host === undefined ? {} : { host }),
  };
  const result = await client.execute(statement, [], options);
  // The driver has waited for it, but its types do not know the answer.
  if (Reflect.get(result.info, "isSchemaInAgreement") === false)
    throw new StowageError(
      SchemaCode.Conflict,
      `The nodes do not agree on the schema after "${statement}". Check that all of them are up (nodetool describecluster), ` +
        "and run it again.",
    );
}

/** Without an end to it the same change would be made for ever. */
function notKept(what: string, statement: string): StowageError {
  return new StowageError(
    SchemaCode.Conflict,
    `Cassandra was asked ${MADE_TIMES} times to ${what}, took it each time, and does not show it: ${statement} Either it ` +
      "writes the option in other words, or leaves a default out: then state it in the definition as DESCRIBE TABLE shows it. " +
      "Or another pipeline's definition sets it back: then make the two agree.",
  );
}

/** True for errors that say nothing about the change itself, and for those of two changes at once. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof errors.ResponseError)) return true;
  const { alreadyExists, serverError, overloaded, isBootstrapping, unavailableException } = types.responseErrorCodes;
  return [alreadyExists, serverError, overloaded, isBootstrapping, unavailableException].includes(error.code);
}

function refused(what: string, error: unknown): StowageError {
  return new StowageError(SchemaCode.Conflict, `Cassandra refuses to ${what}: ${describe(error)}`, { cause: error });
}

/**
 * Waits until each node that is up has come to the same schema. What another one has changed was waited for by him alone:
 * the node that both ask has it, the others may still get it.
 */
async function checkEverywhere(
  client: Client,
  wanted: WantedSchema,
  allow: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + EVERYWHERE_MS;
  for (const host of client.getState().getConnectedHosts())
    for (;;) {
      const plan = planSchema(await readLive(wanted.keyspace, client, asking(client, host)), wanted);
      const open = plan.filter((change) => change.need !== Need.Nobody || isMade(change, allow));
      if (open.length === 0) break;
      if (performance.now() > deadline)
        throw new StowageError(
          SchemaCode.Conflict,
          `Node ${host.address} has another schema than the one that was made: ${open.map(({ what }) => what).join("; ")}. ` +
            "Check nodetool describecluster, and run it again.",
        );
      await pause(PAUSE_MS, undefined, { signal });
    }
}

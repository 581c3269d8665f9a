import { durationSeconds } from "../../../contract/index.js";
import type { LiveTable, WantedTable } from "./state.js";
import { OptionName, optionTexts } from "./statements.js";

/** An option of a table that has to be set. */
export interface OptionChange {
  what: string;
  /** As CQL sets it: `gc_grace_seconds = 3600`. */
  option: string;
  /** What would be lost; undefined where nothing is. */
  lost?: string;
}

/** The options that are stated and not so. Those that are not stated stay as they are. */
export function planOptions(
  { options: there }: LiveTable,
  { shape, options, keepsForever }: WantedTable,
): OptionChange[] {
  const { name } = shape;
  const { comment, gcGrace, compaction, compression } = options;
  const found: OptionChange[] = [];
  if (comment !== undefined && comment !== there.comment)
    found.push({ what: `set the comment of ${name}`, option: only({ comment }) });
  if (gcGrace !== undefined && durationSeconds(gcGrace) !== there.gcGraceSeconds) {
    const [from, to] = [there.gcGraceSeconds, durationSeconds(gcGrace)];
    const option = only({ gcGrace });
    found.push(
      to > from
        ? { what: `raise ${OptionName.gcGrace} of ${name} from ${from} to ${to}`, option }
        : {
            what: `lower ${OptionName.gcGrace} of ${name} from ${from} to ${to}`,
            option,
            lost:
              "deletions that some replica has missed are forgotten by the others sooner, and deleted rows come back. " +
              `Run nodetool repair -full ${shape.keyspace} ${name} first`,
          },
    );
  }
  if (compaction !== undefined && !holds(there.compaction, compaction))
    found.push({ what: `set the compaction of ${name}`, option: only({ compaction }) });
  if (compression !== undefined && !holds(there.compression, compression))
    found.push({ what: `set the compression of ${name}`, option: only({ compression }) });
  if (keepsForever && there.defaultTimeToLive !== 0)
    found.push({
      what: `end default_time_to_live of ${name}, ${there.defaultTimeToLive} s: the definition's rows live for ever`,
      option: "default_time_to_live = 0",
    });
  return found;
}

function only(option: WantedTable["options"]): string {
  return optionTexts(option).join();
}

/** True where all that is stated is so. Cassandra writes classes with their packages, and options that were not given. */
function holds(there: { readonly [key: string]: string }, stated: { readonly [key: string]: string }): boolean {
  return Object.entries(stated).every(([key, value]) =>
    key === "class" ? shortName(there[key] ?? "") === shortName(value) : there[key] === value,
  );
}

function shortName(name: string): string {
  return name.split(".").at(-1) ?? "";
}

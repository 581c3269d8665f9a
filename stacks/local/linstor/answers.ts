import { Code, Operation, retCode, Severity, Subject } from "./codes.js";
import {
  type DefinitionState,
  Device,
  hasDrbd,
  keyOf,
  type NodeState,
  PROVIDERS,
  type ResourceState,
} from "./model.js";

/** Names of what an entry is about: `{ RscDfn: "d1", Node: "n1" }`. */
export interface References {
  [kind: string]: string;
}

/** One entry of an answer, as it goes over the wire. */
export interface ApiCallRc {
  ret_code: bigint;
  message: string;
  cause?: string;
  details?: string;
  correction?: string;
  error_report_ids?: string[];
  obj_refs?: References;
  created_at: string;
}

/** What an entry says besides its code and its message. */
export interface EntryText {
  cause?: string;
  details?: string;
  correction?: string;
  /** True where LINSTOR files an error report. */
  reported?: boolean;
  /** More references than those of the whole answer. */
  refs?: References;
}

/** Thrown once an answer holds the error that ends it. */
export class Refused extends Error {
  constructor(readonly answer: Answer) {
    super(answer.entries.at(-1)?.message ?? "refused");
    this.name = "Refused";
  }
}

/**
 * An answer while it is written. It has an operation and a subject of its own, "create, resource group", which
 * the entries carry that speak of the whole; layers below speak of resources and volumes.
 */
export class Answer {
  readonly entries: ApiCallRc[] = [];

  constructor(
    private readonly operation: Operation,
    private readonly subject: Subject,
    private readonly refs: References | undefined,
    private readonly now: () => Date,
    private readonly reportId: () => string,
  ) {}

  /** An entry about the whole: operation and subject of the answer. */
  say(code: number, message: string, text: EntryText = {}, severity: Severity = Severity.Success): this {
    return this.tell(this.operation, this.subject, code, message, text, severity);
  }

  /** An entry of the answer's operation about another subject. */
  about(subject: Subject, code: number, message: string, text: EntryText = {}): this {
    return this.tell(this.operation, subject, code, message, text);
  }

  info(code: number, message: string, text: EntryText = {}): this {
    return this.say(code, message, text, Severity.Info);
  }

  warn(code: number, message: string, text: EntryText = {}): this {
    return this.say(code, message, text, Severity.Warning);
  }

  /** An error that does not end the answer: one satellite failed, others go on. */
  error(code: number, message: string, text: EntryText = {}): this {
    return this.say(code, message, text, Severity.Error);
  }

  /** Adds the error and ends the answer; what stands before it was done and stays. */
  fail(code: number, message: string, text: EntryText = {}): never {
    this.error(code, message, text);
    throw new Refused(this);
  }

  tell(
    operation: Operation,
    subject: Subject,
    code: number,
    message: string,
    text: EntryText = {},
    severity: Severity = Severity.Success,
  ): this {
    const { reported, refs, ...words } = text;
    const all = this.refs === undefined && refs === undefined ? undefined : { ...refs, ...this.refs };
    this.entries.push({
      ret_code: retCode(severity, operation, subject, code),
      message,
      ...words,
      ...(reported === true ? { error_report_ids: [this.reportId()] } : {}),
      ...(all === undefined ? {} : { obj_refs: all }),
      created_at: this.now().toISOString(),
    });
    return this;
  }

  /** `Successfully set property key(s)`, where there are any. */
  propertiesSet(subject: Subject, keys: string[], refs: References = {}): this {
    if (keys.length === 0) return this;
    return this.tell(
      Operation.Create,
      subject,
      Code.Created,
      `Successfully set property key(s): ${keys.sort().join(",")}`,
      { refs },
    );
  }

  propertiesDeleted(subject: Subject, keys: string[]): this {
    if (keys.length === 0) return this;
    const message = `Successfully deleted property key(s): ${keys.sort().join(",")}`;
    return this.tell(Operation.Delete, subject, Code.Deleted, message);
  }

  notConnected(node: string): this {
    return this.warn(Code.NotConnected, `No active connection to satellite '${node}'`, {
      details: "The change is stored; the satellite gets it as soon as the controller has connected to it again.",
    });
  }

  /** True where an entry is an error. */
  get failed(): boolean {
    return this.entries.some(({ ret_code }) => severityOf(ret_code) === Severity.Error);
  }
}

export function severityOf(code: bigint): Severity {
  const bits = BigInt.asUintN(64, code) >> 62n;
  return bits === 3n ? Severity.Error : bits === 2n ? Severity.Warning : bits === 1n ? Severity.Info : Severity.Success;
}

/** HTTP status of an answer: 300 to 399 are 404, 400 to 499 are 403, any other error is 500. */
export function statusOf(entries: readonly ApiCallRc[], success: number): number {
  const error = entries.find(({ ret_code }) => severityOf(ret_code) === Severity.Error);
  if (error === undefined) return success;
  const code = Number(BigInt.asUintN(64, error.ret_code) & 0x7fffn);
  if (code >= 300 && code < 400) return 404;
  return code >= 400 && code < 500 ? 403 : 500;
}

/** `FILE THIN`, as satellites write the provider of a volume. */
function providerOf(nodes: { [name: string]: NodeState }, resource: ResourceState): string {
  return nodes[keyOf(resource.node)]?.pools[keyOf(resource.pool)]?.kind ?? "";
}

/** What the storage below a resource is reported to have done. */
export const StorageWord = { Created: "created", Resized: "resized", Deleted: "deleted" } as const;
export type StorageWord = (typeof StorageWord)[keyof typeof StorageWord];

const STORAGE_CODES: Record<StorageWord, number> = {
  created: Code.Created,
  resized: Code.Modified,
  deleted: Code.Deleted,
};

/** One visit of a satellite to one resource. */
export interface Visit {
  /** Operation of the layers' entries. */
  operation: Operation;
  /** Absent where the storage is not looked at. */
  storage?: StorageWord;
  drbd: "adjusted" | "deleted" | "none";
  /** What the controller says once the satellite is done; its code is "modified". */
  report?: string;
}

/** The entries of satellites: one block a node. */
export class Satellites {
  constructor(
    private readonly answer: Answer,
    private readonly nodes: { [name: string]: NodeState },
    private readonly definition: DefinitionState,
  ) {}

  visit(resource: ResourceState, { operation, storage, drbd, report }: Visit): this {
    this.storage(resource, operation, storage);
    if (drbd !== "none" && hasDrbd(this.definition)) this.drbd(resource, operation, drbd);
    if (report !== undefined) this.answer.say(Code.Modified, report);
    return this;
  }

  private storage(resource: ResourceState, operation: Operation, word: StorageWord | undefined): void {
    const kind = providerOf(this.nodes, resource);
    if (word === undefined || resource.diskless) return;
    if (word === StorageWord.Resized && PROVIDERS[kind]?.resizes !== true) return;
    for (const { number } of this.definition.volumes)
      this.answer.tell(
        operation,
        Subject.Volume,
        STORAGE_CODES[word],
        `(${resource.node}) Volume number ${number} of resource '${this.definition.name}' ` +
          `[${kind.replaceAll("_", " ")}] ${word}`,
        { refs: { VlmNr: String(number) } },
      );
  }

  private drbd(resource: ResourceState, operation: Operation, word: "adjusted" | "deleted"): void {
    const what = `(${resource.node}) Resource '${this.definition.name}' [DRBD]`;
    if (word === "deleted") this.answer.tell(operation, Subject.Resource, Code.Deleted, `${what} deleted.`);
    else if (resource.device === Device.Present)
      this.answer.tell(operation, Subject.Resource, Code.Modified, `${what} adjusted.`);
    else
      this.answer.tell(operation, Subject.Resource, Code.None, `${what} not adjusted `, {
        cause: "The layer below gave no device to work with.",
      });
  }
}

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isPropertyMap, type PropertyMap } from "./values.js";

/** A resource as the far end has it. */
export interface StoredResource {
  type: string;
  id: string;
  /** Inputs that the resource was last made or changed with. They may hold secrets: the file is readable by its owner only. */
  inputs: PropertyMap;
  outputs: PropertyMap;
}

/**
 * What the far end holds, in one JSON file that is replaced as a whole: a reader sees the old or the new state,
 * never a half. A change behind the engine's back (drift) is made with `put`, `patch` and `delete`.
 */
export class ProviderState {
  readonly #resources = new Map<string, StoredResource>();

  /** Reads the file where there is one; the folder is made with the first write. */
  constructor(private readonly file: string) {
    if (!existsSync(file)) return;
    for (const resource of parseState(file, readFileSync(file, "utf8"))) {
      this.#resources.set(keyOf(resource.type, resource.id), resource);
    }
  }

  /** The resource, or undefined where there is none. */
  get(type: string, id: string): StoredResource | undefined {
    return this.#resources.get(keyOf(type, id));
  }

  /** Every resource, or those of one type, in the order in which they were made. */
  list(type?: string): StoredResource[] {
    const all = [...this.#resources.values()];
    return type === undefined ? all : all.filter((resource) => resource.type === type);
  }

  /** Stores a resource in place of what was there. */
  put(resource: StoredResource): void {
    this.#resources.set(keyOf(resource.type, resource.id), structuredClone(resource));
    this.#write();
  }

  /** Changes properties of a resource, in what it was made with and in what it shows. Throws where there is none. */
  patch(type: string, id: string, properties: PropertyMap): void {
    const resource = this.get(type, id);
    if (resource === undefined) throw new Error(`there is no ${type} with the id ${id}`);
    this.put({
      ...resource,
      inputs: { ...resource.inputs, ...properties },
      outputs: { ...resource.outputs, ...properties },
    });
  }

  /** Removes a resource; nothing happens where there is none. */
  delete(type: string, id: string): void {
    if (this.#resources.delete(keyOf(type, id))) this.#write();
  }

  #write(): void {
    mkdirSync(dirname(this.file), { recursive: true });
    const temporary = `${this.file}.${process.pid}.tmp`;
    writeFileSync(temporary, JSON.stringify({ version: 1, resources: this.list() }, undefined, 1), { mode: 0o600 });
    renameSync(temporary, this.file);
  }
}

function keyOf(type: string, id: string): string {
  return `${type}::${id}`;
}

function parseState(file: string, text: string): StoredResource[] {
  const state: unknown = JSON.parse(text);
  const version = typeof state === "object" && state !== null && "version" in state ? state.version : undefined;
  if (version !== 1 || typeof state !== "object" || state === null || !("resources" in state)) {
    throw new Error(`${file} is not the state of a stand-in (version ${String(version)}, expected 1); remove it`);
  }
  return (Array.isArray(state.resources) ? state.resources : []).map((entry) => readResource(file, entry));
}

function readResource(file: string, entry: unknown): StoredResource {
  if (typeof entry === "object" && entry !== null && "type" in entry && "id" in entry) {
    const { inputs, outputs } = entry as { inputs?: PropertyMap; outputs?: PropertyMap };
    if (isPropertyMap(inputs) && isPropertyMap(outputs)) {
      return { type: String(entry.type), id: String(entry.id), inputs, outputs };
    }
  }
  throw new Error(`${file} holds an entry that is no resource; remove the file`);
}

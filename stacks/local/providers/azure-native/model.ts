import { type Problem, problem } from "../../../../runtime/contract/index.js";
import {
  type CheckContext,
  type CheckResult,
  diffProperties,
  isUnknown,
  type OperationContext,
  type PropertyMap,
  type PropertyValue,
  type ProviderState,
  type ResourceModel,
  type StoredResource,
  UNKNOWN,
} from "../base/index.js";
import { type ArmEffects, bringAbout, takeBack } from "./effects.js";
import { ArmError } from "./errors.js";
import { armId, parentPath, pathInputs, sameId } from "./ids.js";
import { Deed, refuseLocked, refusePairedChange } from "./locks.js";
import { oneWriteAtATime } from "./singleWriter.js";
import { ARM_TYPES, type ArmType, AutoName, type MadeResource } from "./types.js";

/** What a subscription of Azure is to the stand-in. */
export interface ArmSettings {
  subscriptionId: string;
  tenantId: string;
  /** Where a resource lies that says nothing, and whose resource group is not of this stack. */
  location: string | undefined;
  /** Resource groups that are there beforehand; undefined: any that is named. */
  resourceGroups: readonly string[] | undefined;
  effects: ArmEffects | undefined;
  now: () => Date;
}

/** Marks, in the inputs, a resource whose name was made up: azure-native's own mark. */
const MADE_UP = "__createBeforeDelete";
const GROUP_TYPE = "azure-native:resources:ResourceGroup";
const ASSIGNMENT_TYPE = "azure-native:authorization:RoleAssignment";
const NAMESPACE_TYPE = "azure-native:servicebus:Namespace";
const RULE_TYPE = "azure-native:servicebus:Rule";

/** How a type of the table behaves. `settings` is read at each operation. */
export function armModel(token: string, type: ArmType, settings: ArmSettings): ResourceModel {
  const inPath = pathInputs(type.path);
  const nameInput = type.autoName === AutoName.Fixed ? undefined : inPath.at(-1);

  const effectsOf = (resource: StoredResource): Promise<PropertyMap> => bringAbout(settings.effects, resource);

  const model: ResourceModel = {
    replaceOn: [...inPath, ...(type.replaceOn ?? []), ...(type.located === "replaces" ? ["location"] : [])],
    same: samePlace,
    deleteBeforeReplace: (olds) => olds[MADE_UP] !== true,

    check(inputs: PropertyMap, context: CheckContext): CheckResult {
      const filled = { ...inputs };
      if (nameInput !== undefined && (filled[nameInput] ?? null) === null) {
        Object.assign(filled, madeUpName(type.autoName, nameInput, context));
      }
      if (type.located !== undefined && (filled["location"] ?? null) === null) {
        filled["location"] = context.olds?.["location"] ?? defaultLocation(filled, context.state, settings);
        if (filled["location"] === null) delete filled["location"];
      }
      return { inputs: filled, failures: failuresOf(token, type, nameInput, filled) };
    },

    preview: (inputs, _context, current) => ({ ...current?.outputs, ...shownInputs(inputs, inPath) }),

    async create(inputs: PropertyMap, context: OperationContext) {
      const id = idOf(type, inputs, settings);
      refuseWrongPlace(token, type, id, inputs, context.state, settings);
      refuseLocked(Deed.Write, token, id, context.state);
      if (existing(id, context.state) !== undefined) throw alreadyThere(id);
      const made = madeOf(id, inputs, context.state, settings);
      const { name } = made;
      const shown = { ...shownInputs(inputs, inPath), ...type.shown?.(made) };
      const outputs = { ...type.defaults, ...shown, ...type.outputs?.(made), name, type: type.arm };
      // It is there from now on, for another that is made meanwhile: its name and its address are taken.
      context.state.put({ type: token, id, inputs, outputs });
      try {
        return { id, outputs: { ...outputs, ...(await effectsOf({ type: token, id, inputs, outputs })) } };
      } catch (error) {
        context.state.delete(token, id);
        throw error;
      }
    },

    async update(id: string, current: StoredResource, news: PropertyMap, context: OperationContext) {
      refuseFixedChange(type, current.inputs, news);
      refuseLocked(Deed.Write, token, id, context.state);
      if (token === NAMESPACE_TYPE) refusePairedChange(id, context.state);
      const dates = "updatedAt" in current.outputs ? { updatedAt: settings.now().toISOString() } : {};
      const gone = Object.keys(current.inputs).filter((name) => !(name in news) && !inPath.includes(name));
      const kept = Object.fromEntries(Object.entries(current.outputs).filter(([name]) => !gone.includes(name)));
      const shown = { ...shownInputs(news, inPath), ...type.shown?.(madeOf(id, news, context.state, settings)) };
      const outputs = { ...type.defaults, ...kept, ...shown, ...dates };
      return { ...outputs, ...(await effectsOf({ type: token, id, inputs: news, outputs })) };
    },

    async delete(id: string, current: StoredResource, context: OperationContext) {
      refuseLocked(Deed.Delete, token, id, context.state);
      // What lies in it goes with it, the innermost first: role assignments on it among others.
      const below = context.state.list().filter((each) => each.id.toLowerCase().startsWith(`${id.toLowerCase()}/`));
      for (const each of below.sort((a, b) => b.id.length - a.id.length)) {
        await takeBack(settings.effects, each);
        context.state.delete(each.type, each.id);
      }
      await takeBack(settings.effects, current);
    },
  };
  if (type.refusesTwoWrites === undefined) return model;
  return oneWriteAtATime(model, type.refusesTwoWrites, (inputs) => idOf(type, inputs, settings));
}

function idOf(type: ArmType, inputs: PropertyMap, settings: ArmSettings): string {
  const id = armId(type.path, inputs, settings.subscriptionId);
  if (isUnknown(id)) throw new Error("a resource cannot be made before its names are known");
  return id;
}

function madeUpName(kind: AutoName, property: string, context: CheckContext): PropertyMap {
  const old = context.olds?.[property];
  if (old !== undefined && old !== null) {
    return { [property]: old, ...(context.olds?.[MADE_UP] === true ? { [MADE_UP]: true } : {}) };
  }
  if (kind === AutoName.Copy) return { [property]: context.name };
  if (kind === AutoName.Random) return { [property]: `${context.name}${context.randomHex(8)}`, [MADE_UP]: true };
  const hex = context.randomHex(32);
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)];
  return { [property]: uuid.join("-"), [MADE_UP]: true };
}

/** As azure-native does it: the provider's own setting, else where the resource group lies. */
function defaultLocation(inputs: PropertyMap, state: ProviderState, settings: ArmSettings): PropertyValue {
  if (settings.location !== undefined) return settings.location;
  const group = inputs["resourceGroupName"];
  if (isUnknown(group)) return UNKNOWN;
  const stored = state.list(GROUP_TYPE).find((each) => sameId(String(each.outputs["name"]), String(group)));
  return stored?.outputs["location"] ?? null;
}

function failuresOf(token: string, type: ArmType, nameInput: string | undefined, inputs: PropertyMap): Problem[] {
  const given = (name: string) => (inputs[name] ?? null) !== null;
  const needed = [...pathInputs(type.path), ...(type.required ?? []), ...(type.located ? ["location"] : [])];
  const missing = needed.filter((name) => !given(name));
  const failures = missing.map((name) =>
    problem(name, undefined, `${token} needs the property '${name}'`, `Give '${name}'`),
  );
  const name = nameInput === undefined ? undefined : inputs[nameInput];
  if (nameInput !== undefined && type.name !== undefined && typeof name === "string" && !type.name.pattern.test(name)) {
    failures.push(problem(nameInput, name, `Azure takes ${type.name.words}`, "Choose such a name"));
  }
  return failures;
}

/** Inputs that are shown as outputs again: all but the names in the path, and the mark. */
function shownInputs(inputs: PropertyMap, inPath: readonly string[]): PropertyMap {
  const hidden = new Set([...inPath.filter((name) => name !== "scope" && name !== "name"), MADE_UP]);
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !hidden.has(name)));
}

function madeOf(id: string, inputs: PropertyMap, state: ProviderState, settings: ArmSettings): MadeResource {
  const last = id.split("/").at(-1) ?? "";
  // A slash in a name is a tilde in the id.
  const name = last.replaceAll("~", "/");
  return { id, name, inputs, tenantId: settings.tenantId, madeAt: settings.now().toISOString(), state };
}

/** Refuses as Azure does where what a resource lies in is not there, and where another is in its way. */
function refuseWrongPlace(
  token: string,
  type: ArmType,
  id: string,
  inputs: PropertyMap,
  state: ProviderState,
  settings: ArmSettings,
): void {
  const group = /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)\//i.exec(id)?.[1];
  if (group !== undefined && !groupExists(group, state, settings)) {
    throw new ArmError(404, "ResourceGroupNotFound", `Resource group '${group}' could not be found.`);
  }
  const parent = parentPath(type.path);
  if (parent !== undefined) {
    const parentId = armId(parent, inputs, settings.subscriptionId);
    if (isUnknown(parentId) || !standsThere(parentId, state)) {
      const text = `Can not perform requested operation on nested resource. Parent resource '${parentId}' not found.`;
      throw new ArmError(404, "ParentResourceNotFound", text);
    }
  }
  // Azure makes this rule with the subscription, so its provider finds it there (pulumi-azure-native #4489).
  if (token === RULE_TYPE && inputs["ruleName"] === "$Default") throw alreadyThere(id);
  if (token === ASSIGNMENT_TYPE) refuseSecondAssignment(inputs, state);
}

function groupExists(name: string, state: ProviderState, { resourceGroups }: ArmSettings): boolean {
  const there = state.list(GROUP_TYPE).some((each) => sameId(String(each.outputs["name"]), name));
  return there || resourceGroups === undefined || resourceGroups.some((each) => sameId(each, name));
}

/** True where the id is of a resource in the state, or of one of a kind that this stand-in keeps none of. */
function standsThere(id: string, state: ProviderState): boolean {
  if (!/\/providers\//i.test(id) || existing(id, state) !== undefined) return true;
  const kept = Object.values(ARM_TYPES).map((type) => kindOf(type.path));
  return !kept.includes(kindOf(id));
}

/** Types on the way to a resource, without names: `microsoft.servicebus/namespaces/queues`. */
function kindOf(id: string): string {
  const [provider, ...rest] = (id.split(/\/providers\//i).at(-1) ?? "").toLowerCase().split("/");
  return [provider, ...rest.filter((_, index) => index % 2 === 0)].join("/");
}

function existing(id: string, state: ProviderState): StoredResource | undefined {
  return state.list().find((each) => sameId(each.id, id));
}

function alreadyThere(id: string): Error {
  return new Error(`cannot create already existing resource '${id}'`);
}

function refuseSecondAssignment(inputs: PropertyMap, state: ProviderState): void {
  const same = ["scope", "principalId", "roleDefinitionId"];
  const twin = state
    .list(ASSIGNMENT_TYPE)
    .find((each) => same.every((name) => sameId(String(each.inputs[name]), String(inputs[name]))));
  if (twin === undefined) return;
  const text = `The role assignment already exists. The ID of the existing role assignment is ${twin.outputs["name"]}.`;
  throw new ArmError(409, "RoleAssignmentExists", text);
}

function refuseFixedChange(type: ArmType, olds: PropertyMap, news: PropertyMap): void {
  const refused = [...(type.refusesChange ?? []), ...(type.located === "fixed" ? ["location"] : [])];
  const changes = diffProperties({ ...type.defaults, ...olds }, { ...type.defaults, ...news }, refused, samePlace);
  const changed = changes.find((change) => change.replaces);
  if (changed === undefined) return;
  const text = `Changing property '${changed.path}' is not allowed: the resource must be deleted and made again.`;
  throw new ArmError(409, "PropertyChangeNotAllowed", text);
}

/** "West Europe" and "westeurope" are one place. */
function samePlace(path: string, old: PropertyValue, value: PropertyValue): boolean {
  const plain = (text: PropertyValue) => String(text).toLowerCase().replaceAll(" ", "");
  return path === "location" && plain(old) === plain(value);
}

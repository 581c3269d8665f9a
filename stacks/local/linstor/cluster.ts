import { Answer, type References, Satellites } from "./answers.js";
import { Code, type Operation, type Subject } from "./codes.js";
import {
  type ClusterState,
  type DefinitionState,
  emptyState,
  type GroupState,
  keyOf,
  type NodeState,
  type ResourceState,
  type SelectFilter,
  type Sources,
} from "./model.js";

/** LINSTOR's rule for names of resources, snapshots, groups and key-value stores. */
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{1,47}$/;

/** The controller's state, and what its operations share. */
export class Cluster {
  private reports = 0;

  constructor(
    readonly sources: Sources,
    public state: ClusterState = emptyState(sources),
  ) {}

  now(): number {
    return this.sources.now().getTime();
  }

  uuid(): string {
    return this.sources.uuid();
  }

  answer(operation: Operation, subject: Subject, refs?: References): Answer {
    const reportId = () => `STANDIN0-00000-${String(this.reports++).padStart(6, "0")}`;
    return new Answer(operation, subject, refs, this.sources.now, reportId);
  }

  satellites(answer: Answer, definition: DefinitionState): Satellites {
    return new Satellites(answer, this.state.nodes, definition);
  }

  definition(name: string): DefinitionState | undefined {
    return this.state.definitions[keyOf(name)];
  }

  node(name: string): NodeState | undefined {
    return this.state.nodes[keyOf(name)];
  }

  group(name: string): GroupState | undefined {
    return this.state.groups[keyOf(name)];
  }

  /** The definition, or the answer's end with 301. */
  needDefinition(answer: Answer, name: string, details: string): DefinitionState {
    return (
      this.definition(name) ?? missing(answer, Code.NotFoundResourceDefinition, "resource definition", name, details)
    );
  }

  /** The node, or the answer's end with 300. */
  needNode(answer: Answer, name: string, details?: string): NodeState {
    return this.node(name) ?? missing(answer, Code.NotFoundNode, "node", name, details);
  }

  /** The resource of a definition on a node, or the answer's end with 302. */
  needResource(answer: Answer, definition: DefinitionState, node: string): ResourceState {
    const { name } = definition;
    const found = definition.resources[keyOf(node)];
    if (found !== undefined) return found;
    return answer.fail(Code.NotFoundResource, `Resource '${name}' on node '${node}' not found.`, {
      cause: `The specified resource '${name}' on node '${node}' could not be found in the database`,
      details: `Node: ${node}, Resource: ${name}`,
      correction: `Create a resource with the name '${name}' on node '${node}' first.`,
    });
  }

  /** The group, or the answer's end with 317. */
  needGroup(answer: Answer, name: string, details?: string): GroupState {
    return this.group(name) ?? missing(answer, Code.NotFoundResourceGroup, "resource group", name, details);
  }

  /** What a request asks of the placement, over what its group asks. */
  filterOf(definition: DefinitionState): SelectFilter {
    return this.group(definition.group)?.filter ?? {};
  }

  /** Ends the answer unless `name` is a LINSTOR name. */
  needName(answer: Answer, code: Code, what: string, name: string, details: string): void {
    if (NAME.test(name)) return;
    answer.fail(code, `The specified ${what} name '${name}' is invalid.`, {
      cause: "Invalid name: a name has 2 to 48 letters, digits, _ or -, and begins with a letter or _",
      details,
      reported: true,
    });
  }
}

function missing(answer: Answer, code: Code, what: string, name: string, details?: string): never {
  const words = details === undefined ? {} : { details };
  answer.fail(code, `${what.charAt(0).toUpperCase()}${what.slice(1)} '${name}' not found.`, {
    cause: `The specified ${what} '${name}' could not be found in the database`,
    ...words,
    correction: `Create a ${what} with the name '${name}' first.`,
  });
}

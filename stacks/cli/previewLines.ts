import type { PreviewDocument, PreviewStep } from "../local/engine/index.js";

const SYMBOLS: { [op: string]: string } = {
  create: "+",
  update: "~",
  delete: "-",
  replace: "+-",
  "create-replacement": "++",
  "delete-replaced": "--",
  read: ">",
  same: " ",
};

/** A preview for a person: one line a resource, below its parent, and the counts at the end. */
export function previewLines(document: PreviewDocument): string[] {
  const lines = document.steps.map((step) => {
    const indent = "  ".repeat(depth(step));
    return `${(SYMBOLS[step.op] ?? step.op).padEnd(2)} ${indent}${shortType(step)} ${nameOf(step.urn)}`;
  });
  const summary = Object.entries(document.changeSummary).map(([op, count]) => `${count} to ${op}`);
  return [...lines, "", summary.join(", ")];
}

/** How many components a resource lies in: the URN holds the types of all of them, joined by `$`. */
function depth(step: PreviewStep): number {
  return (step.urn.split("::")[2]?.split("$").length ?? 1) - 1;
}

function shortType(step: PreviewStep): string {
  return step.urn.split("::")[2]?.split("$").at(-1) ?? step.urn;
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

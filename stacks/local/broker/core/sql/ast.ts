import type { ArithmeticOperator, ComparisonOperator, SqlValue } from "./values.js";

/** A property of a message; names ignore case. */
export interface PropertyReference {
  readonly kind: "property";
  readonly scope: "sys" | "user";
  readonly name: string;
}

/** What has a value. */
export type Expression =
  | PropertyReference
  | { readonly kind: "literal"; readonly value: SqlValue }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "newid" }
  /** `property(…)`: the name is computed; `sys.` in front of it names a system property. */
  | { readonly kind: "lookup"; readonly name: Expression }
  | { readonly kind: "sign"; readonly operator: "+" | "-"; readonly operand: Expression }
  | {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
    };

/** What is true, false or unknown. */
export type Predicate =
  | {
      readonly kind: "comparison";
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "and" | "or"; readonly left: Predicate; readonly right: Predicate }
  | { readonly kind: "not"; readonly operand: Predicate }
  | { readonly kind: "isNull"; readonly operand: Expression; readonly negated: boolean }
  | {
      readonly kind: "in";
      readonly operand: Expression;
      readonly list: readonly Expression[];
      readonly negated: boolean;
    }
  | {
      readonly kind: "like";
      readonly operand: Expression;
      readonly pattern: Expression;
      readonly escapeWith: Expression | undefined;
      readonly negated: boolean;
    }
  | { readonly kind: "exists"; readonly property: PropertyReference };

export type Statement =
  | { readonly kind: "set"; readonly property: PropertyReference; readonly value: Expression }
  | { readonly kind: "remove"; readonly property: PropertyReference };

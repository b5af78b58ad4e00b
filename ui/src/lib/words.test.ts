import { expect, it } from "vitest";
import { operatorText } from "./words";

it("an operator is called as its author wrote it", () => {
  expect(["_PythonDecoratedOperator", "_BranchPythonDecoratedOperator", "_ShortCircuitDecoratedOperator", "_BashDecoratedOperator", "EmptyOperator", "DecoratedThing"].map(operatorText)).toEqual([
    "@task", "@task.branch", "@task.short_circuit", "@task.bash", "EmptyOperator", "DecoratedThing",
  ]);
});

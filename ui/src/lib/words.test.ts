import { expect, it } from "vitest";
import { bytesText, operatorText } from "./words";

it("an operator is called as its author wrote it", () => {
  expect(["_PythonDecoratedOperator", "_BranchPythonDecoratedOperator", "_ShortCircuitDecoratedOperator", "_BashDecoratedOperator", "EmptyOperator", "DecoratedThing"].map(operatorText)).toEqual([
    "@task", "@task.branch", "@task.short_circuit", "@task.bash", "EmptyOperator", "DecoratedThing",
  ]);
});

it("bytes are written with two or three figures, and never as a thousand of a unit", () => {
  expect([0, 611, 999.6, 12_345, 999_600, 6_120_000, 61_200_000, 999_600_000, 2.44e9].map(bytesText)).toEqual([
    "0 B", "611 B", "1 kB", "12 kB", "1.0 MB", "6.1 MB", "61 MB", "1.0 GB", "2.4 GB",
  ]);
});

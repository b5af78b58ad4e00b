import { expect, it } from "vitest";
import { problemIn } from "./problems";

it("does not repeat the place or the kind of a problem", () => {
  expect(problemIn("ab.py:2: ImportError: cannot import name 'C'", "ab.py", "ImportError")).toBe("ImportError: cannot import name 'C'");
  expect(problemIn("ab.py: no Dag in it", "ab.py")).toBe("no Dag in it");
  expect(problemIn("cannot import name 'C'", "ab.py", "ImportError")).toBe("ImportError: cannot import name 'C'");
  expect(problemIn("abc.py:2: ImportError", "ab.py")).toBe("abc.py:2: ImportError");
});

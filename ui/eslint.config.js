import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["node_modules", "bench", "src/api/schema.d.ts"] },
  js.configs.recommended,
  ...ts.configs.strict,
  hooks.configs.flat.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "What people wrote is text, never HTML." },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "The present is an argument: use now() of lib/clock." },
        { selector: "CallExpression[callee.property.name=/^toLocale(Date|Time)?String$/]", message: "Times are written by lib/time, numbers by lib/format." },
      ],
    },
  },
);

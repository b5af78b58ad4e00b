import { useTexts } from "../../app/settings";
import type { Schemas } from "../../api/client";
import { messages } from "./text";

/** What is wrong with a rules file, line by line. */
export const Problems = ({ problems }: { problems: readonly Schemas["RuleProblem"][] }) => {
  const t = useTexts(messages);
  return (
    <ul className="problems small">
      {problems.map(({ line, sentence }, n) => (
        <li key={n}><i className="st" data-s="failed" aria-hidden="true" /><b className="med nowrap">{line ? t("rules.line", { line: String(line) }) : t("rules.wholeFile")}</b><span className="wraps">{sentence}</span></li>
      ))}
    </ul>
  );
};

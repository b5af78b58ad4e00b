import { Link } from "@tanstack/react-router";
import { useMay } from "../../app/rights";
import { useTexts } from "../../app/settings";
import { messages } from "./text";

/** The lists over all Dags. */
export const Tabs = () => {
  const t = useTexts(messages);
  const may = useMay();
  const here = { activeOptions: { includeSearch: false }, activeProps: { "aria-current": "page" as const } };
  return (
    <nav className="tabs" aria-label={t("browse.views")}>
      <Link to="/runs" {...here}>{t("browse.runs")}</Link>
      <Link to="/tasks" {...here}>{t("browse.tasks")}</Link>
      {may("read xcom") && <Link to="/xcoms" {...here}>{t("browse.xcoms")}</Link>}
    </nav>
  );
};

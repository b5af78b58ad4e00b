import { Link } from "@tanstack/react-router";
import { useMay } from "../../app/rights";
import { useTexts } from "../../app/settings";
import { messages } from "./text";

export const Tabs = () => {
  const t = useTexts(messages);
  const may = useMay();
  const here = { activeOptions: { includeSearch: false }, activeProps: { "aria-current": "page" as const } };
  return (
    <nav className="tabs" aria-label={t("users.views")}>
      {may("read user") && <Link to="/users" {...here}>{t("users.title")}</Link>}
      {may("read role") && <Link to="/roles" {...here}>{t("users.roles")}</Link>}
    </nav>
  );
};

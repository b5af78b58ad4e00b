import { Link } from "@tanstack/react-router";
import { useMay } from "../../app/rights";
import { useTexts } from "../../app/settings";
import { messages } from "./text";

/** The pages about the installation itself. */
export const Tabs = () => {
  const t = useTexts(messages);
  const may = useMay();
  const here = { activeOptions: { includeSearch: false }, activeProps: { "aria-current": "page" as const } };
  return (
    <nav className="tabs" aria-label={t("config.views")}>
      {may("read config") && <Link to="/config" {...here}>{t("config.settings")}</Link>}
      {may("read system") && <Link to="/plugins" {...here}>{t("config.plugins")}</Link>}
    </nav>
  );
};

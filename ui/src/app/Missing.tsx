import { Link } from "@tanstack/react-router";
import { useText } from "./settings";

/** There is nothing at this address. */
export const Missing = () => {
  const t = useText();
  return (
    <div className="trouble">
      <h1>{t("error.notFound")}</h1>
      <Link to="/dags" className="link">{t("nav.dags")}</Link>
    </div>
  );
};

import { Link } from "@tanstack/react-router";
import { useText } from "./settings";

/** There is nothing at this address. */
export const Missing = () => {
  const t = useText();
  return (
    <main className="trouble">
      <h1>{t("error.notFound")}</h1>
      <p className="mute">{t("error.notFoundHow")}</p>
      <p className="row"><Link to="/" className="btn">{t("nav.home")}</Link><Link to="/dags" className="btn">{t("nav.dags")}</Link></p>
    </main>
  );
};

import { Link } from "@tanstack/react-router";
import { useText } from "./settings";

/** There is nothing at this address. */
export const Missing = () => {
  const t = useText();
  return (
    <main className="trouble">
      <h1>{t("error.notFound")}</h1>
      <Link to="/" className="link">{t("nav.home")}</Link>
    </main>
  );
};

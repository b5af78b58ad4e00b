import { ApiError } from "../api/client";
import { useText } from "../app/settings";
import { refusalText } from "../lib/refusals";

/** What could not be loaded, why, and a way to try again. */
export const Trouble = ({ error, retry }: { error: Error; retry: () => void }) => {
  const t = useText();
  return (
    <div className="trouble" role="alert">
      <h2>{t(error instanceof ApiError && error.status === 404 ? "error.gone" : "error.title")}</h2>
      <p className="mute">{refusalText(error, t)}</p>
      <button type="button" className="btn" onClick={retry}>{t("error.retry")}</button>
    </div>
  );
};

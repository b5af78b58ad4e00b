import { ApiError } from "../api/client";
import { useText } from "../app/settings";

/** What could not be loaded, why, and a way to try again. */
export const Trouble = ({ error, retry }: { error: Error; retry: () => void }) => {
  const t = useText();
  const away = error instanceof ApiError && error.status === 0;
  return (
    <div className="trouble" role="alert">
      <h2>{t("error.title")}</h2>
      <p className="mute">{away ? t("error.network") : error.message}</p>
      <button type="button" className="btn" onClick={retry}>{t("error.retry")}</button>
    </div>
  );
};

import { useLive, useStanding } from "./live";
import { useClock, useText } from "./settings";
import { clockTime } from "../lib/time";

const ALWAYS = ["health"];

/** Whether what is on screen is what happens now, in a word; and since when it is not. */
export const Connection = () => {
  const t = useText();
  const standing = useStanding();
  const clock = useClock();
  useLive(ALWAYS);
  const since = standing.since ? clockTime(standing.since, clock) : "";
  return (
    <span className="live" role="status" data-live={standing.name}>
      {standing.name === "live" && t("top.live")}
      {(standing.name === "connecting" || standing.name === "reconnecting") && t("top.reconnecting")}
      {standing.name === "stale" && (since ? t(standing.broken ? "top.stale" : "top.schedulerAway", { time: since }) : t("top.neverLive"))}
    </span>
  );
};

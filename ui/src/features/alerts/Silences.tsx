import { send, type Schemas } from "../../api/client";
import { useChange } from "../../app/change";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { shortTime, wholeTime } from "../../lib/time";
import { Refusal } from "../../parts/Refusal";
import { messages } from "./text";

type Silence = Schemas["AlertSilence"];

/** Silences that people asked for and that are not over. */
export const Silences = ({ silences, now, mayEnd }: { silences: readonly Silence[]; now: number; mayEnd: boolean }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now, true, 10));
  const end = useChange((id: string) => send("DELETE", `/ui/alerts/silences/${encodeURIComponent(id)}`), [["alerts"]]);
  const open = silences.filter((silence) => silence.end > clock.now);
  if (!open.length) return null;
  return (
    <section className="firing" aria-labelledby="silences">
      <header className="bar"><h2 id="silences">{t("silence.list")}</h2><span className="small dim">{open.length}</span></header>
      <Refusal error={end.error} className="pad bad small" />
      <ul>
        {open.map((silence) => (
          <li key={silence.id} className="alert silent">
            <div className="alertwhat">
              <p className="row who"><b className="med id">{silence.rules}</b>{silence.dags && <span className="id">{silence.dags}</span>}</p>
              {silence.reason && <p className="wraps">{silence.reason}</p>}
              <p className="small mute" title={wholeTime(silence.end, clock)}>{t("silence.until", { time: shortTime(silence.end, clock) })} · {t("silence.by", { user: silence.created_by })}</p>
            </div>
            {mayEnd && <button type="button" className="btn quiet" disabled={end.isPending} onClick={() => { end.mutate(silence.id); }}>{t("silence.end")}</button>}
          </li>
        ))}
      </ul>
    </section>
  );
};

import { useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useClock, useTexts } from "../../app/settings";
import { wholeTime } from "../../lib/time";
import { CopyButton } from "../../parts/CopyButton";
import { useActs } from "../act";
import { byText, typeText } from "./made";
import { messages } from "./text";
import { useRun } from "./useRun";

/** What a run was given, what people noted, and its facts whole. */
export const ConfPage = () => {
  const { dagId, runId } = useParams({ from: "/shell/dags/$dagId/runs/$runId/conf" });
  const t = useTexts(messages);
  const { data: head } = useRun(dagId, runId);
  const clock = useClock(head?.now);
  const { act, dialog } = useActs();
  if (!head) return null;
  const at = (moment: number | null): string => (moment === null ? "–" : wholeTime(moment, clock));
  const facts: [string, ReactNode][] = [
    [t("run.id"), <span key="id" className="id">{head.run_id}</span>],
    [t("run.type"), typeText(head, t)],
    [t("run.by"), byText(head, t)],
    [t("run.logical"), at(head.logical_date)],
    [t("run.interval"), head.interval_start === null ? "–" : `${at(head.interval_start)} – ${at(head.interval_end)}`],
    [t("run.starts"), at(head.run_after)],
    [t("run.queued"), at(head.queued_at)],
    [t("run.started"), at(head.start)],
    [t("run.ended"), at(head.end)],
    [t("run.version"), head.version === null ? "–" : `v${String(head.version)}`],
  ];
  return (
    <div className="confpage">
      <section>
        <div className="row"><h2>{t("run.noteWords")}</h2><span className="push" />{head.may_change && <button type="button" className="btn" onClick={() => { act({ kind: "note", dagId, runId, note: head.note }); }}>{t("run.note")}</button>}</div>
        {head.note ? <p className="notetext">{head.note}</p> : <p className="dim">{t("run.noNote")}</p>}
      </section>
      <section>
        <div className="row"><h2>{t("run.confWords")}</h2><span className="push" />{head.conf !== "{}" && <CopyButton text={head.conf} label={t("run.confWords")} />}</div>
        {head.conf === "{}" ? <p className="dim">{t("run.noConf")}</p> : <pre className="kv" tabIndex={0}>{pretty(head.conf)}</pre>}
      </section>
      <section>
        <h2>{t("run.facts")}</h2>
        <dl className="dl">{facts.map(([name, value]) => <div key={name} className="pair"><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      </section>
      {dialog}
    </div>
  );
};

/** JSON with line breaks. Read and written again only where that changes no number. */
const pretty = (text: string): string => {
  try {
    const value: unknown = JSON.parse(text);
    const same = JSON.stringify(value).replaceAll(/\s/g, "") === text.replaceAll(/\s/g, "");
    return same ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
};

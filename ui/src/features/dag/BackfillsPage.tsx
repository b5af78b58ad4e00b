import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { wholeTime } from "../../lib/time";
import { Dialog } from "../../parts/Dialog";
import { Icon } from "../../parts/Icon";
import { Refusal } from "../../parts/Refusal";
import { Trouble } from "../../parts/Trouble";
import { BackfillDialog } from "./BackfillDialog";
import { messages } from "./text";

type Backfill = Schemas["BackfillRow"];

/** Runs over past ranges that somebody asked for: how far each has come, and what can be done about it. */
export const BackfillsPage = () => {
  const t = useTexts(messages);
  const { dagId } = useParams({ from: "/shell/dags/$dagId/backfills" });
  const [making, setMaking] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: ["dag", dagId, "backfills"],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/backfills", { params: { path: { dag_id: dagId } } })),
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <>
      <div className="bar">
        <span className="small mute">{t("backfills.what")}</span>
        <span className="push" />
        {data.may_make && <button type="button" className="btn" onClick={() => { setMaking(true); }}><Icon name="plus" small />{t("backfills.new")}</button>}
      </div>
      {data.backfills.length ? <List dagId={dagId} data={data} /> : <p className="trouble mute">{t("backfills.none")}</p>}
      {making && <BackfillDialog dagId={dagId} close={() => { setMaking(false); }} />}
    </>
  );
};

const List = ({ dagId, data }: { dagId: string; data: Schemas["BackfillList"] }) => {
  const t = useTexts(messages);
  return (
    <div className="sheetscroll">
      <table>
        <thead>
          <tr>
            <th scope="col">{t("backfills.range")}</th><th scope="col">{t("graph.state")}</th><th scope="col">{t("backfills.progress")}</th>
            <th scope="col" className="num hide-narrow">{t("backfills.atOnce")}</th><th scope="col" className="hide-narrow">{t("backfills.existing")}</th><th scope="col" className="hide-narrow">{t("runs.by")}</th><th scope="col"><span className="sr">{t("backfills.acts")}</span></th>
          </tr>
        </thead>
        <tbody>{data.backfills.map((each) => <Row key={each.id} dagId={dagId} backfill={each} now={data.now} mayAct={data.may_make} />)}</tbody>
      </table>
    </div>
  );
};

const Row = ({ dagId, backfill, now, mayAct }: { dagId: string; backfill: Backfill; now: number; mayAct: boolean }) => {
  const t = useTexts(messages);
  const clock = useClock(now);
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const act = useMutation({
    mutationFn: (what: "pause" | "unpause" | "cancel") => send("PUT", `/api/v2/backfills/${String(backfill.id)}/${what}`),
    onSuccess: () => { setAsking(false); },
    onSettled: () => queries.invalidateQueries({ queryKey: ["dag", dagId] }),
  });
  const isOpen = backfill.state === "active";
  const part = (count: number): string => `${String((100 * count) / Math.max(1, backfill.dates))}%`;
  const state = isOpen ? (backfill.is_paused ? "paused" : "active") : backfill.state === "cancelled" ? "cancelled" : "completed";
  return (
    <tr>
      <th scope="row" className="nowrap rangecell"><span>{wholeTime(backfill.from_date, clock).slice(0, 16)}</span><span className="dim"> → </span><span>{wholeTime(backfill.to_date, clock).slice(0, 16)}</span></th>
      <td title={backfill.reason}>{t(`backfills.state.${state}`)}{backfill.reason && <div className="dim small cut">{backfill.reason}</div>}</td>
      <td className="progresscell">
        <span className="meter" role="img" aria-label={t("backfills.done", { done: backfill.done, count: backfill.dates })}>
          <i data-s="success" style={{ width: part(backfill.done - backfill.failed), background: "var(--s-success)" }} />
          <i data-s="failed" style={{ width: part(backfill.failed), background: "var(--s-failed)" }} />
          <i data-s="running" style={{ width: part(backfill.open), background: "var(--s-running)" }} />
        </span>
        <span className="small mute">
          {t("backfills.done", { done: backfill.done, count: backfill.dates })}
          {backfill.failed > 0 && <span className="bad"> · {t("backfills.failed", { count: backfill.failed })}</span>}
          {backfill.left > 0 && <span> · {t("backfills.left", { count: backfill.left })}</span>}
        </span>
      </td>
      <td className="num hide-narrow">{backfill.max_active}</td>
      <td className="mute hide-narrow">{t(`backfills.reprocess.${backfill.reprocess as "none"}`)}{backfill.backwards && ` · ${t("backfills.backwards")}`}</td>
      <td className="mute hide-narrow" title={wholeTime(backfill.created_at, clock)}>{backfill.user ?? "–"}</td>
      <td className="num nowrap">
        {isOpen && mayAct && (
          <>
            <button type="button" className="btn quiet" disabled={act.isPending} onClick={() => { act.mutate(backfill.is_paused ? "unpause" : "pause"); }}><Icon name={backfill.is_paused ? "play" : "pause"} small />{backfill.is_paused ? t("backfills.resume") : t("backfills.pause")}</button>
            <button type="button" className="btn quiet danger" disabled={act.isPending} onClick={() => { setAsking(true); }}><Icon name="x" small />{t("backfills.cancel")}</button>
          </>
        )}
        {!asking && <Refusal error={act.error} />}
        {asking && (
          <Dialog
            title={t("backfills.askCancel", { count: backfill.dates - backfill.done })} close={() => { setAsking(false); }} submit={() => { act.mutate("cancel"); }}
            footer={<><button type="button" className="btn push" onClick={() => { setAsking(false); }}>{t("backfills.keep")}</button><button type="submit" className="btn primary" disabled={act.isPending}>{t("backfills.cancelThis")}</button></>}
          >
            <p>{t("backfills.cancelMeans", { count: backfill.open })}</p>
            <Refusal error={act.error} />
          </Dialog>
        )}
      </td>
    </tr>
  );
};

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useMemo, useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { planText } from "../../lib/backfills";
import { newKey } from "../../lib/keys";
import { refusalText } from "../../lib/refusals";
import { type Clock, wholeTime } from "../../lib/time";
import { spanText } from "../../lib/words";
import { fromLocal, microsOf, toIso, toLocal } from "../../lib/zone";
import { Dialog } from "../../parts/Dialog";
import { messages } from "./text";

type Body = Schemas["BackfillPostBody"];
const DAY = 86_400e6;
const SHOWN = 200;

interface Form {
  from: string;
  to: string;
  reprocess: "none" | "failed" | "completed";
  atOnce: number;
  backwards: boolean;
  conf: string;
}

const yesterday = (clock: Clock): Form => ({
  from: `${toLocal(clock.now - 7 * DAY, clock).slice(0, 10)}T00:00`, to: `${toLocal(clock.now - DAY, clock).slice(0, 10)}T23:59`,
  reprocess: "none", atOnce: 10, backwards: false, conf: "{}",
});

/** What is sent: exactly what the form shows. Null while it cannot be. */
const bodyOf = (dagId: string, form: Form, clock: Clock): Body | null => {
  const [from, to] = [fromLocal(form.from, clock), fromLocal(form.to, clock)];
  let conf: unknown;
  try {
    conf = JSON.parse(form.conf || "{}");
  } catch {
    return null;
  }
  if (from === null || to === null || to < from || typeof conf !== "object" || conf === null || Array.isArray(conf) || !Number.isInteger(form.atOnce) || form.atOnce < 1) return null;
  return {
    dag_id: dagId, from_date: toIso(from), to_date: toIso(to), reprocess_behavior: form.reprocess, max_active_runs: form.atOnce,
    run_backwards: form.backwards, dag_run_conf: conf as Record<string, unknown>,
  };
};

/** Asks for a backfill, and shows first which dates it would run, which it would leave, and about how long it takes. */
export const BackfillDialog = ({ dagId, close }: { dagId: string; close: () => void }) => {
  const t = useTexts(messages);
  const clock = useClock();
  const queries = useQueryClient();
  const [form, setForm] = useState(() => yesterday(clock));
  const [key] = useState(newKey);
  const body = useMemo(() => bodyOf(dagId, form, clock), [dagId, form, clock]);
  const asked = useDeferredValue(body);
  const plan = useQuery({
    queryKey: ["plan", dagId, asked],
    queryFn: () =>
      answered(server.POST("/ui/dags/{dag_id}/backfill_plan", { params: { path: { dag_id: dagId } }, body: asked as Body, headers: { "x-tradewind": "ui" } })),
    enabled: asked !== null,
    staleTime: 0,
    retry: false,
  });
  const make = useMutation({
    mutationFn: () => send("POST", "/api/v2/backfills", body, { key }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["dag", dagId] });
      close();
    },
  });
  const set = (change: Partial<Form>): void => { setForm((old) => ({ ...old, ...change })); };
  const counts = plan.data?.counts;
  const starts = (counts?.create ?? 0) + (counts?.clear ?? 0);
  const isReady = body !== null && asked === body && !plan.isFetching && starts > 0;
  const problem = make.error ?? plan.error;
  return (
    <Dialog
      title={t("backfills.new")} note={<><span className="id">{dagId}</span> · {t("backfills.zone", { zone: clock.zone })}</>} close={close}
      submit={() => { if (isReady && !make.isPending) make.mutate(); }}
      footer={<><button type="button" className="btn push" onClick={close}>{t("cancel")}</button><button type="submit" className="btn primary" disabled={!isReady || make.isPending}>{t("backfills.start", { count: starts })}</button></>}
    >
      <div className="backfillform">
        <div className="field"><label htmlFor="bf-from">{t("runs.from")}</label><input id="bf-from" className="input" type="datetime-local" value={form.from} onChange={(event) => { set({ from: event.target.value }); }} /></div>
        <div className="field"><label htmlFor="bf-to">{t("runs.to")}</label><input id="bf-to" className="input" type="datetime-local" value={form.to} min={form.from} onChange={(event) => { set({ to: event.target.value }); }} /></div>
        <div className="field">
          <label htmlFor="bf-existing">{t("backfills.existing")}</label>
          <select id="bf-existing" className="input" value={form.reprocess} onChange={(event) => { set({ reprocess: event.target.value as Form["reprocess"] }); }}>
            {(["none", "failed", "completed"] as const).map((each) => <option key={each} value={each}>{t(`backfills.reprocess.${each}`)}</option>)}
          </select>
        </div>
        <div className="field"><label htmlFor="bf-once">{t("backfills.atOnce")}</label><input id="bf-once" className="input" type="number" min={1} max={1000} value={form.atOnce} onChange={(event) => { set({ atOnce: event.target.valueAsNumber }); }} /></div>
        <div className="field wide"><label htmlFor="bf-conf">{t("backfills.conf")}</label><textarea id="bf-conf" className="input mono" rows={2} spellCheck={false} value={form.conf} onChange={(event) => { set({ conf: event.target.value }); }} /></div>
        <label className="row wide"><input type="checkbox" checked={form.backwards} onChange={(event) => { set({ backwards: event.target.checked }); }} />{t("backfills.backwards")}</label>
      </div>
      <div aria-live="polite">
        {body === null && <p className="bad small">{t("backfills.wrong")}</p>}
        {problem && <p className="bad small" role="alert">{planText(problem.message, t) ?? refusalText(problem, t)}</p>}
        {body !== null && counts && plan.data && (
          <p className="planline">
            <b className="med">{t("backfills.runs", { count: starts })}</b>
            {(counts.clear ?? 0) > 0 && ` · ${t("backfills.again", { count: counts.clear ?? 0 })}`}
            {(counts.leave ?? 0) > 0 && ` · ${t("backfills.left", { count: counts.leave ?? 0 })}`}
            {plan.data.typical_us !== null && starts > 0 && <span className="mute"> · {t("backfills.about", { span: spanText(plan.data.typical_us * Math.ceil(starts / form.atOnce), t) })}</span>}
          </p>
        )}
      </div>
      {body !== null && plan.data && <Dates plan={plan.data} clock={clock} />}
    </Dialog>
  );
};

const Dates = ({ plan, clock }: { plan: Schemas["BackfillPlan"]; clock: Clock }) => {
  const t = useTexts(messages);
  return (
    <div className="plandates" tabIndex={0} role="region" aria-label={t("backfills.dates")}>
      <table className="dense">
        <tbody>
          {plan.dates.slice(0, SHOWN).map((date, n) => (
            <tr key={date.logical_date ?? n} className={date.action}>
              <td className="nowrap">{date.logical_date === null ? "–" : wholeTime(microsOf(date.logical_date), clock)}</td>
              <td>{t(`backfills.action.${date.action as "create"}`)}</td>
              <td className="dim">{planText(date.reason, t) ?? date.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {plan.dates.length > SHOWN && <p className="dim small">{t("backfills.more", { count: plan.dates.length - SHOWN })}</p>}
    </div>
  );
};

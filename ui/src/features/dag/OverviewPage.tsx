import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { BY_TASKS, NOTHING, OLD_BY_TASKS, useLive } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { quantile } from "../../lib/lengths";
import { isFinished, stateOf } from "../../lib/states";
import { duration, shortTime, wholeTime } from "../../lib/time";
import { ago, spanText } from "../../lib/words";
import { Markdown } from "../../parts/Markdown";
import { RunBars } from "../../parts/RunBars";
import { StateGlyph } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { useHead } from "./head";
import { LengthChart } from "./LengthChart";
import { Why } from "../../parts/Why";
import { messages } from "./text";

const BARS = 50;

export const useOverview = (dagId: string) => {
  const found = useQuery({
    queryKey: ["dag", dagId, "overview"],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/overview", { params: { path: { dag_id: dagId } } })),
    meta: OLD_BY_TASKS,
  });
  useLive(found.data?.waits.length ? BY_TASKS : NOTHING);
  return found;
};

/** How a Dag fares: what failed and what waits first, then how long runs take, what comes next, and what its author says. */
export const OverviewPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId/overview" });
  const { data, error, refetch } = useOverview(dagId);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return data ? <Facts dagId={dagId} data={data} /> : null;
};

const Facts = ({ dagId, data }: { dagId: string; data: Schemas["DagOverview"] }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(data.now, true, 10));
  const { data: head } = useHead(dagId);
  const ended = data.recent.filter((run) => isFinished(stateOf(run.state)));
  const lengths = ended.flatMap((run) => (run.start === null || run.end === null ? [] : [run.end - run.start]));
  const bars = data.recent.map((run) => ({ state: stateOf(run.state), micros: run.start === null ? 0 : (run.end ?? data.now) - run.start }));
  const success = ended.filter((run) => run.state === "success").length;
  const [p50, p95] = [quantile(lengths, 0.5), quantile(lengths, 0.95)];
  return (
    <div className="overview">
      <div>
        <Sheet title={t("overview.failed")} aside={data.failed.length > 0 && <Link to="/dags/$dagId/runs" params={{ dagId }} search={{ state: ["failed"] }} className="aside">{t("overview.allFailed")}</Link>}>
          {data.failed.length ? (
            <table className="dense">
              <tbody>
                {data.failed.map((run) => (
                  <tr key={run.run_id}>
                    <td className="nowrap"><StateGlyph state="failed" /> <Link className="link" to="/dags/$dagId" params={{ dagId }} search={{ run: run.run_id, ...(run.task_id ? { task: run.task_id } : {}) }} title={wholeTime(run.logical_date ?? run.run_after, clock)}>{shortTime(run.logical_date ?? run.run_after, clock)}</Link></td>
                    <td className="id">{run.task_id ?? "–"}</td>
                    <td className="mute reasoncell">{run.task_reason || run.reason}</td>
                    <td className="num dim nowrap hide-narrow">{run.end === null ? "" : ago(run.end, clock, t)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          ) : <p className="pad mute small">{t("overview.noneFailed")}</p>}
        </Sheet>
        {data.waits.length > 0 && (
          <Sheet title={t("overview.waits")}>
            <table className="dense">
              <tbody>{data.waits.map((each, n) => <tr key={n}><td className="id">{each.task || "–"}</td><td><Why reason={each} dagId={dagId} now={data.now} /></td></tr>)}</tbody>
            </table>
          </Sheet>
        )}
        <Sheet title={t("overview.recent")} aside={<span className="aside">{ended.length > 0 && t("overview.rate", { percent: `${String(Math.round((100 * success) / ended.length))}%`, count: ended.length })}</span>}>
          <div className="pad">
            {bars.length ? <RunBars runs={bars} places={Math.min(BARS, bars.length)} label={t("overview.recent")} /> : <p className="mute small">{t("dag.noRunYet")}</p>}
            {p50 !== null && p95 !== null && <p className="small mute below">p50 {duration(p50)} · p95 {duration(p95)}</p>}
          </div>
        </Sheet>
        {lengths.length > 1 && <Sheet title={t("dag.durations")} aside={<Link to="/dags/$dagId/durations" params={{ dagId }} className="aside">{t("overview.more")}</Link>}><div className="pad"><LengthChart runs={data.recent} now={data.now} height={96} /></div></Sheet>}
        {data.doc_md && <Sheet title={t("overview.doc")}><div className="pad"><Markdown text={data.doc_md} /></div></Sheet>}
      </div>
      <div>
        <Sheet title={t("overview.coming")}>
          {data.coming.length ? (
            <ul className="pad small coming">
              {data.coming.map((run) => <li key={run.run_after} title={wholeTime(run.run_after, clock)}><span>{shortTime(run.run_after, clock)}</span><span className="dim">{run.run_after > clock.now ? t("overview.in", { span: spanText(run.run_after - clock.now, t) }) : t("overview.due")}</span></li>)}
            </ul>
          ) : <p className="pad mute small">{head?.is_paused ? t("overview.off") : t("overview.nothingComes")}</p>}
        </Sheet>
        <Sheet title={t("overview.about")}>
          <dl className="dl pad">
            {head?.description && <><dt>{t("overview.description")}</dt><dd>{head.description}</dd></>}
            <dt>{t("details.file")}</dt><dd className="id">{head?.file}</dd>
            <dt>{t("details.owners")}</dt><dd>{head?.owners.join(", ") || "–"}</dd>
            <dt>{t("details.tags")}</dt><dd>{head?.tags.length ? head.tags.map((tag) => <span key={tag} className="tag">{tag}</span>) : "–"}</dd>
            <dt>{t("dag.tasks")}</dt><dd>{data.tasks}</dd>
          </dl>
        </Sheet>
        {data.notices.length > 0 && <Sheet title={t("overview.notices")}><ul className="pad small notices">{data.notices.map((notice) => <li key={notice}>{notice}</li>)}</ul></Sheet>}
      </div>
    </div>
  );
};

const Sheet = ({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) => (
  <section className="sheet"><header><h2>{title}</h2>{aside}</header>{children}</section>
);

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { answered, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { STATES, stateOf } from "../../lib/states";
import { clockTime, duration, momentIn, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import type { MappedSearch } from "./routes";
import { messages } from "./text";
import { type TaskPage, useTask } from "./useTask";

const ROWS = 100;
const FROM = "/dags/$dagId/runs/$runId/tasks/$taskId/mapped";

/** The instances of a mapped task, by state and name. */
export const MappedPage = () => {
  const { data: page } = useTask();
  const t = useTexts(messages);
  if (!page) return null;
  return page.is_mapped ? <List page={page} /> : <div className="taskpage"><p className="mute">{t("mapped.isNot")}</p></div>;
};

const List = ({ page }: { page: TaskPage }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const search = useSearch({ from: `/shell${FROM}` });
  const navigate = useNavigate({ from: FROM });
  const offset = ((search.page ?? 1) - 1) * ROWS;
  const { data, error, refetch } = useQuery({
    queryKey: ["task", page.dag_id, page.run_id, page.task_id, "mapped", search, page.kin?.states],
    placeholderData: keepPreviousData,
    queryFn: () =>
      answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/listMapped", {
        params: {
          path: { dag_id: page.dag_id, dag_run_id: page.run_id, task_id: page.task_id },
          query: { limit: ROWS, offset, order_by: ["map_index"], ...(search.state ? { state: [search.state] } : {}), ...(search.q ? { rendered_map_index_prefix_pattern: search.q } : {}) },
        },
      })),
  });
  const set = (change: Partial<Record<keyof MappedSearch, unknown>>): void => {
    void navigate({ search: (old) => said({ ...old, page: undefined, ...change }) as MappedSearch, replace: true });
  };
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const states = STATES.filter((state) => page.kin?.states[state]);
  const total = data?.total_entries ?? 0;
  const params = { dagId: page.dag_id, runId: page.run_id, taskId: page.task_id };
  return (
    <>
      <div className="bar">
        <button type="button" className="chip" aria-pressed={!search.state} onClick={() => { set({ state: undefined }); }}>{t("mapped.all")} <b>{page.kin?.count}</b></button>
        {states.map((state) => (
          <button key={state} type="button" className="chip" aria-pressed={search.state === state} onClick={() => { set({ state: search.state === state ? undefined : state }); }}>
            <StateName state={state} /> <b>{page.kin?.states[state]}</b>
          </button>
        ))}
        <label className="find"><Icon name="search" small /><input className="bare" defaultValue={search.q} placeholder={t("mapped.find")} aria-label={t("mapped.find")} onKeyDown={(event) => { if (event.key === "Enter" && !event.nativeEvent.isComposing) set({ q: event.currentTarget.value || undefined }); }} /></label>
        <span className="push" />
        {total > ROWS && (
          <span className="row small">
            {t("mapped.page", { from: offset + 1, to: Math.min(offset + ROWS, total), count: total })}
            <button type="button" className="btn" disabled={offset === 0} onClick={() => { set({ page: (search.page ?? 1) === 2 ? undefined : (search.page ?? 1) - 1 }); }}>{t("mapped.previous")}</button>
            <button type="button" className="btn" disabled={offset + ROWS >= total} onClick={() => { set({ page: (search.page ?? 1) + 1 }); }}>{t("mapped.next")}</button>
          </span>
        )}
      </div>
      <div className="taskpage">
        {data && total === 0 && <p className="mute">{t("mapped.none")}</p>}
        {data && total > 0 && (
          <table>
            <thead><tr><th className="num">{t("mapped.index")}</th><th>{t("mapped.label")}</th><th>{t("mapped.state")}</th><th>{t("tries.start")}</th><th className="num">{t("tries.duration")}</th><th className="num">{t("details.tryNumber")}</th></tr></thead>
            <tbody>
              {data.task_instances.map((each) => {
                const start = each.start_date === null ? null : momentIn(each.start_date);
                return (
                  <tr key={each.map_index}>
                    <td className="num"><Link className="link" to="/dags/$dagId/runs/$runId/tasks/$taskId" params={params} search={{ index: each.map_index }}>{each.map_index}</Link></td>
                    <td className="id">{each.rendered_map_index ?? ""}</td>
                    <td><StateName state={stateOf(each.state)} /></td>
                    <td title={start === null ? undefined : wholeTime(start, clock)}>{start === null ? "" : clockTime(start, clock)}</td>
                    <td className="num">{each.duration === null ? "" : duration(each.duration * 1e6)}</td>
                    <td className="num">{each.try_number}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      </div>
    </>
  );
};

import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { wholeTime } from "../../lib/time";
import { isSafe } from "../../lib/markdown";
import { microsOf } from "../../lib/zone";
import { Trouble } from "../../parts/Trouble";
import { useOverview } from "./OverviewPage";
import { messages } from "./text";

/** What the API calls it; a pointer held over its words shows that name. */
type Named = Extract<keyof (typeof messages)["en"], `details.of.${string}`> extends `details.of.${infer Name}` ? Name : never;

/** Everything that a Dag says of itself, as a table. */
export const DetailsPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId/details" });
  const { data, error, refetch } = useQuery({
    queryKey: ["dag", dagId, "details"],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/details", { params: { path: { dag_id: dagId } } })),
  });
  const { data: more } = useOverview(dagId);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return data ? <Table dag={data} more={more} /> : null;
};

const Table = ({ dag, more }: { dag: Schemas["DAGDetailsResponse"]; more: Schemas["DagOverview"] | undefined }) => {
  const t = useTexts(messages);
  const clock = useClock();
  const yes = (value: boolean | null | undefined): string => (value === null || value === undefined ? "–" : value ? t("details.yes") : t("details.no"));
  const time = (value: string | null): string => (value === null ? "–" : wholeTime(microsOf(value), clock));
  const list = (values: readonly string[] | null | undefined): ReactNode => (values?.length ? values.join(", ") : "–");
  const id = (value: ReactNode): ReactNode => <span className="id">{value ?? "–"}</span>;
  const sections: [string, [Named, ReactNode][]][] = [
    [t("details.what"), [
      ["dag_id", id(dag.dag_id)], ["dag_display_name", dag.dag_display_name], ["description", dag.description ?? "–"], ["tags", dag.tags.length ? dag.tags.map((tag) => <span key={tag.name} className="tag">{tag.name}</span>) : "–"],
      ["owners", list(dag.owners)], ["owner_links", links(dag.owner_links)], ["is_paused", yes(dag.is_paused)], ["is_stale", yes(dag.is_stale)],
    ]],
    [t("details.schedule"), [
      ["timetable_summary", id(dag.timetable_summary)], ["timetable_description", dag.timetable_description ?? "–"], ["timezone", id(dag.timezone)], ["start_date", time(dag.start_date)], ["end_date", time(dag.end_date)],
      ["catchup", yes(dag.catchup)], ["next_dagrun_run_after", time(dag.next_dagrun_run_after)], ["next_dagrun_data_interval", dag.next_dagrun_data_interval_start === null ? "–" : `${time(dag.next_dagrun_data_interval_start)} – ${time(dag.next_dagrun_data_interval_end)}`],
      ["asset_expression", dag.asset_expression ? <Json value={dag.asset_expression} /> : "–"], ["asset_policy", id(more?.asset_policy)], ["allowed_run_types", list(dag.allowed_run_types)],
    ]],
    [t("details.limits"), [
      ["max_active_runs", dag.max_active_runs ?? "–"], ["max_active_tasks", dag.max_active_tasks], ["max_consecutive_failed_dag_runs", dag.max_consecutive_failed_dag_runs || "–"], ["dag_run_timeout", id(dag.dag_run_timeout)],
      ["fail_fast", yes(more?.fail_fast)], ["has_task_concurrency_limits", yes(dag.has_task_concurrency_limits)], ["callbacks", list(more?.callbacks)], ["deadlines", more?.deadlines ?? "–"],
    ]],
    [t("details.source"), [
      ["fileloc", id(dag.fileloc)], ["relative_fileloc", id(dag.relative_fileloc)], ["last_parsed_time", time(dag.last_parsed_time)], ["last_parse_duration", dag.last_parse_duration === null ? "–" : `${dag.last_parse_duration.toFixed(3)} s`],
      ["has_import_errors", yes(dag.has_import_errors)], ["latest_dag_version", dag.latest_dag_version ? `v${String(dag.latest_dag_version.version_number)} · ${time(dag.latest_dag_version.created_at)}` : "–"], ["generation", more?.generation ?? "–"],
      ["isolation", more ? `${more.isolation}${more.isolation_reason ? ` · ${more.isolation_reason}` : ""}` : "–"], ["is_paused_upon_creation", yes(dag.is_paused_upon_creation)], ["render_template_as_native_obj", yes(dag.render_template_as_native_obj)],
    ]],
  ];
  return (
    <div className="sheetscroll details" tabIndex={0}>
      {sections.map(([title, rows]) => (
        <table key={title} className="dense">
          <caption>{title}</caption>
          <tbody>{rows.map(([name, value]) => <tr key={name}><th scope="row" title={name}>{t(`details.of.${name}`)}</th><td>{value}</td></tr>)}</tbody>
        </table>
      ))}
      <Params params={dag.params} />
    </div>
  );
};

const links = (found: Record<string, string> | null | undefined): ReactNode => {
  const all = Object.entries(found ?? {});
  if (!all.length) return "–";
  return all.map(([owner, href]) => <span key={owner}>{owner}: {isSafe(href) ? <a className="link" href={href} target="_blank" rel="noopener noreferrer">{href}</a> : href} </span>);
};

const Params = ({ params }: { params: Record<string, unknown> | null }) => {
  const t = useTexts(messages);
  const all = Object.entries(params ?? {}) as [string, { value?: unknown; schema?: unknown; description?: string | null }][];
  return (
    <table className="dense">
      <caption>{t("details.params")}</caption>
      {all.length > 0 && <thead><tr><th scope="col">{t("details.name")}</th><th scope="col">{t("details.value")}</th><th scope="col">{t("details.schema")}</th><th scope="col">{t("overview.description")}</th></tr></thead>}
      <tbody>
        {all.map(([name, param]) => <tr key={name}><th scope="row" className="id">{name}</th><td><Json value={param.value} /></td><td><Json value={param.schema} /></td><td>{param.description ?? "–"}</td></tr>)}
        {!all.length && <tr><td className="mute">{t("details.noParams")}</td></tr>}
      </tbody>
    </table>
  );
};

const Json = ({ value }: { value: unknown }) => <code className="json">{JSON.stringify(value) ?? "–"}</code>;

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { toggled } from "../../lib/search";
import { isFinished, type State, stateOf } from "../../lib/states";
import { duration, shortTime } from "../../lib/time";
import { operatorText } from "../../lib/words";
import { microsOf } from "../../lib/zone";
import { Icon } from "../../parts/Icon";
import { around, type Graph, GraphView, nodesByGroup, type NodeState, partOf, type States } from "../../parts/graph";
import { Trouble } from "../../parts/Trouble";
import { GraphTable } from "./GraphTable";
import { useHead } from "./head";
import type { GraphSearch } from "./routes";
import { TaskFacts } from "./TaskFacts";
import { TaskPanel } from "./TaskPanel";
import { messages } from "./text";
import { useVersions } from "./sources";
import { changesBetween, union } from "./versions";

/** A Dag as a graph, with how a run of it fares. */
export const GraphPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId/graph" });
  const search = useSearch({ from: "/shell/dags/$dagId/graph" });
  const { data: head } = useHead(dagId);
  const { data: states, error: noStates, refetch } = useStates(dagId, search.run);
  const version = states?.version ?? null;
  const { data: graph, error } = useGraph(dagId, head?.version ?? "", version);
  const { data: other } = useGraph(dagId, "", search.against ?? null, search.against !== undefined);
  const failed = error ?? noStates;
  if (failed && (!graph || states === undefined)) return <Trouble error={failed} retry={() => void refetch()} />;
  return graph && states !== undefined ? <Work dagId={dagId} current={head?.version ?? ""} graph={graph} states={states} other={search.against === undefined ? undefined : other} search={search} /> : null;
};

const useStates = (dagId: string, runId: string | undefined) =>
  useQuery({
    queryKey: ["run", dagId, runId ?? "newest", "states"],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run_states", { params: { path: { dag_id: dagId }, query: runId === undefined ? {} : { run_id: runId } } })),
    placeholderData: keepPreviousData,
  });

/** A version never changes: what was read of one is kept. `current` names the Dag's own while no number is asked for. */
export const useGraph = (dagId: string, current: string, version: number | null, enabled = true) =>
  useQuery({
    queryKey: ["graph", dagId, version ?? current],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/graph", { params: { path: { dag_id: dagId }, query: version === null ? {} : { version } } })),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    enabled,
  });

interface WorkProps {
  dagId: string;
  current: string;
  graph: Schemas["DagGraph"];
  states: Schemas["RunStates"] | null;
  other: Schemas["DagGraph"] | undefined;
  search: GraphSearch;
}

const Work = ({ dagId, current, graph, states, other, search }: WorkProps) => {
  const t = useTexts(messages);
  const navigate = useNavigate({ from: "/dags/$dagId/graph" });
  const set = (change: Partial<Record<keyof GraphSearch, unknown>>): void => {
    void navigate({ search: (old) => said({ ...old, ...change }) as GraphSearch, replace: true });
  };
  const shown = useMemo(() => (other ? union(graph, other) : graph), [graph, other]);
  const whole = useMemo(() => graphOf(shown), [shown]);
  const changes = useMemo(() => (other ? (other.number < graph.number ? changesBetween(other, graph) : changesBetween(graph, other)) : undefined), [graph, other]);
  const nodes = useMemo(() => nodeStates(shown, states, t), [shown, states, t]);
  const groups = useMemo(() => nodesByGroup(whole), [whole]);
  const closed = useMemo(() => new Set(search.closed === true ? whole.groups.map((group) => group.id) : search.closed), [search.closed, whole]);
  const task = search.task !== undefined && whole.nodes.some((node) => node.id === search.task) ? search.task : null;
  const part = useMemo(() => (search.focus && task ? partOf(whole, around(whole, groups.get(task) ?? [task])) : whole), [whole, groups, search.focus, task]);
  const found = useMemo(() => new Set(search.q ? part.nodes.filter((node) => node.id.toLowerCase().includes((search.q ?? "").toLowerCase())).map((node) => node.id) : []), [part, search.q]);
  const toggle = (group: string): void => {
    const next = toggled(closed, group);
    set({ closed: next?.length === whole.groups.length ? true : next });
  };
  const choose = (id: string | null): void => { set({ task: id ?? undefined, ...(id === null ? { focus: undefined } : {}) }); };
  return (
    <>
      <div className="bar">
        <RunChoice dagId={dagId} states={states} chosen={search.run} choose={(run) => { set({ run }); }} />
        <label className="input search">
          <Icon name="search" small />
          <input value={search.q ?? ""} placeholder={t("graph.search")} aria-label={t("graph.search")} onChange={(event) => { set({ q: event.target.value }); }} />
          {search.q ? <span className="dim small">{found.size}</span> : null}
        </label>
        <button type="button" className="chip" aria-pressed={Boolean(search.focus)} disabled={!task} onClick={() => { set({ focus: !search.focus }); }}>{t("graph.focus")}</button>
        {whole.groups.length > 0 && <button type="button" className="chip" aria-pressed={search.closed === true} onClick={() => { set({ closed: search.closed === true ? undefined : true }); }}>{t("graph.collapse")}</button>}
        <Against dagId={dagId} current={current} graph={graph} chosen={search.against} choose={(against) => { set({ against }); }} />
        <span className="push" />
        <Counts states={states} total={graph.tasks.length} />
        <button type="button" className="btn quiet" onClick={() => { set({ table: !search.table }); }}>{search.table ? t("graph.asGraph") : t("dag.asTable")}</button>
      </div>
      <div className="work">
        {search.table
          ? <GraphTable graph={shown} states={nodes} changes={changes} chosen={task} choose={choose} />
          : <GraphView graph={part} states={nodes} changes={changes} closed={closed} toggle={toggle} direction={search.dir} turn={(dir) => { set({ dir }); }} found={found} chosen={task} onChoose={choose} />}
        {task && (
          states && states.tasks[task]
            ? <TaskPanel key={`${states.run_id} ${task}`} dagId={dagId} run={states} taskId={task} index={undefined} close={() => { choose(null); }} />
            : <TaskFacts graph={shown} taskId={task} close={() => { choose(null); }} choose={choose} />
        )}
      </div>
    </>
  );
};

/** The server's graph as the part that draws it has it. */
export const graphOf = (graph: Schemas["DagGraph"]): Graph => {
  const labels = new Map(graph.labels.map((each) => [`${each.upstream}\n${each.downstream}`, each.text]));
  return {
    key: graph.version,
    nodes: graph.tasks.map((task) => ({ id: task.id, label: task.label, group: task.group, kind: operatorText(task.operator), isMapped: task.is_mapped })),
    edges: graph.tasks.flatMap((task) =>
      task.upstream.map((from) => {
        const label = labels.get(`${from}\n${task.id}`);
        return { from, to: task.id, ...(label ? { label } : {}) };
      }),
    ),
    groups: graph.groups,
  };
};

const WORTH_SAYING = new Set<State>(["up_for_retry", "awaiting_input", "deferred", "up_for_reschedule", "queued", "restarting", "skipped", "upstream_failed"]);

const nodeStates = (graph: Schemas["DagGraph"], run: Schemas["RunStates"] | null, t: ReturnType<typeof useTexts<keyof typeof messages.en>>): States | undefined => {
  if (!run) return undefined;
  const found = new Map<string, NodeState>();
  for (const task of graph.tasks) {
    const own = run.tasks[task.id];
    if (!own) continue;
    const state = stateOf(own.state);
    const total = Object.values(own.counts).reduce((sum, count) => sum + count, 0);
    const note = task.is_mapped ? t("graph.ofInstances", { done: own.counts.success ?? 0, count: total }) : WORTH_SAYING.has(state) ? t(`state.${state}`) : own.try_number > 1 ? t("graph.try", { number: own.try_number }) : undefined;
    found.set(task.id, {
      state,
      ...(note === undefined ? {} : { note }),
      ...(own.start === null || own.end === null ? {} : { side: duration(own.end - own.start) }),
      ...(total > 1 ? { counts: Object.fromEntries(Object.entries(own.counts).map(([name, count]) => [stateOf(name), count])) } : {}),
    });
  }
  return found;
};

interface RunChoiceProps {
  dagId: string;
  states: Schemas["RunStates"] | null;
  chosen: string | undefined;
  choose: (run: string | undefined) => void;
}

const RunChoice = ({ dagId, states, chosen, choose }: RunChoiceProps) => {
  const t = useTexts(messages);
  const clock = useClock(states?.now);
  const { data } = useQuery({
    queryKey: ["dag", dagId, "newest-runs"],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/dagRuns", { params: { path: { dag_id: dagId }, query: { limit: 50, order_by: ["-run_after"] } } })),
  });
  if (!states) return <span className="small mute">{t("dag.noRunYet")}</span>;
  const runs = data?.dag_runs ?? [];
  const isListed = chosen === undefined || runs.some((run) => run.dag_run_id === chosen);
  const name = (at: number, state: string): string => `${shortTime(at, clock)} · ${t(`state.${stateOf(state)}`)}`;
  return (
    <label className="chip pick">
      <i className="st" data-s={stateOf(states.state)} aria-hidden="true" />{t("graph.run")}
      <select value={chosen ?? ""} onChange={(event) => { choose(event.target.value || undefined); }}>
        <option value="">{t("graph.newest", { time: shortTime(states.logical_date ?? states.run_after, clock) })}</option>
        {!isListed && <option value={chosen}>{name(states.logical_date ?? states.run_after, states.state)}</option>}
        {runs.map((run) => <option key={run.dag_run_id} value={run.dag_run_id}>{name(microsOf(run.logical_date ?? run.run_after), run.state)}</option>)}
      </select>
    </label>
  );
};

interface AgainstProps {
  dagId: string;
  current: string;
  graph: Schemas["DagGraph"];
  chosen: number | undefined;
  choose: (number: number | undefined) => void;
}

const Against = ({ dagId, current, graph, chosen, choose }: AgainstProps) => {
  const t = useTexts(messages);
  const { data } = useVersions(dagId, current);
  const others = (data ?? []).map((version) => version.version_number).filter((number) => number !== graph.number);
  if (!others.length && chosen === undefined) return null;
  return (
    <label className="chip pick" aria-pressed={chosen !== undefined}>
      {t("graph.against")}
      <select value={chosen ?? ""} onChange={(event) => { choose(event.target.value ? Number(event.target.value) : undefined); }}>
        <option value="">–</option>
        {others.map((number) => <option key={number} value={number}>v{number}</option>)}
      </select>
    </label>
  );
};

/** 21 tasks · 15 done · 1 failed · 5 wait */
const Counts = ({ states, total }: { states: Schemas["RunStates"] | null; total: number }) => {
  const t = useTexts(messages);
  const all = Object.values(states?.tasks ?? {}).map((task) => stateOf(task.state));
  const count = (is: (state: State) => boolean): number => all.filter(is).length;
  const failed = count((state) => state === "failed" || state === "upstream_failed");
  const parts = states
    ? [
        t("graph.done", { count: count((state) => state === "success" || state === "skipped") }),
        failed ? t("graph.failed", { count: failed }) : "",
        count((state) => !isFinished(state)) ? t("graph.wait", { count: count((state) => !isFinished(state)) }) : "",
      ]
    : [];
  return <span className="small dim hide-mid">{[t("graph.tasks", { count: total }), ...parts].filter(Boolean).join(" · ")}</span>;
};

import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Schemas } from "../../api/client";
import { useTexts } from "../../app/settings";
import { decidingInstance, together } from "../../lib/gantt";
import { toggled } from "../../lib/search";
import { type State, stateOf } from "../../lib/states";
import { duration } from "../../lib/time";
import { GraphView, type NodeState, type States } from "../../parts/graph";
import { Trouble } from "../../parts/Trouble";
import { graphOf, useGraph } from "../dag/GraphPage";
import { taskAddress } from "./addresses";
import { messages } from "./text";
import { useRun, useTimeline } from "./useRun";

/** A run as the graph of the version that it went by, each task with how it fares. A task opens its page. */
export const GraphPage = () => {
  const { dagId, runId } = useParams({ from: "/shell/dags/$dagId/runs/$runId/graph" });
  const search = useSearch({ from: "/shell/dags/$dagId/runs/$runId/graph" });
  const t = useTexts(messages);
  const navigate = useNavigate();
  const { data: head } = useRun(dagId, runId);
  const { data: run, error, refetch } = useTimeline(dagId, runId);
  const { data: graph, error: noGraph } = useGraph(dagId, "", head?.version ?? null, head !== undefined && head.version !== null);
  const closed = useMemo(() => new Set(search.closed), [search.closed]);
  const shown = useMemo(() => graph && graphOf(graph), [graph]);
  const states = useMemo(() => run && statesOf(run), [run]);
  const failed = error ?? noGraph;
  if (failed && (!run || !graph)) return <Trouble error={failed} retry={() => void refetch()} />;
  if (head?.version === null) return <p className="trouble mute">{t("run.noGraph")}</p>;
  if (!shown || !states) return null;
  const toggle = (group: string): void => {
    const next = toggled(search.closed, group);
    void navigate({ to: "/dags/$dagId/runs/$runId/graph", params: { dagId, runId }, search: next ? { closed: next } : {}, replace: true });
  };
  const open = (taskId: string | null): void => {
    if (taskId !== null && states.has(taskId)) void navigate({ to: taskAddress(dagId, runId, taskId, -1) });
  };
  return <div className="work"><GraphView graph={shown} states={states} closed={closed} toggle={toggle} chosen={null} onChoose={open} /></div>;
};

const statesOf = (run: Schemas["RunTimeline"]): States => {
  const found = new Map<string, NodeState>();
  for (const task of run.tasks) {
    const counts = Object.fromEntries(Object.entries(task.states).map(([name, count]) => [stateOf(name), count])) as Partial<Record<State, number>>;
    const total = Object.values(task.states).reduce((sum, count) => sum + count, 0);
    const last = decidingInstance(task);
    found.set(task.task_id, {
      state: together(Object.keys(task.states)),
      ...(total > 1 ? { counts, note: `${String(counts.success ?? 0)} / ${String(total)}` } : {}),
      ...(last?.start != null && last.end !== null ? { side: duration(last.end - last.start) } : {}),
    });
  }
  return found;
};

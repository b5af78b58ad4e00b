/** Links to a Dag, a run and a task, wherever their pages are. */
import { Link, useRouter } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { isPage } from "../app/pages";

interface DagProps {
  dagId: string;
  children?: ReactNode;
  className?: string;
}

export const DagLink = ({ dagId, children, className = "id med" }: DagProps) => (
  <Link className={className} to="/dags/$dagId" params={{ dagId }}>{children ?? dagId}</Link>
);

interface RunProps extends DagProps {
  runId: string;
}

/** The page of a run; until there is one, its column in the grid. */
export const RunLink = ({ dagId, runId, children, className = "id" }: RunProps) => {
  const router = useRouter();
  const own = "/dags/$dagId/runs/$runId";
  if (isPage(router, own)) return <Link className={className} to={own as string} params={{ dagId, runId } as never}>{children ?? runId}</Link>;
  return <Link className={className} to="/dags/$dagId" params={{ dagId }} search={{ run: runId }}>{children ?? runId}</Link>;
};

interface TaskProps extends RunProps {
  taskId: string;
  mapIndex?: number;
}

/** The page of a task instance, which opens on its log; until there is one, its panel in the grid. */
export const TaskLink = ({ dagId, runId, taskId, mapIndex = -1, children, className = "id" }: TaskProps) => {
  const router = useRouter();
  const own = "/dags/$dagId/runs/$runId/tasks/$taskId";
  const index = mapIndex >= 0 ? { index: mapIndex } : {};
  if (isPage(router, own)) return <Link className={className} to={own as string} params={{ dagId, runId, taskId } as never} search={index as never}>{children ?? taskId}</Link>;
  return <Link className={className} to="/dags/$dagId" params={{ dagId }} search={{ run: runId, task: taskId, ...index }}>{children ?? taskId}</Link>;
};

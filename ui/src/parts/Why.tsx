import { Link } from "@tanstack/react-router";
import { Fragment } from "react";
import { useClock } from "../app/settings";
import { piecesOf, type Reason } from "../lib/why";

interface Props {
  reason: Pick<Reason, "sentence" | "parts">;
  /** The Dag whose runs the sentence names. */
  dagId: string;
  now: number;
}

/** Why something waits, in the reader's language; the tasks and runs that it names are links. */
export const Why = ({ reason, dagId, now }: Props) => {
  const clock = useClock(now);
  return piecesOf(reason, clock).map((piece, n) => {
    if (typeof piece === "string") return <Fragment key={n}>{piece.split(/`([^`]*)`/).map((text, at) => (at % 2 ? <code key={at}>{text}</code> : text))}</Fragment>;
    if ("run" in piece) return <Link key={n} className="link id" to="/dags/$dagId/runs/$runId" params={{ dagId, runId: piece.run }}>{piece.run}</Link>;
    const { task, text } = piece;
    if (!task.dag_id || !task.run_id) return <Fragment key={n}>{text}</Fragment>;
    return <Link key={n} className="link id" to="/dags/$dagId/runs/$runId/tasks/$taskId" params={{ dagId: task.dag_id, runId: task.run_id, taskId: task.task_id }} search={task.map_index < 0 ? {} : { index: task.map_index }}>{text}</Link>;
  });
};

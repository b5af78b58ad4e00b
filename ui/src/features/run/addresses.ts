/** Addresses of pages that belong to other features. */

/** A task instance's page. The cast: the route is known where the router is put together, not here. */
export const taskAddress = (dagId: string, runId: string, taskId: string, index: number): "/" => {
  const task = `/dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}/tasks/${encodeURIComponent(taskId)}`;
  return (index >= 0 ? `${task}/mapped/${String(index)}` : task) as "/";
};

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { momentIn, wholeTime } from "../../lib/time";
import { Dialog } from "../../parts/Dialog";
import { Refusal } from "../../parts/Refusal";
import { Trouble } from "../../parts/Trouble";
import { Value } from "../../parts/Value";
import type { XComSearch } from "./routes";
import { messages } from "./text";
import { type TaskPage, useTask } from "./useTask";

/** So many values are read with the page; the others when they are asked for. */
const AT_ONCE = 12;

const keysOf = (page: TaskPage): unknown[] => ["task", page.dag_id, page.run_id, page.task_id, page.map_index, "xcom"];
const pathOf = (page: TaskPage): { dag_id: string; dag_run_id: string; task_id: string } => ({ dag_id: page.dag_id, dag_run_id: page.run_id, task_id: page.task_id });

/** What the task left for others. */
export const XComPage = () => {
  const { data: page } = useTask();
  return page ? <List page={page} /> : null;
};

const List = ({ page }: { page: TaskPage }) => {
  const t = useTexts(messages);
  const search = useSearch({ from: "/shell/dags/$dagId/runs/$runId/tasks/$taskId/xcom" });
  const { data, error, refetch } = useQuery({
    queryKey: [...keysOf(page), "list", page.state],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", { params: { path: pathOf(page), query: { map_index: page.map_index, limit: 200 } } })),
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <div className="taskpage">
      {data.xcom_entries.length === 0 && <p className="mute">{t("xcom.none")}</p>}
      {data.xcom_entries.map((entry, n) => <Entry key={entry.key} page={page} entry={entry} isOpen={search.key === entry.key || (search.key === undefined && n < AT_ONCE)} />)}
    </div>
  );
};

const Entry = ({ page, entry, isOpen }: { page: TaskPage; entry: Schemas["XComResponse"]; isOpen: boolean }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const [open, setOpen] = useState(isOpen);
  const [editing, setEditing] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const queries = useQueryClient();
  const navigate = useNavigate({ from: "/dags/$dagId/runs/$runId/tasks/$taskId/xcom" });
  const { data, error } = useQuery({
    queryKey: [...keysOf(page), entry.key, entry.timestamp],
    enabled: open,
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}", { params: { path: { ...pathOf(page), xcom_key: entry.key }, query: { map_index: page.map_index, deserialize: true } } })),
  });
  const again = (): Promise<void> => queries.invalidateQueries({ queryKey: keysOf(page) });
  const path = `/api/v2/dags/${encodeURIComponent(page.dag_id)}/dagRuns/${encodeURIComponent(page.run_id)}/taskInstances/${encodeURIComponent(page.task_id)}/xcomEntries/${encodeURIComponent(entry.key)}`;
  const save = useMutation({
    mutationFn: (value: unknown) => send("PATCH", path, { value, map_index: page.map_index }),
    onSuccess: async () => { setEditing(false); await again(); },
  });
  const remove = useMutation({
    mutationFn: () => send("DELETE", `${path}?map_index=${String(page.map_index)}`),
    onSuccess: async () => { setDeleting(false); await again(); },
  });
  return (
    <div className="fieldcard">
      <details
        open={open}
        onToggle={(event) => {
          const next = event.currentTarget.open;
          setOpen(next);
          if (next !== isOpen && next) void navigate({ search: (old) => said({ ...old, key: entry.key }) as XComSearch, replace: true, resetScroll: false });
        }}
      >
        <summary>
          <h3 className="id">{entry.key}</h3>
          <span className="small dim">{wholeTime(momentIn(entry.timestamp), clock)}</span>
        </summary>
        <Refusal error={error} />
        {data && (editing ? <Editor value={data.value} error={save.error} save={(value) => { save.mutate(value); }} cancel={() => { setEditing(false); }} />
          : <div className="xvalue"><Value value={data.value} more={(count) => t("xcom.moreRows", { count })} /></div>)}
      </details>
      {open && (
        <span className="row fieldacts">
          {page.may_edit_xcoms && <button type="button" className="btn quiet small" onClick={() => { setEditing(true); }}>{t("xcom.edit")}</button>}
          {page.may_delete_xcoms && <button type="button" className="btn quiet danger small" onClick={() => { setDeleting(true); }}>{t("xcom.delete")}</button>}
        </span>
      )}
      {deleting && (
        <Dialog
          title={t("xcom.deleteAsk", { key: entry.key })} close={() => { setDeleting(false); }} submit={() => { remove.mutate(); }}
          footer={<><button type="button" className="btn" onClick={() => { setDeleting(false); }}>{t("xcom.cancel")}</button><button type="submit" className="btn danger" disabled={remove.isPending}>{t("xcom.delete")}</button></>}
        >
          <p>{t("xcom.deleteSays")}</p>
          <Refusal error={remove.error} />
        </Dialog>
      )}
    </div>
  );
};

const Editor = ({ value, error, save, cancel }: { value: unknown; error: Error | null; save: (value: unknown) => void; cancel: () => void }) => {
  const t = useTexts(messages);
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [wrong, setWrong] = useState("");
  const submit = (): void => {
    try {
      save(JSON.parse(text));
      setWrong("");
    } catch (fault) {
      setWrong(t("xcom.noJson", { error: fault instanceof Error ? fault.message : "" }));
    }
  };
  const said = wrong || error?.message;
  return (
    <div className="field">
      <label><span className="sr">{t("xcom.json")}</span><textarea className={said ? "input wrong" : "input"} value={text} spellCheck={false} onChange={(event) => { setText(event.target.value); }} /></label>
      {said && <p className="bad small" role="alert">{said}</p>}
      <div className="row"><button type="button" className="btn primary" onClick={submit}>{t("xcom.save")}</button><button type="button" className="btn" onClick={cancel}>{t("xcom.cancel")}</button></div>
    </div>
  );
};

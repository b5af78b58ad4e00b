import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answered, ApiError, type Schemas, send, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useChange } from "../../app/change";
import { useMay } from "../../app/session";
import { useLive } from "../../app/live";
import { useTexts } from "../../app/settings";
import { patternOf, placeOf } from "../../lib/address";
import { saveText } from "../../lib/csv";
import { refusalText } from "../../lib/refusals";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { ConfirmDialog, FormDialog } from "../../parts/Dialog";
import { TextField } from "../../parts/Field";
import { Icon } from "../../parts/Icon";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { isSecret, problemOf, type Variable, written } from "./file";
import { ImportDialog } from "./ImportDialog";
import { messages } from "./text";

const TOPICS = ["variable"];
const LIMIT = 50;
const MOST = 100;

interface Search {
  q?: string;
  sort?: string;
  from?: string;
}

const asked = (search: Search, limit: number, offset: number): Promise<Schemas["VariableCollectionResponse"]> =>
  answered(server.GET("/api/v2/variables", {
    params: { query: { limit, offset, ...(search.q ? { variable_key_pattern: patternOf(search.q) } : {}), order_by: [search.sort ?? "key"] } },
  }));

/** Every variable that the search finds, as a file. */
const exported = async (search: Search): Promise<{ count: number; leftOut: number }> => {
  const found: Variable[] = [];
  for (;;) {
    const page = await asked({ ...search, sort: "key" }, MOST, found.length);
    found.push(...page.variables);
    if (!page.variables.length || found.length >= page.total_entries) break;
  }
  const { text, ...counts } = written(found);
  saveText("variables.json", "application/json", text);
  return counts;
};

/** Variables: what tasks read by its key. */
export const VariablesPage = () => {
  const t = useTexts(messages);
  useLive(TOPICS);
  const may = useMay();
  const [search, set] = useAddress<Search>();
  const [edited, setEdited] = useState<Variable | "new" | null>(null);
  const [doomed, setDoomed] = useState<Variable | null>(null);
  const [isImporting, setImporting] = useState(false);
  const [told, setTold] = useState("");
  const offset = placeOf(search.from);
  const { data, error, refetch } = useQuery({ queryKey: ["variables", search], queryFn: () => asked(search, LIMIT, offset), placeholderData: keepPreviousData });
  const remove = useChange((key: string) => send("DELETE", `/api/v2/variables/${encodeURIComponent(key)}`), [["variables"]], () => { setDoomed(null); });
  const save = useChange(async () => {
    const { count, leftOut } = await exported(search);
    setTold([t("variables.exported", { count }), leftOut ? t("variables.leftOut", { count: leftOut }) : ""].join(" "));
  }, []);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Variable>[] = [
    { id: "key", head: t("variables.key"), sort: "key", text: (row) => row.key, cell: (row) => <span className="id">{row.key}</span> },
    { id: "value", head: t("variables.value"), grow: true, text: (row) => row.value ?? "", cell: (row) => <Value variable={row} /> },
    { id: "description", head: t("variables.description"), sort: "description", minor: true, text: (row) => row.description ?? "", cell: (row) => <span className="mute">{row.description}</span> },
    {
      id: "acts", head: "", num: true,
      cell: (row) => (
        <span className="rowacts">
          {may("edit", "variable") && <button type="button" className="btn quiet" aria-label={`${t("variables.edit")}: ${row.key}`} onClick={() => { setEdited(row); }}>{t("variables.edit")}</button>}
          {may("delete", "variable") && <button type="button" className="btn quiet icon" aria-label={t("variables.delete", { key: row.key })} onClick={() => { remove.reset(); setDoomed(row); }}><Icon name="x" small /></button>}
        </span>
      ),
    },
  ];
  const rows = data?.variables ?? [];
  return (
    <Page title={t("variables.title")}>
      <div className="bar">
        <SearchBox value={search.q ?? ""} label={t("variables.search")} onChange={(q) => { set({ q, from: undefined }); }} />
        {rows.length > 0 && <button type="button" className="btn quiet push hide-narrow" disabled={save.isPending} onClick={() => { save.mutate(undefined); }}>{t("variables.exportAll")}</button>}
        {may("create", "variable") && <button type="button" className={rows.length ? "btn hide-narrow" : "btn push hide-narrow"} onClick={() => { setImporting(true); }}>{t("variables.import")}</button>}
        {may("create", "variable") && <button type="button" className="btn primary" onClick={() => { setEdited("new"); }}>{t("variables.new")}</button>}
      </div>
      {(told || save.error) && <p className="told" role="status">{save.error ? refusalText(save.error, t) : told}</p>}
      {data && (
        <>
          <DataTable
            label={t("variables.title")} columns={columns} rows={rows} keyOf={(row) => row.key} sort={search.sort} onSort={(sort) => { set({ sort, from: undefined }); }}
            open={may("edit", "variable") ? setEdited : undefined}
            empty={<Empty filtered={Boolean(search.q)} clear={() => { set({ q: undefined }); }}><p>{t("variables.none")}</p></Empty>}
          />
          <TableFoot name="variables" columns={columns} rows={rows} total={data.total_entries} offset={offset} {...steps(offset, LIMIT, rows.length, data.total_entries, (from) => { set({ from: from ? String(from) : undefined }); })} />
        </>
      )}
      {edited && <VariableForm variable={edited === "new" ? null : edited} close={() => { setEdited(null); }} />}
      {isImporting && <ImportDialog close={() => { setImporting(false); }} />}
      {doomed && (
        <ConfirmDialog
          title={t("variables.deleteTitle", { key: doomed.key })} note={t("variables.deleteNote")} act={t("variables.delete", { key: doomed.key })}
          busy={remove.isPending} error={remove.error} submit={() => { remove.mutate(doomed.key); }} close={() => { setDoomed(null); }}
        />
      )}
    </Page>
  );
};

const Value = ({ variable }: { variable: Variable }) => {
  const t = useTexts(messages);
  if (isSecret(variable)) return <span className="dim" title={t("variables.secretNote")}>{t("variables.secret")}</span>;
  if (variable.value === null || variable.value === undefined) return <span className="bad" title={t("variables.unreadableNote")}>{t("variables.unreadable")}</span>;
  return <code title={variable.value.slice(0, 1000)}>{variable.value.slice(0, 300)}</code>;
};

const VariableForm = ({ variable, close }: { variable: Variable | null; close: () => void }) => {
  const t = useTexts(messages);
  const hidden = variable !== null && (isSecret(variable) || variable.value === null);
  const first = hidden ? "" : (variable?.value ?? "");
  const [key, setKey] = useState(variable?.key ?? "");
  const [value, setValue] = useState(first);
  const [description, setDescription] = useState(variable?.description ?? "");
  const problem = problemOf(value);
  const save = useChange(
    () => {
      const body = { key: key.trim(), value, description: description || null };
      if (!variable) return send("POST", "/api/v2/variables", body);
      // A value that was not touched is not sent: a secret stays as it is, and JSON keeps the form that it has.
      const mask = value === first ? "update_mask=description" : "update_mask=description&update_mask=value";
      return send("PATCH", `/api/v2/variables/${encodeURIComponent(variable.key)}?${mask}`, { ...body, key: variable.key });
    },
    [["variables"]],
    close,
  );
  const wrong = save.error instanceof ApiError ? save.error.fields : {};
  const hint = hidden ? (variable.value === null ? t("variables.unreadableNote") : t("variables.keep")) : problem ? t("variables.brokenJson", { problem }) : t("variables.valueHint");
  return (
    <FormDialog
      title={variable ? t("variables.editTitle", { key: variable.key }) : t("variables.new")} act={variable ? t("variables.save") : t("variables.create")} busy={save.isPending} error={save.error}
      shown={["key", "value", "description"]} blocked={!key.trim()} submit={() => { save.mutate(undefined); }} close={close}
    >
      {!variable && <TextField label={t("variables.key")} value={key} onChange={setKey} mono required max={250} error={wrong.key} />}
      <TextField label={t("variables.value")} value={value} onChange={setValue} mono rows={7} hint={hint} error={wrong.value} />
      <TextField label={t("variables.description")} value={description} onChange={setDescription} optional error={wrong.description} />
    </FormDialog>
  );
};

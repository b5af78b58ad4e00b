import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answered, ApiError, type Schemas, send, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useChange } from "../../app/change";
import { useMay } from "../../app/session";
import { useLive } from "../../app/live";
import { useTexts } from "../../app/settings";
import { severalOf } from "../../lib/address";
import { ConfirmDialog, FormDialog } from "../../parts/Dialog";
import { TextField } from "../../parts/Field";
import { Page } from "../../parts/Page";
import { Refusal } from "../../parts/Refusal";
import { Trouble } from "../../parts/Trouble";
import { type Block, blocksOf, cellOf, grantsOf, problemOf, rowToggled, type Scope, toggled } from "./grants";
import { Tabs } from "./Tabs";
import { messages } from "./text";
import "../../parts/table.css";
import "./users.css";

const TOPICS = ["role"];
type Role = Schemas["RoleResponse"];
type Roles = Schemas["RoleCollectionResponse"];

/** What each role grants, and on which Dags. */
export const RolesPage = () => {
  const t = useTexts(messages);
  useLive(TOPICS);
  const may = useMay();
  const [search, set] = useAddress<{ role?: string }>();
  const [isNew, setNew] = useState(false);
  const { data, error, refetch } = useQuery({ queryKey: ["roles"], queryFn: () => answered(server.GET("/ui/roles")) });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const chosen = data?.roles.find((role) => role.name === search.role);
  return (
    <Page title={t("users.roles")}>
      <Tabs />
      {data && (
        <div className="roles">
          <nav className="rolelist" aria-label={t("roles.list")}>
            {data.roles.map((role) => (
              <button key={role.name} type="button" aria-pressed={role.name === search.role} onClick={() => { set({ role: role.name }); }}>
                {role.name}{!role.can_be_deleted && <span className="dim small"> {t("roles.builtIn")}</span>}
              </button>
            ))}
            {may("create", "role") && <button type="button" className="btn" onClick={() => { setNew(true); }}>{t("roles.new")}</button>}
          </nav>
          {chosen ? <RoleEditor key={`${chosen.name} ${JSON.stringify(chosen.grants)}`} role={chosen} words={data} gone={() => { set({ role: undefined }); }} /> : <p className="trouble mute">{t("roles.choose")}</p>}
        </div>
      )}
      {isNew && <NewRole close={() => { setNew(false); }} made={(role) => { set({ role }); }} />}
    </Page>
  );
};

const NewRole = ({ close, made }: { close: () => void; made: (name: string) => void }) => {
  const t = useTexts(messages);
  const [name, setName] = useState("");
  const save = useChange(() => send("POST", "/ui/roles", { name: name.trim(), grants: [] }), [["roles"]], () => {
    close();
    made(name.trim());
  });
  const wrong = save.error instanceof ApiError ? save.error.fields : {};
  return (
    <FormDialog title={t("roles.new")} act={t("roles.create")} busy={save.isPending} error={save.error} shown={["name"]} blocked={!name.trim()} submit={() => { save.mutate(undefined); }} close={close}>
      <TextField label={t("roles.name")} value={name} onChange={setName} required max={250} error={wrong.name} />
    </FormDialog>
  );
};

const RoleEditor = ({ role, words, gone }: { role: Role; words: Roles; gone: () => void }) => {
  const t = useTexts(messages);
  const may = useMay();
  const [blocks, setBlocks] = useState(() => blocksOf(role.grants));
  const [isDoomed, setDoomed] = useState(false);
  const builtIn = blocksOf(role.built_in)[0];
  const path = `/ui/roles/${encodeURIComponent(role.name)}`;
  const save = useChange(() => send("PUT", path, { grants: grantsOf(blocks) }), [["roles"], ["me"]]);
  const remove = useChange(() => send("DELETE", path), [["roles"]], gone);
  const isChanged = JSON.stringify(grantsOf(blocks)) !== JSON.stringify(grantsOf(blocksOf(role.grants)));
  const problem = problemOf(blocks);
  const mayEdit = may("edit", "role");
  const put = (n: number, block: Block): void => { setBlocks(blocks.map((each, at) => (at === n ? block : each))); };
  return (
    <section className="roleedit" aria-label={role.name}>
      <div className="row wide">
        <h2>{role.name}</h2>
        {role.built_in.length > 0 && <span className="small mute">{t("roles.builtInNote")}</span>}
        {role.can_be_deleted && may("delete", "role") && <button type="button" className="btn danger push" onClick={() => { remove.reset(); setDoomed(true); }}>{t("roles.delete", { name: role.name })}</button>}
      </div>
      {blocks.map((block, n) => (
        <div key={n} className="scopeblock">
          <div className="row"><h3>{block.scope ? t("roles.someDags") : t("roles.allDags")}</h3>{block.scope && mayEdit && <button type="button" className="btn push" onClick={() => { setBlocks(blocks.filter((_, at) => at !== n)); }}>{t("roles.removeScope")}</button>}</div>
          {block.scope && <ScopeFields scope={block.scope} mayEdit={mayEdit} onChange={(scope) => { put(n, { ...block, scope }); }} />}
          <Matrix block={block} builtIn={block.scope ? undefined : builtIn} words={words} mayEdit={mayEdit} onChange={(next) => { put(n, next); }} />
        </div>
      ))}
      {mayEdit && (
        <div className="row">
          <button type="button" className="btn" onClick={() => { setBlocks([...blocks, { scope: { ids: [], tags: [], folders: [] }, cells: new Set() }]); }}>{t("roles.addScope")}</button>
          {isChanged && problem && <span className="bad small" role="alert">{t(`roles.${problem}`)}</span>}
          <Refusal error={save.error} inline />
          {save.isSuccess && !isChanged && <span className="good small" role="status">{t("roles.saved")}</span>}
          <span className="push" />
          {isChanged && <button type="button" className="btn" onClick={() => { setBlocks(blocksOf(role.grants)); }}>{t("roles.undo")}</button>}
          <button type="button" className="btn primary" disabled={!isChanged || problem !== null || save.isPending} onClick={() => { save.mutate(undefined); }}>{t("roles.save", { name: role.name })}</button>
        </div>
      )}
      {isDoomed && (
        <ConfirmDialog
          title={t("roles.deleteTitle", { name: role.name })} note={t("roles.deleteNote")} act={t("roles.delete", { name: role.name })} busy={remove.isPending} error={remove.error}
          submit={() => { remove.mutate(undefined); }} close={() => { setDoomed(false); }}
        />
      )}
    </section>
  );
};

const ScopeFields = ({ scope, mayEdit, onChange }: { scope: Scope; mayEdit: boolean; onChange: (scope: Scope) => void }) => {
  const t = useTexts(messages);
  const [typed, setTyped] = useState({ ids: scope.ids.join(", "), tags: scope.tags.join(", "), folders: scope.folders.join(", ") });
  return (
    <div className="three">
      {(["ids", "tags", "folders"] as const).map((part) => (
        <TextField
          key={part} label={t(`roles.${part}`)} value={typed[part]} mono disabled={!mayEdit} hint={part === "ids" ? t("roles.byCommas") : undefined}
          onChange={(text) => {
            setTyped({ ...typed, [part]: text });
            onChange({ ...scope, [part]: severalOf(text) });
          }}
        />
      ))}
    </div>
  );
};

interface MatrixProps {
  block: Block;
  builtIn: Block | undefined;
  words: Roles;
  mayEdit: boolean;
  onChange: (block: Block) => void;
}

/** Resources down, actions across. What is built in is on and cannot be turned off. */
const Matrix = ({ block, builtIn, words, mayEdit, onChange }: MatrixProps) => {
  const t = useTexts(messages);
  const resources = block.scope ? words.resources.filter((resource) => words.of_dags.includes(resource)) : words.resources;
  return (
    <div className="tablewrap">
      <table className="dense matrix">
        <thead><tr><th scope="col">{t("roles.resource")}</th>{words.actions.map((action) => <th key={action} scope="col">{t(`roles.action.${action}`)}</th>)}</tr></thead>
        <tbody>
          {resources.map((resource) => (
            <tr key={resource}>
              <th scope="row">
                <button type="button" className="sorts" disabled={!mayEdit} aria-label={t("roles.wholeRow", { resource: t(`roles.r.${resource}`) })} onClick={() => { onChange(rowToggled(block, resource, words.actions)); }}>{t(`roles.r.${resource}`)}</button>
              </th>
              {words.actions.map((action) => {
                const cell = cellOf(action, resource);
                const fixed = builtIn?.cells.has(cell) ?? false;
                return (
                  <td key={action}>
                    <label className="cell" title={fixed ? t("roles.builtIn") : undefined}>
                      <input type="checkbox" checked={fixed || block.cells.has(cell)} disabled={fixed || !mayEdit} aria-label={`${t(`roles.action.${action}`)}: ${t(`roles.r.${resource}`)}${fixed ? ` (${t("roles.builtIn")})` : ""}`} onChange={() => { onChange(toggled(block, cell)); }} />
                      {fixed && <i aria-hidden="true">·</i>}
                    </label>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

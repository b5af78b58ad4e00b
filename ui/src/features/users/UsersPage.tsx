import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answered, ApiError, type Schemas, send, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useChange } from "../../app/change";
import { useMay } from "../../app/session";
import { useLive } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { placeOf } from "../../lib/address";
import { newPassword } from "../../lib/password";
import { wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { CopyButton } from "../../parts/CopyButton";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { ConfirmDialog, Dialog, FormDialog } from "../../parts/Dialog";
import { CheckField, TextField } from "../../parts/Field";
import { Icon } from "../../parts/Icon";
import { Moment } from "../../parts/Moment";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { Tabs } from "./Tabs";
import { messages } from "./text";
import "./users.css";

const TOPICS = ["account"];
type User = Schemas["UserResponse"];
const LIMIT = 100;

interface Search {
  q?: string;
  sort?: string;
  from?: string;
}

interface Shown {
  name: string;
  password: string;
}

const drawn = (): string => newPassword((bytes) => { crypto.getRandomValues(bytes); });

/** Who may come in. A password is made here and shown once. */
export const UsersPage = () => {
  const t = useTexts(messages);
  useLive(TOPICS);
  const may = useMay();
  const clock = useClock();
  const [search, set] = useAddress<Search>();
  const [edited, setEdited] = useState<User | "new" | null>(null);
  const [doomed, setDoomed] = useState<User | null>(null);
  const [reset, setReset] = useState<User | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  const offset = placeOf(search.from);
  const { data, error, refetch } = useQuery({
    queryKey: ["users", search],
    queryFn: () => answered(server.GET("/ui/users", { params: { query: { limit: LIMIT, offset, ...(search.q ? { name: search.q } : {}), ...(search.sort ? { order_by: [search.sort] } : {}) } } })),
    placeholderData: keepPreviousData,
  });
  const remove = useChange((name: string) => send("DELETE", `/ui/users/${encodeURIComponent(name)}`), [["users"]], () => { setDoomed(null); });
  const renew = useChange(async (name: string) => {
    const password = drawn();
    await send("POST", `/ui/users/${encodeURIComponent(name)}/password`, { password });
    setReset(null);
    setShown({ name, password });
  }, [["users"]]);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<User>[] = [
    { id: "name", head: t("users.name"), sort: "username", text: (row) => row.username, cell: (row) => <span className="med">{row.username}</span> },
    { id: "person", head: t("users.person"), minor: true, text: (row) => `${row.first_name} ${row.last_name}`.trim(), cell: (row) => `${row.first_name} ${row.last_name}`.trim() },
    { id: "email", head: t("users.email"), minor: true, text: (row) => row.email, cell: (row) => row.email },
    { id: "roles", head: t("users.roles"), text: (row) => row.roles.join(" "), cell: (row) => row.roles.map((role) => <span key={role} className="tag">{role}</span>) },
    { id: "state", head: t("users.state"), text: (row) => (row.is_active ? "active" : "disabled"), cell: (row) => <span className={row.is_active ? "" : "warn med"}>{row.is_active ? t("users.active") : t("users.disabled")}{row.external && <span className="dim"> · {t("users.external")}</span>}</span> },
    { id: "last", head: t("users.lastLogin"), grow: true, minor: true, text: (row) => (row.last_login_at ? wholeTime(microsOf(row.last_login_at), clock) : ""), cell: (row) => (row.last_login_at ? <Moment at={row.last_login_at} /> : <span className="dim">{t("users.never")}</span>) },
    { id: "failed", head: t("users.failed"), num: true, minor: true, text: (row) => String(row.failed_logins), cell: (row) => row.failed_logins || <span className="dim">–</span> },
    {
      id: "acts", head: "", num: true,
      cell: (row) => (
        <span className="rowacts">
          {may("edit", "user") && <button type="button" className="btn quiet" aria-label={`${t("users.edit")}: ${row.username}`} onClick={() => { setEdited(row); }}>{t("users.edit")}</button>}
          {may("edit", "user") && <button type="button" className="btn quiet hide-narrow" aria-label={`${t("users.reset")}: ${row.username}`} onClick={() => { renew.reset(); setReset(row); }}>{t("users.reset")}</button>}
          {may("delete", "user") && <button type="button" className="btn quiet icon" aria-label={t("users.delete", { name: row.username })} onClick={() => { remove.reset(); setDoomed(row); }}><Icon name="x" small /></button>}
        </span>
      ),
    },
  ];
  const rows = data?.users ?? [];
  return (
    <Page title={t("users.title")}>
      <Tabs />
      <div className="bar">
        <SearchBox value={search.q ?? ""} label={t("users.search")} onChange={(q) => { set({ q, from: undefined }); }} />
        {may("create", "user") && <button type="button" className="btn primary push" onClick={() => { setEdited("new"); }}>{t("users.new")}</button>}
      </div>
      {data && (
        <>
          <DataTable
            label={t("users.title")} columns={columns} rows={rows} keyOf={(row) => row.username} sort={search.sort} onSort={(sort) => { set({ sort, from: undefined }); }} open={may("edit", "user") ? setEdited : undefined}
            empty={<Empty filtered={Boolean(search.q)} clear={() => { set({ q: undefined }); }}><p>{t("users.none")}</p></Empty>}
          />
          <TableFoot name="users" columns={columns} rows={rows} total={data.total_entries} offset={offset} {...steps(offset, LIMIT, rows.length, data.total_entries, (from) => { set({ from: from ? String(from) : undefined }); })} />
        </>
      )}
      {edited && <UserForm user={edited === "new" ? null : edited} close={() => { setEdited(null); }} made={setShown} />}
      {reset && (
        <ConfirmDialog
          title={t("users.resetTitle", { name: reset.username })} note={t("users.resetNote")} act={t("users.resetAct")} busy={renew.isPending} error={renew.error}
          submit={() => { renew.mutate(reset.username); }} close={() => { setReset(null); }}
        />
      )}
      {shown && <PasswordShown {...shown} close={() => { setShown(null); }} />}
      {doomed && (
        <ConfirmDialog
          title={t("users.deleteTitle", { name: doomed.username })} note={t("users.deleteNote")} act={t("users.delete", { name: doomed.username })} busy={remove.isPending} error={remove.error}
          submit={() => { remove.mutate(doomed.username); }} close={() => { setDoomed(null); }}
        />
      )}
    </Page>
  );
};

const PasswordShown = ({ name, password, close }: Shown & { close: () => void }) => {
  const t = useTexts(messages);
  return (
    <Dialog
      title={t("users.passwordTitle", { name })} note={t("users.passwordNote")} close={close}
      footer={<button type="button" className="btn primary push" onClick={close}>{t("users.done")}</button>}
    >
      <div className="row"><code className="secret">{password}</code><CopyButton text={password} label={t("users.copy")} /></div>
    </Dialog>
  );
};

const UserForm = ({ user, close, made }: { user: User | null; close: () => void; made: (shown: Shown) => void }) => {
  const t = useTexts(messages);
  const [name, setName] = useState(user?.username ?? "");
  const [first, setFirst] = useState(user?.first_name ?? "");
  const [last, setLast] = useState(user?.last_name ?? "");
  const [email, setEmail] = useState(user?.email ?? "");
  const [roles, setRoles] = useState<readonly string[]>(user?.roles ?? ["Viewer"]);
  const [active, setActive] = useState(user?.is_active ?? true);
  const known = useQuery({ queryKey: ["roles"], queryFn: () => answered(server.GET("/ui/roles")) });
  const save = useChange(async () => {
    const fields = { first_name: first, last_name: last, email, roles, is_active: active };
    if (user) {
      await send("PATCH", `/ui/users/${encodeURIComponent(user.username)}`, fields);
      close();
      return;
    }
    const password = drawn();
    await send("POST", "/ui/users", { username: name, password, ...fields });
    close();
    made({ name, password });
  }, [["users"]]);
  const wrong = save.error instanceof ApiError ? save.error.fields : {};
  const names = [...new Set([...(known.data?.roles.map((role) => role.name) ?? []), ...roles])];
  return (
    <FormDialog
      title={user ? t("users.editTitle", { name: user.username }) : t("users.new")} note={user ? t("users.saveNote") : undefined} act={user ? t("users.save") : t("users.create")} busy={save.isPending} error={save.error}
      shown={["username", "first_name", "last_name", "email"]} blocked={!name} submit={() => { save.mutate(undefined); }} close={close}
    >
      {!user && <TextField label={t("users.name")} value={name} onChange={setName} required max={250} error={wrong.username} />}
      <div className="two">
        <TextField label={t("users.first")} value={first} onChange={setFirst} optional error={wrong.first_name} />
        <TextField label={t("users.last")} value={last} onChange={setLast} optional error={wrong.last_name} />
      </div>
      <TextField label={t("users.email")} type="email" value={email} onChange={setEmail} optional error={wrong.email} />
      <fieldset className="choices">
        <legend>{t("users.roles")}</legend>
        {names.map((role) => <CheckField key={role} label={role} value={roles.includes(role)} onChange={(on) => { setRoles(on ? [...roles, role] : roles.filter((each) => each !== role)); }} />)}
      </fieldset>
      <CheckField label={t("users.isActive")} value={active} onChange={setActive} />
    </FormDialog>
  );
};

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { answered, ApiError, type Schemas, send, server } from "../../api/client";
import { useChange } from "../../app/change";
import { useClock, useTexts } from "../../app/settings";
import { wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { type Column, DataTable } from "../../parts/DataTable";
import { ConfirmDialog, FormDialog } from "../../parts/Dialog";
import { TextField } from "../../parts/Field";
import { Moment } from "../../parts/Moment";
import { Page } from "../../parts/Page";
import { Trouble } from "../../parts/Trouble";
import { messages as roles } from "../users/text";
import { messages } from "./text";
import "./account.css";

type Session = Schemas["SessionResponse"];

/** Who I am here, what I may do, and where I am signed in. */
export const AccountPage = () => {
  const t = useTexts(messages);
  const me = useQuery({ queryKey: ["me"], queryFn: () => answered(server.GET("/auth/me")) });
  const [isChanging, setChanging] = useState(false);
  if (me.error && !me.data) return <Trouble error={me.error} retry={() => void me.refetch()} />;
  if (!me.data) return null;
  const hasLogin = me.data.name !== "";
  return (
    <Page title={t("account.title")}>
      <section className="about">
        <div className="row wide">
          <h2>{hasLogin ? me.data.name : t("account.title")}</h2>
          {hasLogin && <button type="button" className="btn push" onClick={() => { setChanging(true); }}>{t("account.password")}</button>}
        </div>
        {!hasLogin && <p>{t("account.noLogin")}</p>}
        <dl className="dl">
          <dt>{t("account.roles")}</dt><dd>{me.data.roles.join(", ") || "–"}</dd>
          <dt>{t("account.rights")}</dt><dd><Rights rights={me.data.rights} /></dd>
        </dl>
      </section>
      {hasLogin && <Sessions />}
      {isChanging && <PasswordForm close={() => { setChanging(false); }} />}
    </Page>
  );
};

/** By resource: what may be done with it, and on which Dags where not on all. */
const Rights = ({ rights }: { rights: Schemas["MeResponse"]["rights"] }) => {
  const t = useTexts(messages);
  const word = useTexts(roles);
  const resources = [...new Set(rights.map((right) => right.resource))];
  return (
    <ul className="rights">
      {resources.map((resource) => {
        const mine = rights.filter((right) => right.resource === resource);
        const some = [...new Set(mine.flatMap((right) => Object.values(right.dags ?? {}).flat()))];
        return <li key={resource}><b className="med">{word(`roles.r.${resource}`)}</b> <span className="mute">{mine.map((right) => t(`account.action.${right.action}`)).join(", ")}{some.length > 0 && ` · ${t("account.rightsOn", { dags: some.join(", ") })}`}</span></li>;
      })}
    </ul>
  );
};

const Sessions = () => {
  const t = useTexts(messages);
  const clock = useClock();
  const toLogin = useSignedOut();
  const [ended, setEnded] = useState<Session | "all" | null>(null);
  const { data, error, refetch } = useQuery({ queryKey: ["sessions"], queryFn: () => answered(server.GET("/auth/sessions")) });
  const end = useChange((session: Session | "all") => send("DELETE", session === "all" ? "/auth/sessions" : `/auth/sessions/${encodeURIComponent(session.id)}`), [["sessions"]], () => {
    if (ended === "all" || ended?.is_this) void toLogin();
    else setEnded(null);
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Session>[] = [
    { id: "use", head: t("account.use"), text: (row) => row.use, cell: (row) => <>{row.use === "api" || row.use === "cli" || row.use === "ui" ? t(`account.use.${row.use}`) : row.use}{row.is_this && <span className="tag this">{t("account.this")}</span>}</> },
    { id: "from", head: t("account.from"), text: (row) => row.address, cell: (row) => <span className="id">{row.address}</span> },
    { id: "since", head: t("account.since"), text: (row) => wholeTime(microsOf(row.created_at), clock), cell: (row) => <Moment at={row.created_at} /> },
    { id: "until", head: t("account.until"), minor: true, text: (row) => wholeTime(microsOf(row.expires_at), clock), cell: (row) => <Moment at={row.expires_at} /> },
    { id: "acts", head: "", num: true, cell: (row) => <button type="button" className="btn" aria-label={t("account.endOne", { address: row.address })} onClick={() => { end.reset(); setEnded(row); }}>{t("account.end")}</button> },
  ];
  const count = data?.total_entries ?? 0;
  return (
    <section>
      <div className="bar">
        <h2>{t("account.sessions")}</h2>
        {count > 1 && <button type="button" className="btn push" onClick={() => { end.reset(); setEnded("all"); }}>{t("account.endAll", { count })}</button>}
      </div>
      {data && <DataTable label={t("account.sessions")} columns={columns} rows={data.sessions} keyOf={(row) => row.id} empty={<p>{t("account.noSessions")}</p>} />}
      {ended && (
        <ConfirmDialog
          title={ended === "all" ? t("account.endAllTitle", { count }) : t("account.endTitle")} note={ended === "all" || ended.is_this ? t("account.endAllNote") : t("account.endNote")}
          act={ended === "all" ? t("account.endAll", { count }) : t("account.endOne", { address: ended.address })} busy={end.isPending} error={end.error}
          submit={() => { end.mutate(ended); }} close={() => { setEnded(null); }}
        />
      )}
    </section>
  );
};

/** Nothing that was read before is shown to whoever signs in next. */
const useSignedOut = (): (() => Promise<void>) => {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    await navigate({ to: "/login" });
    queries.clear();
  };
};

const PasswordForm = ({ close }: { close: () => void }) => {
  const t = useTexts(messages);
  const toLogin = useSignedOut();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const save = useChange(() => send("POST", "/auth/password", { old, new: fresh }), [], () => void toLogin());
  const wrong = save.error instanceof ApiError ? save.error.fields : {};
  const differ = again !== "" && again !== fresh;
  return (
    <FormDialog
      title={t("account.password")} note={t("account.passwordNote")} act={t("account.passwordAct")} busy={save.isPending} error={save.error} shown={["old", "new"]}
      blocked={!old || !fresh || again !== fresh} submit={() => { save.mutate(undefined); }} close={close}
    >
      <TextField label={t("account.old")} type="password" value={old} onChange={setOld} autoComplete="current-password" error={wrong.old} />
      <TextField label={t("account.new")} type="password" value={fresh} onChange={setFresh} autoComplete="new-password" max={1024} error={wrong.new} />
      <TextField label={t("account.again")} type="password" value={again} onChange={setAgain} autoComplete="new-password" max={1024} error={differ ? t("account.differ") : undefined} />
    </FormDialog>
  );
};

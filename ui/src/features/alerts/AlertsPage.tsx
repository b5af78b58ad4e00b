import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { shortTime, wholeTime } from "../../lib/time";
import { ago } from "../../lib/words";
import { type Column, DataTable, Empty, TableFoot } from "../../parts/DataTable";
import { type FilterField, Filters } from "../../parts/Filters";
import { Icon } from "../../parts/Icon";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { About, aboutText, Deliveries, type Firing, HowToBegin, type Notice, Sent, sentText, SeverityName, SilentUntil, Tabs, What } from "./Parts";
import { ALERT_KEYS, type AlertKey, type AlertSearch, DELIVERIES, noticesQuery, SEVERITIES, STATUSES } from "./search";
import { noticeText } from "./sentences";
import { SilenceDialog } from "./SilenceDialog";
import { Silences } from "./Silences";
import { messages } from "./text";
import "../../parts/beside.css";
import "./alerts.css";

type Now = Schemas["AlertsNow"];
const LIMIT = 50;

/** What fires now, and what people were told before. */
export const AlertsPage = () => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({
    queryKey: ["alerts", "now"],
    queryFn: () => answered(server.GET("/ui/alerts")),
    meta: useSome("alert", "run"),
  });
  const count = data?.firing.filter((one) => one.silent_until === 0).length ?? 0;
  const title = count ? `${t("alerts.firingCount", { count })} · ${t("alerts.title")}` : t("alerts.title");
  useTitle(title, !data ? null : count ? "failed" : "success");
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return <Page title={title}><Tabs seesRules={false} /></Page>;
  return (
    <Page title={title}>
      <Tabs seesRules={data.may_see_rules} />
      {!data.has_channel && <HowToBegin />}
      {data.is_scheduler_away && <p className="told warn">{t("alerts.away")}</p>}
      <FiringNow now={data} />
      <Silences silences={data.silences} now={data.now} mayEnd={data.may_silence} />
      <History />
    </Page>
  );
};

const FiringNow = ({ now }: { now: Now }) => {
  const t = useTexts(messages);
  const [asked, setAsked] = useState<{ rule: string; dag: string } | null>(null);
  return (
    <section className="firing" aria-labelledby="firing">
      <header className="bar">
        <h2 id="firing">{t("alerts.firing")}</h2>{now.firing.length > 0 && <span className="small dim">{now.firing.length}</span>}
        {now.may_silence && <button type="button" className="btn quiet push" onClick={() => { setAsked({ rule: "*", dag: "" }); }}>{t("silence.ask")}</button>}
      </header>
      {now.firing.length === 0 && <p className="pad state"><i className="st" data-s={now.is_scheduler_away ? "none" : "success"} aria-hidden="true" />{t("alerts.none")}</p>}
      <ul>{now.firing.map((notice) => <FiringAlert key={notice.alert} notice={notice} now={now} silence={() => { setAsked({ rule: notice.rule, dag: notice.dag_id }); }} />)}</ul>
      {!now.is_all && <p className="pad small dim">{t("alerts.firingMore")}</p>}
      {asked && <SilenceDialog {...asked} close={() => { setAsked(null); }} />}
    </section>
  );
};

const FiringAlert = ({ notice, now, silence }: { notice: Firing; now: Now; silence: () => void }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now.now, true, 10));
  return (
    <li className="alert" data-sev={notice.severity}>
      <div className="sevcell"><SeverityName severity={notice.severity} /></div>
      <div className="alertwhat">
        <p className="row who"><b className="med id">{notice.rule}</b><About notice={notice} /><SilentUntil until={notice.silent_until} clock={clock} /></p>
        <p className="wraps">{noticeText(notice.sentence, t, clock)}</p>
        {notice.deliveries.length ? <Deliveries notice={notice} now={now.now} /> : <p className="small dim">{t("sent.nobody")}</p>}
      </div>
      <div className="small mute when" title={wholeTime(notice.since, clock)}>
        {t("alerts.since", { time: shortTime(notice.since, clock) })}<span className="dim"> · {ago(notice.since, clock, t)}</span>
        {notice.repeat > 0 && <span className="dim"> · {t("alerts.repeat", { count: notice.repeat })}</span>}
        {now.may_silence && notice.silent_until === 0 && <p><button type="button" className="btn quiet small" onClick={silence}>{t("silence.ask")}</button></p>}
      </div>
    </li>
  );
};

const History = () => {
  const t = useTexts(messages);
  const [search, set] = useAddress<AlertSearch>();
  const query = noticesQuery(search);
  const { data, error, refetch } = useQuery({
    queryKey: ["alerts", "told", query, search.after],
    queryFn: () => answered(server.GET("/ui/alerts/notices", { params: { query: { limit: LIMIT, cursor: search.after ?? "", ...query } } })),
    placeholderData: keepPreviousData,
    meta: useSome("alert"),
  });
  const clock = useClock(usePresent(data?.now, true, 10));
  if (error && !data) return <Trouble error={error} retry={() => { set({ after: undefined }); void refetch(); }} />;
  if (!data) return null;
  const rows = data.notices;
  const opened = rows.find((row) => row.key === search.open);
  const columns: Column<Notice>[] = [
    { id: "at", head: t("alerts.at"), text: (row) => wholeTime(row.at, clock), cell: (row) => <time title={wholeTime(row.at, clock)}>{shortTime(row.at, clock)}</time> },
    { id: "what", head: t("alerts.what"), text: (row) => `${row.status} ${row.severity}`, cell: (row) => <What notice={row} /> },
    { id: "rule", head: t("alerts.rule"), text: (row) => row.rule, cell: (row) => <span className="id">{row.rule}</span> },
    { id: "about", head: t("alerts.about"), minor: true, text: aboutText, cell: (row) => <About notice={row} /> },
    { id: "says", head: t("alerts.says"), grow: true, minor: true, text: (row) => noticeText(row.sentence, t, clock), cell: (row) => <span title={row.sentence}>{noticeText(row.sentence, t, clock)}</span> },
    { id: "told", head: t("alerts.told"), minor: true, text: (row) => sentText(row, t), cell: (row) => <Sent notice={row} /> },
  ];
  const fields: FilterField<AlertKey>[] = [
    { key: "dag", label: t("alerts.dag"), kind: "text" },
    { key: "severity", label: t("alerts.severity"), kind: "choice", options: SEVERITIES.map((value) => ({ value, label: t(`sev.${value}`) })) },
    { key: "status", label: t("alerts.status"), kind: "choice", options: STATUSES.map((value) => ({ value, label: t(`status.${value}`) })) },
    { key: "delivery", label: t("alerts.delivery"), kind: "choice", options: DELIVERIES.map((value) => ({ value, label: t(`sent.${value}`) })) },
  ];
  const clear = (): void => { set(Object.fromEntries([...ALERT_KEYS, "after"].map((key) => [key, undefined]))); };
  const step = (cursor: string | null) => (cursor ? () => { set({ after: cursor }); } : undefined);
  return (
    <section aria-labelledby="told">
      <header className="bar wraps">
        <h2 id="told">{t("alerts.history")}</h2>
        <SearchBox value={search.rule ?? ""} label={t("alerts.search")} onChange={(rule) => { set({ rule, after: undefined }); }} />
        <Filters fields={fields} values={search} set={(change) => { set({ ...change, after: undefined }); }} />
      </header>
      <div className={opened ? "beside" : undefined}>
        <div className="grow">
          <DataTable
            label={t("alerts.history")} columns={columns} rows={rows} keyOf={(row) => row.key} chosen={search.open} open={(row) => { set({ open: row.key === search.open ? undefined : row.key }); }}
            empty={<Empty filtered={Object.keys(query).length > 0} clear={clear}><p>{t("alerts.historyNone")}</p></Empty>}
          />
          {rows.length > 0 && <TableFoot name="alerts" columns={columns} rows={rows} total={null} before={step(data.previous_cursor)} after={step(data.next_cursor)} />}
        </div>
        {opened && <Detail notice={opened} now={data.now} close={() => { set({ open: undefined }); }} />}
      </div>
    </section>
  );
};

const Detail = ({ notice, now, close }: { notice: Notice; now: number; close: () => void }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now, true, 10));
  return (
    <aside className="side broad" aria-label={notice.rule}>
      <section>
        <div className="row">
          <h2 className="id wraps">{notice.rule}</h2>
          <button type="button" className="btn quiet icon push" aria-label={t("alerts.close")} onClick={close}><Icon name="x" /></button>
        </div>
        <p className="row"><What notice={notice} /><span className="small mute">{wholeTime(notice.at, clock)}</span></p>
        <p className="wraps">{noticeText(notice.sentence, t, clock)}</p>
        <dl className="dl">
          <dt>{t("alerts.about")}</dt><dd><About notice={notice} /></dd>
          <dt>{t("alerts.severity")}</dt><dd><SeverityName severity={notice.severity} /></dd>
          <dt>{t("alerts.began")}</dt><dd title={wholeTime(notice.since, clock)}>{shortTime(notice.since, clock)}{notice.repeat > 0 && ` · ${t("alerts.repeat", { count: notice.repeat })}`}</dd>
          <dt>{t("alerts.key")}</dt><dd className="id">{notice.key}</dd>
        </dl>
      </section>
      <section><h3>{t("alerts.told")}</h3><Deliveries notice={notice} now={now} /></section>
    </aside>
  );
};

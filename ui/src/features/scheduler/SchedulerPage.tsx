import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useLive, useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { type Counters, ratesOf } from "../../lib/rates";
import { duration, wholeTime } from "../../lib/time";
import { ago } from "../../lib/words";
import { Trouble } from "../../parts/Trouble";
import { messages } from "./text";
import "./scheduler.css";

type Page = Schemas["SchedulerPage"];
type Owner = Schemas["Owner"];
const TOPICS = ["file"];

/** Who decides and how fast, what waits for triggers, and what Dag files cost. */
export const SchedulerPage = () => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({ queryKey: ["scheduler"], queryFn: () => answered(server.GET("/ui/scheduler")), meta: useSome("task", "dags") });
  useLive(TOPICS);
  const state = !data ? null : data.owner ? (data.owner.database_away ? "up_for_retry" : "success") : "failed";
  useTitle(t("sched.title"), state);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <>
      <h1 className="pagetitle">{t("sched.title")}</h1>
      {!data.owner && <p className="why bad" role="status">{t("sched.away")} {data.holder && t("sched.last", { holder: data.holder, epoch: data.epoch })}</p>}
      {data.owner?.database_away && <p className="why warn" role="status">{t("sched.dbAway")}</p>}
      <div className="two-up">
        {data.owner && <OwnerSheet owner={data.owner} now={data.now} />}
        {data.owner && <LoopSheet owner={data.owner} now={data.now} />}
        <TriggerSheet page={data} />
        {data.owner && <AsideSheet owner={data.owner} />}
      </div>
      <FileSheet page={data} />
    </>
  );
};

const OwnerSheet = ({ owner, now }: { owner: Owner; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now, true, 10));
  const rows: [string, ReactNode][] = [
    [t("owner.holder"), <span key="h" className="id">{owner.holder}</span>],
    [t("owner.epoch"), owner.epoch],
    [t("owner.since"), <span key="s" title={wholeTime(owner.started_at, clock)}>{ago(owner.started_at, clock, t)}</span>],
    [t("owner.runs"), owner.live_runs],
    [t("owner.attempts"), owner.active_attempts],
    [t("owner.ready"), owner.ready_tasks],
    [t("owner.deferred"), owner.deferred_tasks],
    [t("owner.timers"), owner.timers],
    [t("owner.watchers"), owner.watchers],
    [t("owner.dags"), owner.dags],
  ];
  return (
    <section className="sheet" aria-labelledby="owner">
      <header><h2 id="owner">{t("owner.title")}</h2></header>
      <dl className="dl pad">{rows.map(([name, value]) => <div key={name} className="pair"><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </section>
  );
};

const countersOf = ({ inputs, turns, statements, busy_us: busy }: Owner): Counters => ({ inputs, turns, statements, busy });

/** Rates need two answers: the one before is remembered. A scheduler that began anew is another one. */
const useRates = (owner: Owner, now: number): Record<string, number | null> => {
  const [looks, setLooks] = useState<{ at: number; epoch: number; counters: Counters; before: { at: number; counters: Counters } | null }>({ at: now, epoch: owner.epoch, counters: countersOf(owner), before: null });
  if (now !== looks.at) {
    setLooks({ at: now, epoch: owner.epoch, counters: countersOf(owner), before: looks.epoch === owner.epoch ? { at: looks.at, counters: looks.counters } : null });
  }
  return ratesOf(looks.before?.counters ?? null, looks.counters, looks.before ? looks.at - looks.before.at : 0);
};

const LoopSheet = ({ owner, now }: { owner: Owner; now: number }) => {
  const t = useTexts(messages);
  const { language } = useClock(now);
  const rates = useRates(owner, now);
  const number = (value: number, digits = 0): string => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
  const rate = (name: string): string => (rates[name] === null || rates[name] === undefined ? "–" : number(rates[name], 1));
  const turns = Math.max(owner.turns, 1);
  const rows: [string, string, string][] = [
    [t("loop.inputs"), number(owner.inputs), rate("inputs")],
    [t("loop.turns"), number(owner.turns), rate("turns")],
    [t("loop.statements"), number(owner.statements), rate("statements")],
    [t("loop.busy"), duration(owner.busy_us), rates.busy === null || rates.busy === undefined ? "–" : `${number(rates.busy / 1e4, 1)}%`],
    [t("loop.batch"), number(owner.inputs / turns, 1), ""],
    [t("loop.turn"), duration(Math.max(1000, owner.busy_us / turns)), ""],
    [t("loop.backlog"), number(owner.backlog), ""],
    [t("loop.outbox"), number(owner.outbox_bytes), ""],
  ];
  return (
    <section className="sheet" aria-labelledby="loop">
      <header><h2 id="loop">{t("loop.title")}</h2><span className="aside">{t("loop.aside")}</span></header>
      <table className="dense inset">
        <thead><tr><th>{t("loop.figure")}</th><th className="num">{t("loop.all")}</th><th className="num">{t("loop.rate")}</th></tr></thead>
        <tbody>{rows.map(([name, all, each]) => <tr key={name}><td className="mute">{name}</td><td className="num">{all}</td><td className="num">{each}</td></tr>)}</tbody>
      </table>
    </section>
  );
};

const TriggerSheet = ({ page }: { page: Page }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(page.now, true, 10));
  return (
    <section className="sheet" aria-labelledby="triggers">
      <header><h2 id="triggers">{t("trig.title")}</h2><span className="aside">{t("trig.note")}</span></header>
      {page.triggers.length === 0 ? <p className="pad mute">{t("trig.none")}</p> : (
        <table className="dense inset">
          <thead><tr><th>{t("trig.class")}</th><th className="num">{t("trig.count")}</th><th className="num">{t("trig.since")}</th></tr></thead>
          <tbody>
            {page.triggers.map(({ classpath, count, since }) => (
              <tr key={classpath}><td className={classpath ? "id" : "mute"}>{classpath || t("trig.other")}</td><td className="num">{count}</td><td className="num" title={since === null ? undefined : wholeTime(since, clock)}>{since === null ? "–" : ago(since, clock, t)}</td></tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
};

const AsideSheet = ({ owner }: { owner: Owner }) => {
  const t = useTexts(messages);
  return (
    <section className="sheet" aria-labelledby="set-aside">
      <header><h2 id="set-aside">{t("aside.title")}</h2><span className="aside">{t("aside.note")}</span></header>
      {owner.set_aside.length === 0 ? <p className="pad mute">{t("aside.none")}</p> : <ul className="pad">{owner.set_aside.map((reason, n) => <li key={n} className="bad small">{reason || t("aside.hidden")}</li>)}</ul>}
    </section>
  );
};

const FileSheet = ({ page }: { page: Page }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(page.now, true, 10));
  return (
    <section className="sheet" aria-labelledby="files">
      <header>
        <h2 id="files">{t("files.title")}</h2>
        {page.files_known !== null && <span className="aside">{t("files.sum", { count: page.files_known, parsing: page.files_parsing ?? 0 })}</span>}
      </header>
      {page.files.length === 0 ? <p className="pad mute">{t("files.none")}</p> : (
        <div className="scrolls">
          <table className="dense">
            <thead><tr><th>{t("files.file")}</th><th className="num">{t("files.dags")}</th><th className="num">{t("files.took")}</th><th className="num">{t("files.read")}</th><th>{t("files.how")}</th></tr></thead>
            <tbody>
              {page.files.map((file) => (
                <tr key={file.file}>
                  <td><span className="state">{file.is_broken && <i className="st" data-s="failed" role="img" aria-label={t("files.broken")} />}<span className="id">{file.file}</span></span></td>
                  <td className="num">{file.dags}</td>
                  <td className={file.seconds > 5 ? "num warn" : "num"}>{duration(file.seconds * 1e6)}</td>
                  <td className="num" title={wholeTime(file.parsed_at, clock)}>{ago(file.parsed_at, clock, t)}</td>
                  <td className="mute" title={file.isolation_reason}>{file.isolation}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page.files_total > page.files.length && <p className="pad small dim">{t("files.shown", { shown: page.files.length, count: page.files_total })}</p>}
    </section>
  );
};

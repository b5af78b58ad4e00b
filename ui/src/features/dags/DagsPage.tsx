import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { scheduleText } from "../../lib/schedule";
import { isFinished, type State, stateOf } from "../../lib/states";
import { type Clock, duration, shortTime, wholeTime } from "../../lib/time";
import { ago, spanText } from "../../lib/words";
import { Icon } from "../../parts/Icon";
import { RunBars } from "../../parts/RunBars";
import { StateGlyph } from "../../parts/StateGlyph";
import { Switch } from "../../parts/Switch";
import { Trouble } from "../../parts/Trouble";
import { useRunNow } from "../act";
import type { DagSort, DagsSearch, Show } from "./routes";
import { messages } from "./text";
import "./dags.css";

type DagRow = Schemas["DagRow"];
type DagList = Schemas["DagList"];
const PAGE = 100;
const BARS = 25;
const SORTS: readonly DagSort[] = ["attention", "dag_id", "next_run_after", "-last_run"];

const useDags = (search: DagsSearch) =>
  useQuery({
    queryKey: ["dags", search],
    queryFn: () =>
      answered(
        server.GET("/ui/dags", {
          params: {
            query: {
              limit: PAGE,
              search: search.q ?? "",
              sort: search.sort ?? "attention",
              ...(search.show ? { show: [search.show] } : {}),
              ...(search.enabled ? { paused: false } : {}),
            },
          },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 5_000,
  });

/** All Dags, what needs attention first. */
export const DagsPage = () => {
  const t = useTexts(messages);
  const search = useSearch({ from: "/shell/dags" });
  const navigate = useNavigate({ from: "/dags" });
  const { data, error, refetch } = useDags(search);
  const set = (change: Partial<Record<keyof DagsSearch, DagsSearch[keyof DagsSearch] | undefined>>): void => {
    void navigate({ search: (old) => said({ ...old, ...change }) as DagsSearch, replace: true });
  };
  useEffect(() => {
    const failing = data?.counts.failing;
    document.title = `${failing ? `${failing} ${t("dags.failing")} · ` : ""}${t("dags.title")} · Tradewind`;
  }, [data?.counts.failing, t]);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return (
    <div className="dags">
      <h1 className="sr">{t("dags.title")}</h1>
      <Filters search={search} counts={data?.counts} set={set} />
      {data && data.broken.length > 0 && <Broken list={data} />}
      {data && <Rows list={data} isFiltered={Boolean(search.q || search.show || search.enabled)} clear={() => { set({ q: undefined, show: undefined, enabled: undefined }); }} />}
    </div>
  );
};

interface FiltersProps {
  search: DagsSearch;
  counts: DagList["counts"] | undefined;
  set: (change: Partial<Record<keyof DagsSearch, DagsSearch[keyof DagsSearch] | undefined>>) => void;
}

const Filters = ({ search, counts, set }: FiltersProps) => {
  const t = useTexts(messages);
  const chips: { show: Show; state: State; count: number }[] = [
    { show: "failing", state: "failed", count: counts?.failing ?? 0 },
    { show: "running", state: "running", count: counts?.running ?? 0 },
    { show: "late", state: "scheduled", count: counts?.late ?? 0 },
  ];
  return (
    <div className="bar">
      <SearchBox value={search.q ?? ""} onChange={(q) => { set({ q }); }} />
      {chips.map(({ show, state, count }) => (
        <button key={show} type="button" className="chip" aria-pressed={search.show === show} onClick={() => { set({ show: search.show === show ? undefined : show }); }}>
          <i className="st" data-s={state} aria-hidden="true" />{t(`dags.${show}`)}<b>{count}</b>
        </button>
      ))}
      <button type="button" className="chip" aria-pressed={Boolean(search.enabled)} onClick={() => { set({ enabled: !search.enabled }); }}>{t("dags.enabled")}</button>
      <span className="push" />
      <label className="sort small mute hide-narrow">
        {t("dags.sort")}
        <select value={search.sort ?? "attention"} onChange={(event) => { set({ sort: event.target.value as DagSort }); }}>
          {SORTS.map((sort) => <option key={sort} value={sort}>{t(`dags.sort.${sort}`)}</option>)}
        </select>
      </label>
    </div>
  );
};

/** Typing is not held up by the list: it is asked for when there is a pause. A syllable being composed is no search yet. */
const SearchBox = ({ value, onChange }: { value: string; onChange: (text: string) => void }) => {
  const t = useTexts(messages);
  const [text, setText] = useState(value);
  const box = useRef<HTMLInputElement>(null);
  const timer = useRef<number>(0);
  useEffect(() => {
    const focus = (event: globalThis.KeyboardEvent): void => {
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        box.current?.focus();
      }
    };
    addEventListener("keydown", focus);
    return () => { removeEventListener("keydown", focus); };
  }, []);
  const later = (typed: string, composing: boolean): void => {
    setText(typed);
    window.clearTimeout(timer.current);
    if (!composing) timer.current = window.setTimeout(() => { onChange(typed.trim()); }, 120);
  };
  return (
    <label className="input search">
      <Icon name="search" small />
      <input
        ref={box} value={text} placeholder={t("dags.search")} aria-label={t("dags.search")}
        onChange={(event) => { later(event.target.value, (event.nativeEvent as InputEvent).isComposing); }}
        onCompositionEnd={(event) => { later(event.currentTarget.value, false); }}
      />
      <kbd>/</kbd>
    </label>
  );
};

const Broken = ({ list }: { list: DagList }) => {
  const t = useTexts(messages);
  const clock = useClock(list.now);
  const first = list.broken[0];
  if (!first) return null;
  return (
    <div className="importerr" role="status">
      <i className="st" data-s="failed" aria-hidden="true" />
      <b className="med nowrap">{t("dags.broken", { count: list.broken.length })}</b>
      <code className="bad cut" title={first.message}>{first.file}{first.line ? `:${String(first.line)}` : ""} {first.message}</code>
      <span className="dim hide-narrow nowrap" title={wholeTime(first.at, clock)}>{ago(first.at, clock, t)} · {t("dags.brokenGoesOn")}</span>
    </div>
  );
};

const Rows = ({ list, isFiltered, clear }: { list: DagList; isFiltered: boolean; clear: () => void }) => {
  const t = useTexts(messages);
  const clock = useClock(list.now);
  const navigate = useNavigate();
  const runNow = useRunNow();
  const pause = usePause();
  const [at, setAt] = useState(-1);
  const rows = list.dags;
  const keys = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || event.metaKey || event.ctrlKey || event.altKey) return;
    const row = rows[at];
    if (event.key === "j") setAt(Math.min(at + 1, rows.length - 1));
    else if (event.key === "k") setAt(Math.max(at - 1, 0));
    else if (row && event.key === "Enter" && event.target === event.currentTarget) void navigate({ to: "/dags/$dagId", params: { dagId: row.dag_id } });
    else if (row && event.key === "p") pause.mutate({ dagId: row.dag_id, paused: !row.is_paused });
    else if (row && event.key.toLowerCase() === "r") runNow.run(row.dag_id, event.shiftKey);
    else return;
    event.preventDefault();
  };
  if (!rows.length) {
    return (
      <div className="trouble">
        <p>{isFiltered ? t("dags.noMatch") : t("dags.none")}</p>
        {isFiltered && <button type="button" className="btn" onClick={clear}>{t("dags.clear")}</button>}
      </div>
    );
  }
  return (
    <>
      <div className="list" role="table" tabIndex={0} aria-label={t("dags.title")} onKeyDown={keys}>
        <div className="h" role="row">
          <span role="columnheader" aria-label={t("schedule.off")} />
          <span role="columnheader">{t("dags.name")}</span>
          <span role="columnheader" className="c-owner">{t("dags.owner")}</span>
          <span role="columnheader" className="c-sch">{t("dags.schedule")}</span>
          <span role="columnheader">{t("dags.bars")}</span>
          <span role="columnheader">{t("dag.last")}</span>
          <span role="columnheader" className="c-act num">{t("dags.active")}</span>
          <span role="columnheader" aria-label={t("dags.run")} />
        </div>
        {rows.map((row, n) => (
          <Row key={row.dag_id} row={row} clock={clock} isChosen={n === at} run={(withForm) => { runNow.run(row.dag_id, withForm); }} pause={(paused) => { pause.mutate({ dagId: row.dag_id, paused }); }} />
        ))}
      </div>
      <p className="foot-note">{t("dags.shown", { shown: rows.length, count: list.total })}</p>
    </>
  );
};

interface RowProps {
  row: DagRow;
  clock: Clock;
  isChosen: boolean;
  run: (withForm: boolean) => void;
  pause: (paused: boolean) => void;
}

const Row = ({ row, clock, isChosen, run, pause }: RowProps) => {
  const t = useTexts(messages);
  const { language } = useSettings();
  const runs = row.runs.map((each) => ({ state: stateOf(each.state), micros: lengthOf(each, clock.now) }));
  const alarm = row.last_state === "failed" ? " alarm" : row.is_late ? " late" : "";
  const dayName = (weekday: number): string =>
    new Intl.DateTimeFormat(language, { weekday: language === "ko" ? "short" : "long", timeZone: "UTC" }).format(Date.UTC(2023, 0, 1 + weekday));
  return (
    <div className={`r${alarm}${row.is_paused ? " off" : ""}${isChosen ? " sel" : ""}`} role="row">
      <span role="cell" className="c-tog"><Switch on={!row.is_paused} label={t("dag.switch", { dag: row.dag_id })} onChange={(on) => { pause(!on); }} /></span>
      <span role="cell" className="name">
        <Link className="nm cut" to="/dags/$dagId" params={{ dagId: row.dag_id }}>{row.dag_id}</Link>
        {row.tags.slice(0, 3).map((tag) => <span key={tag} className="tag">{tag}</span>)}
      </span>
      <span role="cell" className="c-owner mute cut">{row.owners.join(", ")}</span>
      <span role="cell" className="c-sch sc cut">
        <b>{scheduleText(row.schedule, t, dayName)}</b>
        <Next row={row} clock={clock} />
      </span>
      <span role="cell" className="c-bars"><RunBars runs={runs} places={BARS} label={runs.map((each) => t(`state.${each.state}`)).join(", ")} /></span>
      <span role="cell" className="lr"><LastRun row={row} clock={clock} /></span>
      <span role="cell" className="c-act num">{row.open_runs ? <span className="state"><StateGlyph state="running" />{row.open_runs}</span> : <span className="dim">–</span>}</span>
      <span role="cell" className="acts">
        <button type="button" className="btn quiet icon" title={t("dags.run")} aria-label={`${t("dags.run")}: ${row.dag_id}`} onClick={(event) => { run(event.shiftKey); }}><Icon name="play" /></button>
      </span>
    </div>
  );
};

const lengthOf = (run: DagRow["runs"][number], at: number): number => (run.start === null ? 0 : (run.end ?? at) - run.start);

const Next = ({ row, clock }: { row: DagRow; clock: Clock }) => {
  const t = useTexts(messages);
  if (row.is_paused) return <span> · {t("schedule.off")}</span>;
  if (row.next_run_after === null) return null;
  if (row.is_late) return <span> · <b className="warn med">{t("schedule.late", { span: spanText(clock.now - row.next_run_after, t) })}</b></span>;
  return <span title={wholeTime(row.next_run_after, clock)}> · {shortTime(row.next_run_after, clock)}</span>;
};

const LastRun = ({ row, clock }: { row: DagRow; clock: Clock }) => {
  const t = useTexts(messages);
  const last = row.runs.at(-1);
  if (!last) return <span className="dim">–</span>;
  const state = stateOf(last.state);
  const at = last.end ?? last.start ?? last.run_after;
  const words = isFinished(state)
    ? state === "failed" ? t("time.at", { time: shortTime(at, clock) }) : ago(at, clock, t)
    : t("time.for", { span: spanText(clock.now - at, t) });
  return (
    <>
      <StateGlyph state={state} />
      <span className={state === "failed" ? "bad med" : "mute"} title={wholeTime(at, clock)}>{words}</span>
      {isFinished(state) && <span className="dur">{duration(lengthOf(last, clock.now))}</span>}
    </>
  );
};

const usePause = () => {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ dagId, paused }: { dagId: string; paused: boolean }) =>
      send("PATCH", `/api/v2/dags/${encodeURIComponent(dagId)}`, { is_paused: paused }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["dags"] }),
  });
};

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useRouter } from "@tanstack/react-router";
import { useWindowVirtualizer, windowScroll } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type Schemas, send } from "../../api/client";
import { isPage } from "../../app/pages";
import { useMay } from "../../app/session";
import { usePresent } from "../../app/present";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { useHasStood } from "../../app/stood";
import { isTyping } from "../../lib/keys";
import { scheduleText } from "../../lib/schedule";
import { isFinished, stateOf } from "../../lib/states";
import { type Clock, duration, shortTime, weekdayName, wholeTime } from "../../lib/time";
import { ago, spanText } from "../../lib/words";
import { Icon } from "../../parts/Icon";
import { Refusal } from "../../parts/Refusal";
import { RunBars } from "../../parts/RunBars";
import { StateGlyph } from "../../parts/StateGlyph";
import { Switch } from "../../parts/Switch";
import { useRunNow } from "../act";
import { messages } from "./text";

type DagRow = Schemas["DagRow"];
const BARS = 25;
const AROUND = 12;
const [TALL, LOW] = [68, 36];
/** Where the rows began when they were last drawn, which is where they begin again most often. */
let lastTop = 0;
const stay = (): void => undefined;

interface Props {
  rows: readonly DagRow[];
  total: number;
  now: number;
  isFiltered: boolean;
  clear: () => void;
  /** The reader comes to the end of what is there. */
  more: () => void;
}

/** Rows of Dags; only those in sight are drawn. */
export const DagRows = ({ rows, total, now: present, isFiltered, clear, more }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(present, true, rows.some((row) => row.open_runs > 0) ? 1 : 10));
  const navigate = useNavigate();
  const { letters } = useSettings();
  const runNow = useRunNow();
  const pause = usePause();
  const star = useStar();
  const allowed = useMay();
  const router = useRouter();
  const [edit, start, form] = [allowed("edit", "dag"), allowed("create", "run"), isPage(router, FORM)];
  const { run } = runNow;
  const [{ mutate: setPaused }, { mutate: setStar }] = [pause, star];
  const acts = useMemo((): Acts => ({ edit, start, form, run, setPaused, setStar }), [edit, start, form, run, setPaused, setStar]);
  const [at, setAt] = useState(-1);
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(lastTop);
  const isEmpty = rows.length === 0;
  useLayoutEffect(() => {
    const rowsBox = box.current;
    if (!rowsBox) return;
    // Called once the browser has laid out the page for its next frame: to ask it before would have it do so on the spot.
    const watch = new ResizeObserver(() => {
      lastTop = rowsBox.offsetTop;
      setTop(lastTop);
      watch.disconnect(); // the frame of the next page may come around these rows before it replaces them
    });
    watch.observe(rowsBox);
    return () => { watch.disconnect(); };
  }, [isEmpty]);
  const isNarrow = matchMedia("(max-width: 720px)").matches;
  // Rows in sight are drawn first, and those around them once these are on the screen.
  const hasStood = useHasStood();
  const overscan = hasStood ? AROUND : 0;
  // To ask the browser where it has scrolled to would have it lay out the page that goes, and so would to scroll, which the
  // router does anyway. How tall the window is it knows, so that the rows in sight are there at once: without them, a list
  // without rows would be drawn and laid out first.
  const virtual = useWindowVirtualizer({ scrollToFn: hasStood ? windowScroll : stay, initialOffset: 0, initialRect: { width: innerWidth, height: innerHeight }, count: rows.length, estimateSize: () => (isNarrow ? TALL : LOW), overscan, scrollMargin: top, scrollPaddingStart: 90, scrollPaddingEnd: 60 });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length < total && last >= rows.length - 20) more();
  });
  const move = (to: number): void => {
    setAt(to);
    virtual.scrollToIndex(to);
  };
  const keys = (event: KeyboardEvent): void => {
    if (isTyping(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
    const row = rows[at];
    if (event.key === "ArrowDown" || (letters && event.key === "j")) move(Math.min(at + 1, rows.length - 1));
    else if (event.key === "ArrowUp" || (letters && event.key === "k")) move(Math.max(at - 1, 0));
    else if (row && event.key === "Enter" && event.target === event.currentTarget) void navigate({ to: "/dags/$dagId", params: { dagId: row.dag_id } });
    else if (row && letters && event.key === "p") setPaused({ dagId: row.dag_id, paused: !row.is_paused });
    else if (row && letters && event.key.toLowerCase() === "r") run(row.dag_id, event.shiftKey);
    else if (row && letters && event.key === "s") setStar({ dagId: row.dag_id, on: !row.is_favorite });
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
  const chosen = rows[at];
  const refused = runNow.error ?? pause.error ?? star.error;
  return (
    <>
      <Refusal error={refused} className="importerr bad" />
      <div className="list" role="table" tabIndex={0} aria-label={t("dags.title")} aria-rowcount={total + 1} onKeyDown={keys} onFocus={(event) => { if (event.target === event.currentTarget && at < 0) setAt(0); }}>
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
        <div ref={box} role="rowgroup" className="rows" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const row = rows[index];
            return row && (
              <div key={row.dag_id} className="place" style={{ transform: `translateY(${String(start - top)}px)` }}>
                <Row row={row} clock={clock} place={index + 2} isChosen={index === at} acts={acts} />
              </div>
            );
          })}
        </div>
      </div>
      <span className="sr" aria-live="polite">{chosen && [chosen.dag_id, ...(chosen.last_state ? [t(`state.${stateOf(chosen.last_state)}`)] : [])].join(", ")}</span>
      <p className="foot-note">{t("dags.shown", { count: total })}</p>
    </>
  );
};

/** What a reader may do with the rows, and how. */
interface Acts {
  edit: boolean;
  start: boolean;
  form: boolean;
  run: (dagId: string, withForm: boolean) => void;
  setPaused: (what: { dagId: string; paused: boolean }) => void;
  setStar: (what: { dagId: string; on: boolean }) => void;
}

interface RowProps {
  row: DagRow;
  clock: Clock;
  place: number;
  isChosen: boolean;
  /** Asked once for all rows. */
  acts: Acts;
}

const FORM = "/dags/$dagId/trigger";

const Row = memo(({ row, clock, place, isChosen, acts }: RowProps) => {
  const t = useTexts(messages);
  const { language } = useSettings();
  const runs = row.runs.map((each) => ({ state: stateOf(each.state), micros: lengthOf(each, clock.now) }));
  const alarm = row.last_state === "failed" ? " alarm" : row.is_late ? " late" : "";
  const dayName = (weekday: number): string => weekdayName(weekday, language, language === "ko" ? "short" : "long");
  return (
    <div className={`r${alarm}${row.is_paused ? " off" : ""}${isChosen ? " sel" : ""}`} role="row" aria-rowindex={place}>
      <span role="cell" className="c-tog"><Switch on={!row.is_paused} disabled={!acts.edit} label={t("dag.switch", { dag: row.dag_id })} onChange={(on) => { acts.setPaused({ dagId: row.dag_id, paused: !on }); }} /></span>
      <span role="cell" className="name">
        <button type="button" className="star" aria-pressed={row.is_favorite} aria-label={t("dags.star", { dag: row.dag_id })} onClick={() => { acts.setStar({ dagId: row.dag_id, on: !row.is_favorite }); }}><Icon name="star" small /></button>
        <Link className="nm cut" to="/dags/$dagId" params={{ dagId: row.dag_id }}>{row.dag_id}</Link>
        {row.tags.slice(0, 3).map((tag) => <span key={tag} className="tag">{tag}</span>)}
      </span>
      <span role="cell" className="c-owner mute cut">{row.owners.join(", ")}</span>
      <span role="cell" className="c-sch sc cut">
        <b>{scheduleText(row.schedule, t, dayName)}</b>
        <Next row={row} clock={clock} />
      </span>
      <span role="cell" className="c-bars">{runs.length > 0 && <RunBars runs={runs} places={BARS} label={runs.map((each) => t(`state.${each.state}`)).join(", ")} />}</span>
      <span role="cell" className="lr"><LastRun row={row} clock={clock} /></span>
      <span role="cell" className="c-act num">{row.open_runs ? <span className="state"><StateGlyph state="running" />{row.open_runs}</span> : <span className="dim">–</span>}</span>
      <span role="cell" className="acts">
        {acts.start && (
          <>
            <button type="button" className="btn quiet icon" title={t("dags.run")} aria-label={`${t("dags.run")}: ${row.dag_id}`} onClick={(event) => { acts.run(row.dag_id, event.shiftKey); }}><Icon name="play" /></button>
            {acts.form && <Link className="btn quiet icon with" to={FORM as string} params={{ dagId: row.dag_id } as never} title={t("dags.runWith")} aria-label={`${t("dags.runWith")}: ${row.dag_id}`}><Icon name="settings" /></Link>}
          </>
        )}
      </span>
    </div>
  );
});

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

const useStar = () => {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ dagId, on }: { dagId: string; on: boolean }) => send("POST", `/api/v2/dags/${encodeURIComponent(dagId)}/${on ? "favorite" : "unfavorite"}`),
    onSettled: () => queries.invalidateQueries({ queryKey: ["dags"] }),
  });
};

import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useListening } from "../../app/live";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { copyText } from "../../lib/clipboard";
import { Ear } from "../../lib/ear";
import { refusalText } from "../../lib/refusals";
import { bytesText } from "../../lib/words";
import { Icon } from "../Icon";
import { Trouble } from "../Trouble";
import { awayIn, type Fold, folded, opened, placeOf, rowAt, unfolded } from "./folds";
import { LogRows } from "./LogRows";
import type { TimeColumn } from "./LogRow";
import { linesIn, linesText, textBetween } from "./model";
import { ROW } from "./scroll";
import { hitFrom, type LevelName, LogSearch, type LogServer, LogSource } from "./source";
import { messages } from "./text";
import { useScroll } from "./useScroll";
import "./log.css";

/** Letters as the address has them, and the levels that they stand for. */
const LETTERS = { E: ["error", "critical"], W: ["warning"], I: ["info"], D: ["debug"] } as const satisfies Record<string, readonly LevelName[]>;
type Letter = keyof typeof LETTERS;
const ORDER: readonly Letter[] = ["E", "W", "I", "D"];
const MOST_COPIED = 20_000;

/** What a reader has set, as the page's address keeps it. */
export interface LogSettings {
  q?: string;
  /** Of `EWID` those that are shown; all where there are none. */
  levels?: string;
  wrap?: boolean;
  time?: Exclude<TimeColumn, "clock">;
}

interface Props {
  /** The same object for the same log: another one is another log. `levels` are those looked at; all where there are none. */
  server: (levels: readonly LevelName[]) => LogServer;
  /** The topic of the stream that tells when it grows. */
  topic: string;
  download: string;
  settings: LogSettings;
  set: (change: Partial<Record<keyof LogSettings, unknown>>) => void;
  /** `L12` or `L10-L40`, from the address. */
  hash: string;
  setHash: (hash: string) => void;
}

/** A log of any length: found, filtered, followed, linked, folded, copied. */
export const LogViewer = ({ server, topic, download, settings, set, hash, setHash }: Props) => {
  const t = useTexts(messages);
  const clock = useClock();
  const { theme } = useSettings();
  const letters = settings.levels ?? "";
  const levels = useMemo(() => (letters ? ORDER.filter((letter) => letters.includes(letter)).flatMap((letter): readonly LevelName[] => LETTERS[letter]) : []), [letters]);
  const isWhole = levels.length === 0;
  const access = useMemo(() => server(levels), [server, levels]);
  const ear = useMemo(() => new Ear(), []);
  const listen = useListening();
  useEffect(() => listen(topic, ear), [listen, topic, ear]);
  const source = useMemo(() => new LogSource(access, ear), [access, ear]);
  const facts = useSyncExternalStore(source.subscribe, source.snapshot);
  const chosen = linesIn(hash);
  const firstLine = useRef(chosen?.[0]);
  useEffect(() => {
    void source.start(firstLine.current);
    return () => { source.stop(); };
  }, [source]);

  const [folds, setFolds] = useState<readonly Fold[]>([]);
  const kept = isWhole ? folds : NO_FOLDS;
  const shown = facts.total - awayIn(kept);
  const wraps = Boolean(settings.wrap);
  const [rolled, scroll] = useScroll(shown, wraps);
  const { show, toEnd, goTo } = scroll;

  const needle = settings.q ?? "";
  const search = useMemo(() => (needle ? new LogSearch(needle, access) : null), [needle, access]);
  useSyncExternalStore(search?.subscribe ?? never, search?.snapshot ?? zero);
  useEffect(() => {
    void search?.start();
    return () => { search?.stop(); };
  }, [search]);
  const hits = search?.lines ?? NO_LINES;
  const [hit, setHit] = useState(0);

  const reveal = useCallback(async (line: number) => {
    const at = await source.placeOf(line, isWhole);
    setFolds((old) => (old.some((fold) => at >= fold.from && at < fold.from + fold.count) ? opened(old, at) : old));
    show(placeOf(isWhole ? opened(folds, at) : NO_FOLDS, at));
  }, [source, isWhole, show, folds]);

  const first = chosen?.[0];
  const [seen, setSeen] = useState<number | undefined>(undefined);
  useEffect(() => {
    if (first === undefined || !facts.isCounted || seen === first) return;
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the address says where to scroll to, once
    setSeen(first);
    void reveal(first);
  }, [first, facts.isCounted, seen, reveal]);

  const jump = useCallback((line: number) => {
    setHit(line);
    setSeen(line);
    void reveal(line);
  }, [reveal]);
  const next = (back: boolean): void => {
    const from = hit || (back ? 0 : rowLine(source, kept, scroll.top) - 1);
    const line = hitFrom(hits, from, back);
    if (line !== undefined) jump(line);
  };
  const firstError = async (): Promise<void> => {
    const errors = server(["error", "critical"]);
    const answer = await errors.rows({ first: 0, count: 1 }, new AbortController().signal);
    const row = answer.rows[0];
    if (row) {
      setHash(linesText(row.n, row.n));
      jump(row.n);
    }
  };
  const choose = useCallback((line: number, extend: boolean) => {
    const from = extend && first !== undefined ? first : line;
    setSeen(Math.min(from, line));
    setHash(linesText(from, line));
  }, [first, setHash]);

  const fold = useCallback((place: number) => {
    const at = rowAt(folds, place);
    const row = source.model.at(at);
    if (!row) return;
    if (folds.some((each) => each.from === at + 1)) {
      setFolds((old) => unfolded(old, at + 1));
      return;
    }
    const end = row.kind === "group" ? source.groupEnd(row.n) : Promise.resolve(row.n + row.rest);
    void end.then((line) => { if (line > row.n) setFolds((old) => folded(old, { from: at + 1, count: line - row.n })); });
  }, [folds, source]);

  const [said, say] = useState("");
  const copied = useCallback((text: Promise<string>) => {
    void text.then(async (whole) => {
      await copyText(whole);
      say(t("log.copied", { count: whole.split("\n").length }));
    }).catch((error: unknown) => { say(error instanceof Error ? refusalText(error, t) : ""); });
  }, [t]);
  const copyChosen = async (): Promise<void> => {
    const from = chosen ? await source.placeOf(chosen[0], isWhole) : 0;
    const to = chosen ? (await source.placeOf(chosen[1], isWhole)) + 1 : facts.total;
    if (to - from > MOST_COPIED) say(t("log.tooLong", { count: MOST_COPIED }));
    else copied(source.rows({ from, to }).then((rows) => textBetween(rows, 0, Infinity)));
  };

  const frame = useRef<HTMLDivElement>(null);
  const finder = useRef<HTMLInputElement>(null);
  const full = (): void => { void (document.fullscreenElement ? document.exitFullscreen() : frame.current?.requestFullscreen()); };
  const keys = (event: React.KeyboardEvent): void => {
    const isFind = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f";
    if (isFind || (event.key === "/" && !isTyping(event))) {
      event.preventDefault();
      finder.current?.focus();
      finder.current?.select();
      return;
    }
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = scroll.extent.viewport - ROW;
    const actions: Record<string, () => void> = {
      n: () => { next(false); }, N: () => { next(true); }, e: () => { void firstError(); }, G: toEnd, End: toEnd,
      g: () => { goTo(0); }, Home: () => { goTo(0); }, PageDown: () => { goTo(scroll.top + page); }, PageUp: () => { goTo(scroll.top - page); },
      ArrowDown: () => { goTo(scroll.top + ROW); }, ArrowUp: () => { goTo(scroll.top - ROW); },
      w: () => { set({ wrap: !wraps }); }, y: () => { copied(Promise.resolve(location.href)); },
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };

  // What has come since the reader left the end.
  const [left, setLeft] = useState(0);
  const [wasAtEnd, setWasAtEnd] = useState(true);
  if (wasAtEnd !== scroll.isAtEnd) {
    setWasAtEnd(scroll.isAtEnd);
    setLeft(facts.total);
  }
  const words = useMemo(() => ({
    all: (count: number) => t("log.all", { count }), fold: t("log.fold"), unfold: t("log.unfold"), away: (count: number) => t("log.away", { count }),
  }), [t]);
  const counts: Record<Letter, number> = { E: (facts.counts[3] ?? 0) + (facts.counts[4] ?? 0), W: facts.counts[2] ?? 0, I: facts.counts[1] ?? 0, D: facts.counts[0] ?? 0 };
  const all = facts.counts.reduce((sum, count) => sum + count, 0);
  const toggle = (letter: Letter): void => {
    const now = letters || "EWID";
    const rest = ORDER.filter((each) => now.includes(each) !== (each === letter)).join("");
    set({ levels: rest === "EWID" || rest === "" ? undefined : rest });
  };
  if (facts.error && facts.total === 0) return <Trouble error={facts.error} retry={() => void source.start(firstLine.current)} />;
  return (
    <div className="lv" ref={frame} onKeyDown={keys}>
      <div className="lt">
        <Find ref={finder} text={needle} hits={hits} isDone={search?.isDone ?? true} hit={hit} set={(q) => { setHit(0); set({ q }); }} next={next} />
        <div className="seg" role="group" aria-label={t("log.levels")}>
          {ORDER.map((letter) => (
            <button key={letter} type="button" className="lvl" aria-pressed={isWhole || letters.includes(letter)} title={t(`log.${letter}`)} aria-label={`${letter} ${facts.isCounted ? number(counts[letter]) : ""} ${t(`log.${letter}`)}`} onClick={() => { toggle(letter); }}>
              <b className={letter === "E" ? "bad" : letter === "W" ? "warn" : letter === "D" ? "dim" : ""}>{letter}</b> {facts.isCounted ? number(counts[letter]) : ""}
            </button>
          ))}
        </div>
        {counts.E > 0 && <button type="button" className="btn" onClick={() => void firstError()}>{t("log.firstError")} <kbd>e</kbd></button>}
        <span className="push" />
        <select className="btn quiet hide-mid" aria-label={t("log.time")} value={settings.time ?? "clock"} onChange={(event) => { set({ time: event.target.value === "clock" ? undefined : event.target.value }); }}>
          <option value="clock">{t("log.time.clock")}</option><option value="whole">{t("log.time.whole")}</option><option value="none">{t("log.time.none")}</option>
        </select>
        <button type="button" className="btn quiet icon" aria-label={t("log.wrap")} title={t("log.wrap")} aria-pressed={wraps} onClick={() => { set({ wrap: !wraps }); }}><Icon name="wrap" /></button>
        <button type="button" className="btn quiet icon" aria-label={t("log.copy")} title={t("log.copy")} onClick={() => void copyChosen()}><Icon name="copy" /></button>
        <a className="btn quiet icon" aria-label={t("log.download")} title={t("log.download")} href={download} download><Icon name="dl" /></a>
        <button type="button" className="btn quiet icon hide-narrow" aria-label={t("log.full")} title={t("log.full")} onClick={full}><Icon name="full" /></button>
      </div>
      {facts.isCounted && facts.total === 0 && <p className="logempty">{!facts.exists && facts.isOver ? t("log.none") : all > 0 ? t("log.nothing") : t("log.notYet")}</p>}
      <div className="logframe">
        <LogRows
          source={source} facts={facts} scroll={scroll} element={rolled} folds={kept} isWhole={isWhole} wraps={wraps} needle={needle} chosen={chosen} hit={hit} hits={hits}
          time={settings.time ?? "clock"} clock={clock} theme={theme} label={t("log.label")} mapLabel={t("log.map")} words={words} onFold={fold} onLine={choose} onCopied={copied}
        />
        {!facts.isOver && facts.isCounted && (
          <div className="follow">
            <button type="button" className={scroll.isAtEnd ? "btn primary" : "btn"} onClick={toEnd}>
              <Icon name="down" small />{scroll.isAtEnd ? t("log.following") : facts.total > left ? t("log.paused", { count: facts.total - left }) : t("log.follow")}
            </button>
          </div>
        )}
      </div>
      <div className="status">
        {facts.isStale ? <span className="warn">{t("log.stale")}</span> : facts.isOver ? <span>{t("log.over")}</span> : <span className="live">{t("log.live")}</span>}
        <span>{!facts.isCounted ? t("log.counting") : isWhole ? t("log.lines", { count: all }) : t("log.of", { shown: facts.total, count: all })} · {bytesText(facts.size)}</span>
        <GoTo go={(line) => { const asked = Math.min(Math.max(1, line), Math.max(1, all)); setHash(linesText(asked, asked)); jump(asked); }} />
        {chosen && <span>{chosen[0] === chosen[1] ? t("log.selected", { line: chosen[0] }) : t("log.selectedLines", { from: chosen[0], to: chosen[1] })} <span className="dim">#{linesText(...chosen)}</span></span>}
        <span role="status">{said}</span>
        <span className="push dim hide-narrow">{t("log.keys")}</span>
      </div>
    </div>
  );
};

const NO_FOLDS: readonly Fold[] = [];
const NO_LINES: readonly number[] = [];
const never = (): (() => void) => () => undefined;
const zero = (): number => 0;
const numbers = new Intl.NumberFormat("en");
const number = (value: number): string => numbers.format(value);
const isTyping = (event: React.KeyboardEvent): boolean => event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;

/** The number of the first row on screen. */
const rowLine = (source: LogSource, folds: readonly Fold[], top: number): number => {
  const at = rowAt(folds, Math.floor(top / ROW));
  return source.model.at(at)?.n ?? at + 1;
};

interface FindProps {
  ref: React.Ref<HTMLInputElement>;
  text: string;
  hits: readonly number[];
  isDone: boolean;
  hit: number;
  set: (text: string | undefined) => void;
  next: (back: boolean) => void;
}

const WAIT_MS = 180;

const Find = ({ ref, text, hits, isDone, hit, set, next }: FindProps) => {
  const t = useTexts(messages);
  const [typed, setTyped] = useState(text);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const change = (value: string): void => {
    setTyped(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => { set(value || undefined); }, WAIT_MS);
  };
  const enter = (event: React.KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") {
      clearTimeout(timer.current);
      if (typed !== text) set(typed || undefined);
      else next(event.shiftKey);
    }
    if (event.key === "Escape") change("");
  };
  const at = hit ? hits.indexOf(hit) + 1 : 0;
  return (
    <label className="input">
      <Icon name="search" small />
      <input ref={ref} value={typed} placeholder={t("log.find")} aria-label={t("log.find")} spellCheck={false} onChange={(event) => { change(event.target.value); }} onKeyDown={enter} />
      {text && <span className="small dim nowrap" role="status">{!isDone ? t("log.searching", { count: hits.length }) : at ? t("log.hits", { at, count: hits.length }) : t("log.hitCount", { count: hits.length })}</span>}
      <button type="button" className="btn quiet icon" aria-label={t("log.previous")} disabled={!hits.length} onClick={() => { next(true); }}><Icon name="up" small /></button>
      <button type="button" className="btn quiet icon" aria-label={t("log.next")} disabled={!hits.length} onClick={() => { next(false); }}><Icon name="down" small /></button>
    </label>
  );
};

const GoTo = ({ go }: { go: (line: number) => void }) => {
  const t = useTexts(messages);
  const [typed, setTyped] = useState("");
  const enter = (event: React.KeyboardEvent): void => {
    const line = Number(typed.replaceAll(/[,\s]/g, ""));
    if (event.key === "Enter" && !event.nativeEvent.isComposing && Number.isInteger(line) && line > 0) {
      go(line);
      setTyped("");
    }
  };
  return <label className="row">{t("log.line")}<input inputMode="numeric" aria-label={t("log.goTo")} value={typed} onChange={(event) => { setTyped(event.target.value); }} onKeyDown={enter} /></label>;
};



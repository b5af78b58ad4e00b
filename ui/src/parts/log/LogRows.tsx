import { type RefObject, useCallback, useEffect, useMemo } from "react";
import type { Clock } from "../../lib/time";
import { awayIn, type Fold, rowAt } from "./folds";
import { LogMap } from "./LogMap";
import { LogRowView, type RowWords, type TimeColumn } from "./LogRow";
import { type LogRow, textBetween } from "./model";
import { ROW, rowsAt } from "./scroll";
import type { LogFacts, LogSource } from "./source";
import { type Chosen, useSelection } from "./useSelection";
import type { Scroll } from "./useScroll";

const AROUND = 50;
/** While the end of a log that grows is followed: all rows are others a tenth of a second later. */
const FEW_AROUND = 8;
/** A log of fewer pieces is seen at a glance without a map. */
const LEAST_BANDS = 8;
/** Rows of a selection that are read ahead, so that copying need not wait. */
const READ_AHEAD = 20_000;

interface Props {
  source: LogSource;
  facts: LogFacts;
  scroll: Scroll;
  /** What is scrolled. */
  element: RefObject<HTMLDivElement | null>;
  folds: readonly Fold[];
  /** Whether all levels are shown: a row's place is its number then, and groups can be folded. */
  isWhole: boolean;
  wraps: boolean;
  needle: string;
  chosen: readonly [number, number] | null;
  hit: number;
  hits: readonly number[];
  time: TimeColumn;
  clock: Clock;
  theme: string;
  label: string;
  mapLabel: string;
  words: RowWords;
  onFold: (place: number) => void;
  onLine: (line: number, extend: boolean) => void;
  onCopied: (text: Promise<string>) => void;
}

/** The rows that are on screen and some around them, and the log at a glance. */
export const LogRows = ({
  element, source, facts, scroll, folds, wraps, isWhole, needle, chosen, hit, hits, time, clock, theme, label, mapLabel, words, onFold, onLine, onCopied,
}: Props) => {
  const shown = facts.total - awayIn(folds);
  const atEnd = wraps && scroll.isAtEnd;
  const span = wraps
    ? atEnd ? { from: Math.max(0, shown - Math.ceil(scroll.extent.viewport / ROW)), to: shown } : rowsAt(scroll.top, scroll.extent, shown)
    : rowsAt(scroll.top, scroll.extent, shown, scroll.isAtEnd && !facts.isOver ? FEW_AROUND : AROUND);
  const { from, to } = span;
  useEffect(() => {
    source.need({ from: rowAt(folds, Math.max(0, from - AROUND)), to: rowAt(folds, to + AROUND) });
  }, [source, folds, from, to, facts.isCounted, facts.total]);

  const copy = useCallback((selected: Chosen, event: React.ClipboardEvent) => {
    if (selected.start.place === selected.end.place) return; // the browser knows it all
    event.preventDefault();
    const places = rowsBetween(folds, selected.start.place, selected.end.place);
    const ready = places.map((place) => source.model.at(place));
    if (ready.every((row): row is LogRow => row !== undefined)) {
      event.clipboardData.setData("text/plain", textBetween(ready, selected.start.character, selected.end.character));
      return;
    }
    const first = places[0] ?? 0;
    const isShown = new Set(places);
    onCopied(source.rows({ from: first, to: (places.at(-1) ?? first) + 1 }).then((rows) =>
      textBetween(rows.filter((_, n) => isShown.has(first + n)), selected.start.character, selected.end.character)));
  }, [folds, source, onCopied]);
  const { pins, onCopy } = useSelection(element, copy);
  const [pinned, other] = pins;
  useEffect(() => {
    if (pinned === undefined || other === undefined || Math.abs(other - pinned) > READ_AHEAD) return;
    source.rows({ from: rowAt(folds, Math.min(pinned, other)), to: rowAt(folds, Math.max(pinned, other)) + 1 }).catch(() => undefined);
  }, [source, folds, pinned, other]);

  const places = useMemo(() => {
    const found = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
    const kept = pins.filter((place) => place < from || place >= to);
    return kept.length ? [...new Set([...found, ...kept])].sort((a, b) => a - b) : found;
  }, [from, to, pins]);
  const foldedAt = useMemo(() => new Map(folds.map((fold) => [fold.from - 1, fold.count])), [folds]);
  const pick = (event: React.MouseEvent): void => {
    const line = Number((event.target as HTMLElement).dataset.line);
    if (!line) return;
    event.preventDefault();
    onLine(line, event.shiftKey);
  };
  const whole = useCallback((place: number) => {
    const row = source.model.at(rowAt(folds, place));
    if (row) void source.whole(row);
  }, [source, folds]);
  const share = (place: number): number => (shown ? place / shown : 0);
  const offset = wraps ? 0 : from * ROW - scroll.top;
  const digits = String(isWhole ? facts.total : facts.counts.reduce((all, count) => all + count, 0)).length;
  return (
    <div className="logbody">
      <div
        ref={element} className={wraps ? "log wraps" : "log"} tabIndex={0} role="region" aria-label={label}
        onScroll={scroll.onScroll} onWheel={scroll.onWheel} onCopy={onCopy} onClick={pick}
        style={{ "--num": `${Math.max(44, (digits + Math.floor((digits - 1) / 3)) * 7.2 + 20)}px`, "--time": TIME_WIDTH[time] } as React.CSSProperties}
      >
        <div className="logspace" style={{ height: Math.max(scroll.extent.height, scroll.extent.viewport) }}>
          <div className="loglayer" style={{ height: scroll.extent.viewport }}>
            <div className={atEnd && scroll.top > 0 ? "logrows low" : "logrows"} style={wraps ? undefined : { transform: `translateY(${String(offset)}px)` }}>
              {places.map((place) => {
                const at = rowAt(folds, place);
                const row = source.model.at(at);
                const number = row?.n ?? (isWhole && facts.isCounted ? at + 1 : 0);
                return (
                  <LogRowView
                    key={place} place={place} row={row} number={number} needle={needle}
                    isChosen={chosen !== null && number >= chosen[0] && number <= chosen[1]}
                    isHit={number > 0 && number === hit} isAway={place < from || place >= to}
                    folded={foldedAt.get(at) ?? 0} mayFold={isWhole && facts.isCounted} time={time} clock={clock} words={words}
                    onFold={onFold} onWhole={whole}
                  />
                );
              })}
            </div>
          </div>
        </div>
      </div>
      {facts.bands.length >= LEAST_BANDS && isWhole && (
        <LogMap
          bands={facts.bands} rows={facts.total} hits={hits} label={mapLabel} theme={theme}
          from={share(scroll.top / ROW)} to={share((scroll.top + scroll.extent.viewport) / ROW)}
          go={(part) => { scroll.goTo(part * shown * ROW - scroll.extent.viewport / 2); }}
        />
      )}
    </div>
  );
};

const TIME_WIDTH: Record<TimeColumn, string> = { clock: "104px", whole: "184px", none: "8px" };

/** The places of the rows from one that is shown to another, without those that are folded away. */
const rowsBetween = (folds: readonly Fold[], first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, n) => rowAt(folds, first + n));

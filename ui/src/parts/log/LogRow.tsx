import { memo } from "react";
import { type Clock, clockTime, wholeTime } from "../../lib/time";
import { marked, piecesOf } from "./ansi";
import type { LogRow } from "./model";

export type TimeColumn = "clock" | "whole" | "none";
const LETTERS = ["D", "I", "W", "E", "E"] as const;
const GROUP = "::group::";
/** A record of so many rows more can be folded. */
const FOLDABLE = 3;

export interface RowWords {
  all: (count: number) => string;
  fold: string;
  unfold: string;
  away: (count: number) => string;
}

interface Props {
  /** Where it is among the rows that are shown. */
  place: number;
  row: LogRow | undefined;
  number: number;
  needle: string;
  isChosen: boolean;
  isHit: boolean;
  isAway: boolean;
  /** Rows folded below it. */
  folded: number;
  mayFold: boolean;
  time: TimeColumn;
  clock: Clock;
  words: RowWords;
  onFold: (place: number) => void;
  onWhole: (place: number) => void;
}

/** One row of a log; a row that is not read yet has its number alone. */
export const LogRowView = memo(function LogRowView(props: Props) {
  const { place, row, number, isAway, folded, words } = props;
  const letter = row ? LETTERS[row.level] ?? "I" : "I";
  const inside = row && (row.kind === "more" || row.kind === "trace");
  const names = ["l", row ? letter : "", inside ? "c" : "", row?.kind === "group" || row?.kind === "end" ? row.kind : "", props.isChosen ? "on" : "", props.isHit ? "hit" : "", isAway ? "away" : ""];
  const canFold = row && props.mayFold && (row.kind === "group" || row.rest >= FOLDABLE);
  const text = row?.kind === "group" ? row.text.slice(GROUP.length) : row?.text ?? "";
  return (
    <div className={names.filter(Boolean).join(" ")} data-v={place} title={row?.source || undefined}>
      <a className="n" href={number ? `#L${number}` : undefined} data-line={number}>{number ? numberText(number) : ""}</a>
      <span className="v">{row && !inside ? letter : ""}</span>
      <span className="t">{row?.at == null ? "" : timeText(row.at, props.time, props.clock)}</span>
      <span className="x">
        {canFold && <button type="button" className="foldbtn" aria-expanded={!folded} aria-label={folded ? words.unfold : words.fold} onClick={() => { props.onFold(place); }}>{folded ? "▸" : "▾"}</button>}
        {marked(piecesOf(text), props.needle).map((piece, n) =>
          piece.mark ? <mark key={n} className={piece.look || undefined}>{piece.text}</mark>
          : piece.look ? <span key={n} className={piece.look}>{piece.text}</span>
          : piece.text)}
        {row && row.cut > 0 && <button type="button" className="more" onClick={() => { props.onWhole(place); }}>{words.all(row.cut)}</button>}
        {folded > 0 && <button type="button" className="more" onClick={() => { props.onFold(place); }}>{words.away(folded)}</button>}
      </span>
    </div>
  );
});

const numbers = new Intl.NumberFormat("en");
const numberText = (value: number): string => numbers.format(value);

const timeText = (at: number, column: TimeColumn, clock: Clock): string => {
  if (column === "none") return "";
  const exact = `.${String(Math.floor(at / 1000) % 1000).padStart(3, "0")}`;
  return column === "clock" ? clockTime(at, clock) + exact : wholeTime(at, clock).slice(0, 19) + exact;
};

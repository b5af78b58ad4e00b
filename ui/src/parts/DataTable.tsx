import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import { useSettings, useTexts } from "../app/settings";
import { nextSort } from "../lib/address";
import { csvOf, saveText } from "../lib/csv";
import { Icon } from "./Icon";
import { messages } from "./table.text";
import "./table.css";

export interface Column<Row> {
  id: string;
  head: string;
  cell: (row: Row) => ReactNode;
  /** The value as text, for export. A column without it is not exported. */
  text?: (row: Row) => string;
  /** What the server calls an order by this column. */
  sort?: string;
  num?: boolean;
  /** Leaves narrow screens. */
  minor?: boolean;
  /** Takes the room that is left, and is cut at its end. */
  grow?: boolean;
}

interface Props<Row> {
  /** What the table is, for those who do not see it. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  sort?: string | undefined;
  onSort?: (sort: string) => void;
  /** What Enter and a click on a row do. */
  open?: ((row: Row) => void) | undefined;
  chosen?: string | undefined;
  /** What is said where there is no row. */
  empty: ReactNode;
}

/**
 * Rows and columns. One row at a time takes part in the Tab order; arrow keys (or j and k), Home and End move, Enter opens.
 * A column's head orders the list, as its address says.
 */
export const DataTable = <Row,>({ label, columns, rows, keyOf, sort, onSort, open, chosen, empty }: Props<Row>) => {
  const t = useTexts(messages);
  const { letters } = useSettings();
  const [at, setAt] = useState(0);
  const body = useRef<HTMLTableSectionElement>(null);
  if (!rows.length) return <div className="trouble">{empty}</div>;
  const current = Math.min(at, rows.length - 1);
  const keys = (event: KeyboardEvent<HTMLTableRowElement>, row: Row): void => {
    if (event.target !== event.currentTarget || event.metaKey || event.ctrlKey || event.altKey) return;
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: rows.length - 1, ...(letters ? { j: current + 1, k: current - 1 } : {}) }[event.key];
    if (to !== undefined) {
      const next = Math.max(0, Math.min(to, rows.length - 1));
      setAt(next);
      body.current?.rows[next]?.focus();
    } else if (event.key === "Enter" && open) open(row);
    else return;
    event.preventDefault();
  };
  return (
    <div className="tablewrap">
      <table className="data" aria-label={label} aria-description={open ? t("table.keys") : undefined}>
        <thead>
          <tr>{columns.map((column) => <Head key={column.id} column={column} sort={sort} onSort={onSort} />)}</tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row, n) => (
            <tr
              key={keyOf(row)} tabIndex={n === current ? 0 : -1} className={open ? "opens" : undefined} aria-selected={chosen === undefined ? undefined : chosen === keyOf(row)}
              onFocus={(event) => { if (event.target === event.currentTarget) setAt(n); }}
              onKeyDown={(event) => { keys(event, row); }}
              onClick={(event) => { if (open && !isControl(event.target)) open(row); }}
            >
              {columns.map((column) => <td key={column.id} className={classOf(column)}>{column.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

const isControl = (target: EventTarget): boolean => target instanceof Element && target.closest("a, button, input, select, label") !== null;

const classOf = <Row,>(column: Column<Row>): string | undefined =>
  [column.num ? "num" : "", column.minor ? "hide-narrow" : "", column.grow ? "growcell" : ""].filter(Boolean).join(" ") || undefined;

const Head = <Row,>({ column, sort, onSort }: { column: Column<Row>; sort: string | undefined; onSort: ((sort: string) => void) | undefined }) => {
  const name = column.sort;
  const order = name === undefined ? undefined : sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
  return (
    <th scope="col" className={classOf(column)} aria-sort={order === "none" ? undefined : order}>
      {name !== undefined && onSort
        ? <button type="button" className="sorts" onClick={() => { onSort(nextSort(sort, name)); }}>{column.head}<i aria-hidden="true">{order === "ascending" ? "↑" : order === "descending" ? "↓" : ""}</i></button>
        : column.head}
    </th>
  );
};

interface FootProps<Row> {
  /** The file that an export makes, without its ending. */
  name: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** How many there are in all; null where nobody has counted. */
  total: number | null;
  /** The place of the first row, where the list goes by places. */
  offset?: number;
  before?: (() => void) | undefined;
  after?: (() => void) | undefined;
}

/** How much of a list is shown, the way to the rest of it, and its export. */
export const TableFoot = <Row,>({ name, columns, rows, total, offset, before, after }: FootProps<Row>) => {
  const t = useTexts(messages);
  const exported = columns.filter((column) => column.text);
  const save = (): void => {
    saveText(`${name}.csv`, "text/csv", csvOf(exported.map((column) => column.head), rows.map((row) => exported.map((column) => column.text?.(row) ?? ""))));
  };
  const isPart = total !== null && total > rows.length;
  return (
    <div className="tablefoot" aria-label={t("table.paging")} role="group">
      <span>{!isPart ? t("table.shownOnly", { count: rows.length }) : offset === undefined ? t("table.part", { shown: rows.length, count: total }) : t("table.shown", { from: offset + 1, to: offset + rows.length, count: total })}</span>
      {(before ?? after) && (
        <>
          <button type="button" className="btn quiet icon" disabled={!before} aria-label={t("table.before")} title={t("table.before")} onClick={before}><span className="turned"><Icon name="right" small /></span></button>
          <button type="button" className="btn quiet icon" disabled={!after} aria-label={t("table.after")} title={t("table.after")} onClick={after}><Icon name="right" small /></button>
        </>
      )}
      {exported.length > 0 && rows.length > 0 && <button type="button" className="btn quiet push" title={t("table.exportNote")} onClick={save}>{t("table.export")}</button>}
    </div>
  );
};

/** The steps to the pages around this one, for a list that goes by places. */
export const steps = (offset: number, limit: number, shown: number, total: number, go: (offset: number) => void) => ({
  before: offset > 0 ? () => { go(Math.max(0, offset - limit)); } : undefined,
  after: offset + shown < total ? () => { go(offset + limit); } : undefined,
});

/** What a list says that has nothing to show: why, and how there will be something. */
export const Empty = ({ filtered, clear, children }: { filtered: boolean; clear: () => void; children: ReactNode }) => {
  const t = useTexts(messages);
  if (!filtered) return <>{children}</>;
  return (
    <>
      <p>{t("table.nothing")}</p>
      <button type="button" className="btn" onClick={clear}>{t("table.clear")}</button>
    </>
  );
};

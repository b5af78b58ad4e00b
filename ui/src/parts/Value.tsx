/** Values of any kind as a reader wants them: a tree, a table, code, a link. Everything is text. */
import { useState } from "react";
import { type CodeLanguage, piecesOfCode } from "../lib/highlight";
import { cellText, previewOf } from "../lib/preview";

export const Code = ({ text, language }: { text: string; language: CodeLanguage }) => (
  <pre className="code" tabIndex={0}>{piecesOfCode(text, language).map((piece, n) => (piece.look ? <span key={n} className={piece.look}>{piece.text}</span> : piece.text))}</pre>
);

const OPEN_DEPTH = 2;
const STEP = 100;

/** An object or list that unfolds; of a long list a hundred at a time. */
export const Tree = ({ value, name, depth = 0 }: { value: unknown; name?: string; depth?: number }) => {
  const [most, setMost] = useState(STEP);
  const label = name === undefined ? null : <span className="k">{name}: </span>;
  if (value === null || typeof value !== "object") {
    return <div className="branch">{label}<span className={typeof value === "string" ? "s" : "n"}>{JSON.stringify(value) ?? "null"}</span></div>;
  }
  const entries = Array.isArray(value) ? value.map((each, n): [string, unknown] => [String(n), each]) : Object.entries(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <div className="branch">{label}{open}{close}</div>;
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>{label}{open}<span className="dim"> {entries.length} </span>{close}</summary>
      <div>
        {entries.slice(0, most).map(([key, each]) => <Tree key={key} name={key} value={each} depth={depth + 1} />)}
        {entries.length > most && <button type="button" className="btn quiet" onClick={() => { setMost(most + 10 * STEP); }}>+{entries.length - most}</button>}
      </div>
    </details>
  );
};

const TABLE_ROWS = 50;

/** A value by what it is. `more` says how many records of a table are not shown. */
export const Value = ({ value, more }: { value: unknown; more: (count: number) => string }) => {
  const preview = previewOf(value);
  switch (preview.kind) {
    case "link": return <a className="link" href={preview.href} target="_blank" rel="noopener noreferrer">{preview.href}</a>;
    case "text": return <pre className="code" tabIndex={0}>{preview.text}</pre>;
    case "plain": return <code className="mono">{preview.text}</code>;
    case "tree": return <div className="values"><Tree value={preview.value} /></div>;
    case "table": return (
      <div className="scrollx" tabIndex={0}>
        <table className="dense previewtable">
          <thead><tr><th className="num">#</th>{preview.columns.map((column) => <th key={column}>{column}</th>)}</tr></thead>
          <tbody>
            {preview.rows.slice(0, TABLE_ROWS).map((row, n) => (
              <tr key={n}><td className="num dim">{n}</td>{preview.columns.map((column) => <td key={column} className={typeof row[column] === "number" ? "num" : ""} title={cellText(row[column])}>{cellText(row[column])}</td>)}</tr>
            ))}
          </tbody>
        </table>
        {preview.rows.length > TABLE_ROWS && <p className="small dim">{more(preview.rows.length - TABLE_ROWS)}</p>}
      </div>
    );
  }
};

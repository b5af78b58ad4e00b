import { type ReactNode, useMemo } from "react";
import { type Block, type Inline, markdown } from "../lib/markdown";
import "./markdown.css";

/** What an author wrote, drawn from a tree: nothing of it is ever HTML. */
export const Markdown = ({ text }: { text: string }) => {
  const blocks = useMemo(() => markdown(text), [text]);
  return <div className="markdown">{blocks.map((block, n) => <Part key={n} block={block} />)}</div>;
};

const Part = ({ block }: { block: Block }): ReactNode => {
  switch (block.kind) {
    case "heading": {
      // The page has its own h1.
      const Heading = `h${String(Math.min(6, block.level + 1))}` as "h2";
      return <Heading>{inlines(block.parts)}</Heading>;
    }
    case "paragraph": return <p>{inlines(block.parts)}</p>;
    case "code": return <pre tabIndex={0}>{block.text}</pre>;
    case "list": {
      const items = block.items.map((item, n) => <li key={n}>{item.map((each, k) => (each.kind === "paragraph" && k === 0 ? <span key={k}>{inlines(each.parts)}</span> : <Part key={k} block={each} />))}</li>);
      return block.isOrdered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case "quote": return <blockquote>{block.blocks.map((each, n) => <Part key={n} block={each} />)}</blockquote>;
    case "table":
      return (
        <table className="dense">
          <thead><tr>{block.head.map((cell, n) => <th key={n} scope="col">{inlines(cell)}</th>)}</tr></thead>
          <tbody>{block.rows.map((row, n) => <tr key={n}>{row.map((cell, k) => <td key={k}>{inlines(cell)}</td>)}</tr>)}</tbody>
        </table>
      );
    case "rule": return <hr />;
  }
};

const inlines = (parts: readonly Inline[]): ReactNode =>
  parts.map((part, n) => {
    switch (part.kind) {
      case "text": return part.text;
      case "code": return <code key={n}>{part.text}</code>;
      case "strong": return <strong key={n}>{inlines(part.parts)}</strong>;
      case "em": return <em key={n}>{inlines(part.parts)}</em>;
      case "strike": return <s key={n}>{inlines(part.parts)}</s>;
      case "link": return <a key={n} href={part.href} className="link" target="_blank" rel="noopener noreferrer nofollow">{inlines(part.parts)}</a>;
      case "break": return <br key={n} />;
    }
  });

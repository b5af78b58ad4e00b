import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Fragment, useMemo } from "react";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { type DiffLine, diffLines, hunksOf } from "../../lib/diff";
import { wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { messages as graphMessages } from "../../parts/graph/text";
import { Trouble } from "../../parts/Trouble";
import { useGraph } from "./GraphPage";
import { useHead } from "./head";
import type { VersionsSearch } from "./routes";
import { useSource, useVersions } from "./sources";
import { messages } from "./text";
import { changesBetween } from "./versions";

/** The versions of a Dag, and what is different between two of them. */
export const VersionsPage = () => {
  const t = useTexts(messages);
  const { dagId } = useParams({ from: "/shell/dags/$dagId/versions" });
  const search = useSearch({ from: "/shell/dags/$dagId/versions" });
  const navigate = useNavigate({ from: "/dags/$dagId/versions" });
  const clock = useClock();
  const { data: head } = useHead(dagId);
  const { data: versions, error, refetch } = useVersions(dagId, head?.version ?? "");
  if (error && !versions) return <Trouble error={error} retry={() => void refetch()} />;
  if (!versions) return null;
  const after = search.new ?? versions[0]?.version_number ?? 1;
  const before = search.old ?? versions.find((version) => version.version_number < after)?.version_number;
  const set = (change: VersionsSearch): void => {
    void navigate({ search: (old) => said({ ...old, ...change }), replace: true });
  };
  return (
    <div className="work">
      <div className="versionlist">
        <table className="dense">
          <thead><tr><th scope="col">{t("versions.old")}</th><th scope="col">{t("versions.new")}</th><th scope="col">{t("runs.version")}</th><th scope="col">{t("versions.since")}</th></tr></thead>
          <tbody>
            {versions.map((version) => (
              <tr key={version.version_number}>
                <td><input type="radio" name="old" aria-label={t("versions.pickOld", { number: version.version_number })} checked={version.version_number === before} onChange={() => { set({ old: version.version_number }); }} /></td>
                <td><input type="radio" name="new" aria-label={t("versions.pickNew", { number: version.version_number })} checked={version.version_number === after} onChange={() => { set({ new: version.version_number }); }} /></td>
                <th scope="row">v{version.version_number}</th>
                <td className="mute nowrap">{wholeTime(microsOf(version.created_at), clock)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {before === undefined ? <p className="trouble mute">{t("versions.onlyOne")}</p> : <Difference dagId={dagId} before={before} after={after} whole={Boolean(search.whole)} setWhole={(whole) => { set({ whole }); }} />}
    </div>
  );
};

interface DifferenceProps {
  dagId: string;
  before: number;
  after: number;
  whole: boolean;
  setWhole: (whole: boolean) => void;
}

const Difference = ({ dagId, before, after, whole, setWhole }: DifferenceProps) => {
  const t = useTexts(messages);
  const say = useTexts(graphMessages);
  const [old, now] = [useSource(dagId, before, ""), useSource(dagId, after, "")];
  const [oldGraph, newGraph] = [useGraph(dagId, "", before), useGraph(dagId, "", after)];
  const lines = useMemo(() => diffLines(old.data?.content ?? "", now.data?.content ?? ""), [old.data, now.data]);
  const changes = useMemo(() => (oldGraph.data && newGraph.data ? [...changesBetween(oldGraph.data, newGraph.data)] : []), [oldGraph.data, newGraph.data]);
  const error = old.error ?? now.error;
  if (error) return <Trouble error={error} retry={() => { void old.refetch(); void now.refetch(); }} />;
  if (!old.data || !now.data) return null;
  const [added, removed] = ["added", "removed"].map((kind) => lines.filter((line) => line.kind === kind).length);
  return (
    <div className="sheetscroll">
      <div className="bar">
        <h2>v{before} → v{after}</h2>
        <span className="small"><span className="good">+{added}</span> <span className="bad">−{removed}</span></span>
        <span className="push" />
        <button type="button" className="chip" aria-pressed={whole} onClick={() => { setWhole(!whole); }}>{t("versions.whole")}</button>
      </div>
      <ul className="changes small">
        {changes.map(([id, change]) => <li key={id} className={`change ${change}`}><span className="tag">{say(`graph.change.${change}`)}</span> <span className="id">{id}</span></li>)}
        {!changes.length && oldGraph.data && newGraph.data && <li className="mute">{t("versions.sameTasks")}</li>}
      </ul>
      {added || removed ? <Lines lines={lines} whole={whole} /> : <p className="trouble mute">{t("versions.sameSource")}</p>}
    </div>
  );
};

const Lines = ({ lines, whole }: { lines: readonly DiffLine[]; whole: boolean }) => {
  const t = useTexts(messages);
  const { hunks, rest } = whole ? { hunks: [{ lines, skipped: 0 }], rest: 0 } : hunksOf(lines);
  return (
    <div className="diff" role="region" tabIndex={0} aria-label={t("versions.diff")}>
      {hunks.map((hunk, n) => (
        <Fragment key={n}>
          {hunk.skipped > 0 && <div className="skipped">{t("versions.skipped", { count: hunk.skipped })}</div>}
          {hunk.lines.map((line) => (
            <div key={`${String(line.before)} ${String(line.after)}`} className={line.kind}>
              <span className="no">{line.before}</span><span className="no">{line.after}</span>
              <span className="sign">{line.kind === "added" ? "+" : line.kind === "removed" ? "−" : ""}</span><span className="text">{line.text || " "}</span>
            </div>
          ))}
        </Fragment>
      ))}
      {rest > 0 && <div className="skipped">{t("versions.skipped", { count: rest })}</div>}
    </div>
  );
};

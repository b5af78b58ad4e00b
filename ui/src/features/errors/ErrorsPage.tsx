import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { patternOf, placeOf } from "../../lib/address";
import { problemIn } from "../../lib/problems";
import { shortTime, wholeTime } from "../../lib/time";
import { ago } from "../../lib/words";
import { CopyButton } from "../../parts/CopyButton";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { Icon } from "../../parts/Icon";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { messages } from "./text";
import "../../parts/beside.css";

type Problem = Schemas["FileProblem"];
const LIMIT = 50;

interface Search {
  q?: string;
  from?: string;
  open?: string;
}

const keyOf = (problem: Problem): string => `${problem.file}#${problem.position}`;
const placeIn = (problem: Problem): string => `${problem.file}${problem.line === null ? "" : `:${problem.line}`}`;

/** What is wrong, without the place, which stands beside it. */
const problemText = (problem: Problem): string => problemIn(problem.message, problem.file, problem.kind);

/** Dag files that could not be read: what is wrong with them, and what runs on meanwhile. */
export const ErrorsPage = () => {
  const t = useTexts(messages);
  const [search, set] = useAddress<Search>();
  const offset = placeOf(search.from);
  const { data, error, refetch } = useQuery({
    queryKey: ["import-errors", search.q, offset],
    queryFn: () => answered(server.GET("/ui/import-errors", { params: { query: { limit: LIMIT, offset, ...(search.q ? { file: patternOf(search.q) } : {}) } } })),
    placeholderData: keepPreviousData,
    meta: useSome("dag"),
  });
  const clock = useClock(usePresent(data?.now, true, 10));
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Problem>[] = [
    { id: "file", head: t("errors.file"), text: placeIn, cell: (row) => <span className="state"><i className="st" data-s="failed" aria-hidden="true" /><span className="id">{placeIn(row)}</span></span> },
    { id: "message", head: t("errors.message"), grow: true, text: problemText, cell: (row) => <code className="bad" title={row.message}>{problemText(row)}</code> },
    { id: "dags", head: t("errors.dags"), num: true, minor: true, text: (row) => row.dags.map((dag) => dag.dag_id).join(" "), cell: (row) => row.dags.length || <span className="dim">–</span> },
    { id: "since", head: t("errors.since"), minor: true, text: (row) => wholeTime(row.at, clock), cell: (row) => <time title={wholeTime(row.at, clock)}>{shortTime(row.at, clock)} <span className="dim">· {ago(row.at, clock, t)}</span></time> },
  ];
  const rows = data?.problems ?? [];
  const opened = rows.find((row) => keyOf(row) === search.open);
  return (
    <Page title={t("errors.title")}>
      <div className="bar">
        <SearchBox value={search.q ?? ""} label={t("errors.search")} onChange={(q) => { set({ q, from: undefined }); }} />
        {data && data.total > 0 && <span className="small mute">{t("errors.count", { count: data.total })}</span>}
      </div>
      {data && (
        <div className={opened ? "beside" : undefined}>
          <div className="grow">
            <DataTable
              label={t("errors.title")} columns={columns} rows={rows} keyOf={keyOf} chosen={search.open} open={(row) => { set({ open: keyOf(row) === search.open ? undefined : keyOf(row) }); }}
              empty={<Empty filtered={Boolean(search.q)} clear={() => { set({ q: undefined }); }}><p className="state"><i className="st" data-s="success" aria-hidden="true" />{t("errors.none")}</p></Empty>}
            />
            <TableFoot name="import-errors" columns={columns} rows={rows} total={data.total} offset={offset} {...steps(offset, LIMIT, rows.length, data.total, (from) => { set({ from: from ? String(from) : undefined }); })} />
          </div>
          {opened && <Detail problem={opened} close={() => { set({ open: undefined }); }} />}
        </div>
      )}
    </Page>
  );
};

const Detail = ({ problem, close }: { problem: Problem; close: () => void }) => {
  const t = useTexts(messages);
  return (
    <aside className="side broad" aria-label={placeIn(problem)}>
      <section>
        <div className="row">
          <h2 className="id wraps">{placeIn(problem)}</h2>
          <button type="button" className="btn quiet icon push" aria-label={t("errors.close")} onClick={close}><Icon name="x" /></button>
        </div>
        <div className="why small" data-s="failed"><code className="bad wraps">{problemText(problem)}</code></div>
        <p className="small mute">{t("errors.heals")}</p>
      </section>
      <section>
        <h3>{problem.dags.length ? t("errors.goOn", { count: problem.dags.length }) : t("errors.noDags")}</h3>
        <ul className="small">
          {problem.dags.map((dag) => (
            <li key={dag.dag_id}><Link className="id link" to="/dags/$dagId" params={{ dagId: dag.dag_id }}>{dag.dag_id}</Link>{dag.is_paused && <span className="dim"> · {t("errors.paused")}</span>}</li>
          ))}
        </ul>
      </section>
      <section>
        <div className="row"><h3>{problem.traceback ? t("errors.trace") : t("errors.noTrace")}</h3>{problem.traceback && <span className="push"><CopyButton text={problem.traceback} label={t("errors.copy")} /></span>}</div>
        {problem.traceback && <pre className="logtail" tabIndex={0}>{problem.traceback}</pre>}
      </section>
    </aside>
  );
};

import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useEffectEvent } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useFreshUntil, useLive } from "../../app/live";
import { usePresent } from "../../app/present";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { useHasStood } from "../../app/stood";
import { useTitle } from "../../app/title";
import { problemIn } from "../../lib/problems";
import type { State } from "../../lib/states";
import { wholeTime } from "../../lib/time";
import { ago } from "../../lib/words";
import { ChoiceChip } from "../../parts/ChoiceChip";
import { Icon } from "../../parts/Icon";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { DagRows } from "./DagRows";
import { Views } from "./Views";
import type { DagSort, DagsSearch, Show } from "./routes";
import { messages } from "./text";
import "./dags.css";

type DagList = Schemas["DagList"];
const PAGE = 100;
const TOPICS = ["dags"];
const SORTS: readonly DagSort[] = ["attention", "dag_id", "next_run_after", "-last_run"];

/** Page by page as the reader comes to it; each is asked for again while it is shown. */
const useDags = (search: DagsSearch) =>
  useInfiniteQuery({
    queryKey: ["dags", search],
    queryFn: ({ pageParam }) =>
      answered(
        server.GET("/ui/dags", {
          params: {
            query: {
              limit: PAGE,
              offset: pageParam,
              search: search.q ?? "",
              sort: search.sort ?? "attention",
              tags: search.tags ?? [],
              owners: search.owners ?? [],
              ...(search.show ? { show: [search.show] } : {}),
              ...(search.enabled ? { paused: false } : {}),
              ...(search.fav ? { favorite: true } : {}),
            },
          },
        }),
      ),
    initialPageParam: 0,
    getNextPageParam: (last, pages) => {
      const shown = pages.reduce((sum, page) => sum + page.dags.length, 0);
      return last.dags.length > 0 && shown < last.total ? shown : undefined;
    },
    placeholderData: keepPreviousData,
    refetchOnMount: false,
  });

/** What is there of another visit is shown first, and asked for again once it stands: the answer would compete with it. */
const useNewerOnceShown = ({ isStale, refetch }: ReturnType<typeof useDags>): void => {
  const hasStood = useHasStood();
  const renew = useEffectEvent(() => { if (isStale) void refetch({ cancelRefetch: false }); });
  useEffect(() => { if (hasStood) renew(); }, [hasStood]);
};

type Set = (change: Partial<Record<keyof DagsSearch, DagsSearch[keyof DagsSearch] | undefined>>) => void;

/** All Dags, what needs attention first. */
export const DagsPage = () => {
  const t = useTexts(messages);
  const search = useSearch({ from: "/shell/dags" });
  const navigate = useNavigate({ from: "/dags" });
  const dags = useDags(search);
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = dags;
  useNewerOnceShown(dags);
  useLive(TOPICS);
  const set: Set = (change) => {
    void navigate({ search: (old) => said({ ...old, ...change }) as DagsSearch, replace: true });
  };
  const list = data?.pages.at(-1);
  useFreshUntil(["dags", search], list);
  const failing = list?.counts.failing ?? 0;
  useTitle(`${failing ? `${String(failing)} ${t("dags.failing")} · ` : ""}${t("dags.title")}`, !list ? null : failing ? "failed" : "success");
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return (
    <div className="dags">
      <h1 className="sr">{t("dags.title")}</h1>
      <Filters search={search} list={list} set={set} />
      {list && list.broken.length > 0 && <Broken list={list} />}
      {data && list && (
        <DagRows
          rows={data.pages.flatMap((page) => page.dags)} total={list.total} now={list.now}
          isFiltered={Object.keys(search).some((key) => key !== "sort")} clear={() => void navigate({ search: said({ sort: search.sort }) as DagsSearch, replace: true })}
          more={() => { if (hasNextPage && !isFetchingNextPage) void fetchNextPage(); }}
        />
      )}
    </div>
  );
};

interface FiltersProps {
  search: DagsSearch;
  list: DagList | undefined;
  set: Set;
}

const Filters = ({ search, list, set }: FiltersProps) => {
  const t = useTexts(messages);
  const counts = list?.counts;
  const facets = useQuery({ queryKey: ["dags", "facets"], queryFn: () => answered(server.GET("/ui/dag_facets")), staleTime: 60_000, enabled: useHasStood() }).data;
  const chips: { show: Show; state: State; count: number }[] = [
    { show: "failing", state: "failed", count: counts?.failing ?? 0 },
    { show: "running", state: "running", count: counts?.running ?? 0 },
    { show: "late", state: "scheduled", count: counts?.late ?? 0 },
  ];
  return (
    <div className="bar">
      <SearchBox value={search.q ?? ""} label={t("dags.search")} onChange={(q) => { set({ q }); }} />
      {chips.map(({ show, state, count }) => (
        <button key={show} type="button" className="chip" aria-pressed={search.show === show} onClick={() => { set({ show: search.show === show ? undefined : show }); }}>
          <i className="st" data-s={state} aria-hidden="true" />{t(`dags.${show}`)}<b>{count}</b>
        </button>
      ))}
      <button type="button" className="chip" aria-pressed={Boolean(search.fav)} onClick={() => { set({ fav: !search.fav }); }}><Icon name="star" small />{t("dags.favourites")}<b>{list?.favorites ?? 0}</b></button>
      {facets && (facets.tags.length > 0 || search.tags) && <ChoiceChip label={t("dags.tags")} find={t("dags.find")} none={t("dags.nothing")} choices={facets.tags} chosen={search.tags ?? []} onChange={(tags) => { set({ tags: tags.length ? tags : undefined }); }} />}
      {facets && (facets.owners.length > 1 || search.owners) && <ChoiceChip label={t("dags.owners")} find={t("dags.find")} none={t("dags.nothing")} choices={facets.owners} chosen={search.owners ?? []} onChange={(owners) => { set({ owners: owners.length ? owners : undefined }); }} />}
      <button type="button" className="chip" aria-pressed={Boolean(search.enabled)} onClick={() => { set({ enabled: !search.enabled }); }}>{t("dags.enabled")}</button>
      <span className="push" />
      <span className="small dim hide-mid nowrap">{list && t("dags.count", { count: list.total })}</span>
      <Views search={search} />
      <label className="sort small mute hide-narrow">
        {t("dags.sort")}
        <select value={search.sort ?? "attention"} onChange={(event) => { set({ sort: event.target.value as DagSort }); }}>
          {SORTS.map((sort) => <option key={sort} value={sort}>{t(`dags.sort.${sort}`)}</option>)}
        </select>
      </label>
    </div>
  );
};

const Broken = ({ list }: { list: DagList }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(list.now, true, 10));
  const first = list.broken[0];
  if (!first) return null;
  return (
    <div className="importerr" role="status">
      <i className="st" data-s="failed" aria-hidden="true" />
      <b className="med nowrap">{t("dags.broken", { count: list.broken.length })}</b>
      <code className="bad cut" title={first.message}>{first.file}{first.line ? `:${String(first.line)}` : ""} {problemIn(first.message, first.file)}</code>
      <span className="dim hide-narrow nowrap" title={wholeTime(first.at, clock)}>{ago(first.at, clock, t)} · {t("dags.brokenGoesOn")}</span>
    </div>
  );
};

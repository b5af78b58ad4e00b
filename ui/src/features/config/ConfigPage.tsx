import { useQuery } from "@tanstack/react-query";
import { answered, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useTexts } from "../../app/settings";
import { type Column, DataTable, TableFoot } from "../../parts/DataTable";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { foundSettings, type Setting, type Show } from "./found";
import { Tabs } from "./Tabs";
import { messages } from "./text";

const SHOWS: readonly Show[] = ["set", "unused"];

interface Search {
  q?: string;
  show?: Show;
}

/** Every setting with its value, and who said so. */
export const ConfigPage = () => {
  const t = useTexts(messages);
  const [search, set] = useAddress<Search>();
  const { data, error, refetch } = useQuery({ queryKey: ["settings"], queryFn: () => answered(server.GET("/ui/settings")) });
  const columns: Column<Setting>[] = [
    { id: "name", head: t("config.name"), text: (row) => `${row.section}.${row.key}`, cell: (row) => <span className="id"><span className="dim">{row.section}.</span>{row.key}</span> },
    { id: "value", head: t("config.value"), text: (row) => row.value, cell: (row) => <Value setting={row} /> },
    { id: "source", head: t("config.source"), minor: true, text: (row) => row.source, cell: (row) => (row.is_default ? <span className="dim">{t("config.default")}</span> : <code>{row.source}</code>) },
    { id: "help", head: t("config.help"), grow: true, minor: true, text: (row) => row.help, cell: (row) => <span className="mute" title={row.help}>{!row.is_used && <span className="tag">{t("config.noEffect")}</span>} {row.help}</span> },
  ];
  const rows = foundSettings(data?.settings ?? [], search.q ?? "", search.show);
  return (
    <Page title={t("config.settings")}>
      <Tabs />
      {error && !data ? <Trouble error={error} retry={() => void refetch()} /> : (
        <>
          <div className="bar">
            <SearchBox value={search.q ?? ""} label={t("config.search")} onChange={(q) => { set({ q }); }} />
            {SHOWS.map((show) => <button key={show} type="button" className="chip" aria-pressed={search.show === show} onClick={() => { set({ show: search.show === show ? undefined : show }); }}>{t(`config.${show}`)}</button>)}
            <span className="small dim push hide-narrow">{t("config.how")}</span>
          </div>
          {data && (
            <>
              <DataTable label={t("config.settings")} columns={columns} rows={rows} keyOf={(row) => `${row.section}.${row.key}`} empty={<p>{t("config.none")}</p>} />
              <TableFoot name="settings" columns={columns} rows={rows} total={rows.length} />
            </>
          )}
        </>
      )}
    </Page>
  );
};

const Value = ({ setting }: { setting: Setting }) => {
  const t = useTexts(messages);
  if (!setting.value) return <span className="dim">{t("config.empty")}</span>;
  if (setting.is_secret) return <span className="dim">{t("config.secret")}</span>;
  return <code className={setting.is_default ? "" : "med"} title={setting.value}>{setting.value.length > 60 ? `${setting.value.slice(0, 60)}…` : setting.value}</code>;
};

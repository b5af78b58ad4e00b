import { useQuery } from "@tanstack/react-query";
import { answered, type Schemas, server } from "../../api/client";
import { useTexts } from "../../app/settings";
import { webLink } from "../../lib/links";
import { type Column, DataTable } from "../../parts/DataTable";
import { Page } from "../../parts/Page";
import { Trouble } from "../../parts/Trouble";
import { Tabs } from "./Tabs";
import { messages } from "./text";

type Plugin = Schemas["PluginResponse"];
type Provider = Schemas["ProviderResponse"];
const MOST = 100;

/** What has been added to this installation: plugins, and the provider packages. */
export const PluginsPage = () => {
  const t = useTexts(messages);
  return (
    <Page title={t("config.plugins")}>
      <Tabs />
      <Plugins />
      <Providers />
    </Page>
  );
};

/** The kinds of things that a plugin gives, with how many of each. */
const given = (plugin: Plugin): string =>
  Object.entries(plugin)
    .filter(([, things]) => Array.isArray(things) && things.length > 0)
    .map(([kind, things]) => `${kind} ${things.length}`)
    .join(", ");

const Plugins = () => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({ queryKey: ["plugins"], queryFn: () => answered(server.GET("/api/v2/plugins", { params: { query: { limit: MOST } } })) });
  const broken = useQuery({ queryKey: ["plugins", "errors"], queryFn: () => answered(server.GET("/api/v2/plugins/importErrors")) });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Plugin>[] = [
    { id: "name", head: t("config.plugin"), cell: (row) => <span className="id">{row.name}</span> },
    { id: "source", head: t("config.from"), cell: (row) => <code>{row.source}</code> },
    { id: "gives", head: t("config.gives"), grow: true, cell: (row) => <span className="mute">{given(row)}</span> },
  ];
  return (
    <section>
      <div className="bar"><h2>{t("config.pluginsHead")}</h2></div>
      {broken.data && broken.data.total_entries > 0 && (
        <div className="told" role="status">
          <b className="bad">{t("config.broken", { count: broken.data.total_entries })}</b>
          <ul>{broken.data.import_errors.map((each) => <li key={each.source}><code>{each.source}</code> <span className="bad">{each.error}</span></li>)}</ul>
        </div>
      )}
      {data && <DataTable label={t("config.pluginsHead")} columns={columns} rows={data.plugins} keyOf={(row) => row.name} empty={<p>{t("config.noPlugins")}</p>} />}
    </section>
  );
};

const Providers = () => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({ queryKey: ["providers"], queryFn: () => answered(server.GET("/api/v2/providers", { params: { query: { limit: MOST } } })) });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Provider>[] = [
    { id: "name", head: t("config.provider"), cell: (row) => <span className="id">{row.package_name}</span> },
    { id: "version", head: t("config.version"), cell: (row) => <code>{row.version}</code> },
    { id: "about", head: t("config.about"), grow: true, cell: (row) => <span className="mute">{row.description}</span> },
    {
      id: "documentation", head: "",
      cell: (row) => {
        const address = webLink(row.documentation_url);
        return address && <a className="link" href={address} target="_blank" rel="noreferrer">{t("config.documentation")}</a>;
      },
    },
  ];
  return (
    <section>
      <div className="bar"><h2>{t("config.providersHead")}</h2></div>
      {data && <DataTable label={t("config.providersHead")} columns={columns} rows={data.providers} keyOf={(row) => row.package_name} empty={<p>{t("config.noProviders")}</p>} />}
    </section>
  );
};

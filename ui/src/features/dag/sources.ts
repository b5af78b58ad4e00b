/** Versions of a Dag and their sources. A version never changes, so what was read of one is kept. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, server } from "../../api/client";

const MOST = 100;

/** Newest first. `current` is the version that the Dag goes by: with another one there are new versions. */
export const useVersions = (dagId: string, current: string) =>
  useQuery({
    queryKey: ["versions", dagId, current],
    queryFn: async () =>
      (await answered(server.GET("/api/v2/dags/{dag_id}/dagVersions", { params: { path: { dag_id: dagId }, query: { limit: MOST, order_by: ["-version_number"] } } }))).dag_versions,
    placeholderData: keepPreviousData,
  });

export const useSource = (dagId: string, version: number | undefined, current: string, enabled = true) =>
  useQuery({
    queryKey: ["source", dagId, version ?? current],
    queryFn: async () => {
      const found = await answered(
        server.GET("/api/v2/dagSources/{dag_id}", {
          params: { path: { dag_id: dagId }, query: version === undefined ? {} : { version_number: version } }, headers: { accept: "application/json" },
        }),
      );
      return typeof found === "string" ? { content: found, version_number: version ?? null } : found;
    },
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    enabled,
  });

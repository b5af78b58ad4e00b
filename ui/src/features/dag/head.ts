import { useQuery } from "@tanstack/react-query";
import { answered, server } from "../../api/client";

/** What stands above every view of a Dag; asked for once, whoever wants it. */
export const useHead = (dagId: string) =>
  useQuery({
    queryKey: ["dag", dagId],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/head", { params: { path: { dag_id: dagId } } })),
  });

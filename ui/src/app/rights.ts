/** What whoever is signed in may do. The server decides again with each request; pages only leave out what it would refuse. */
import { useQuery } from "@tanstack/react-query";
import { answered, type Schemas, server } from "../api/client";

export type Need = `${Schemas["Action"]} ${Schemas["Resource"]}`;

/** Whether a right is given, on some Dag at least. Nothing is until the server has answered. */
export const useMay = (): ((need: Need) => boolean) => {
  const { data } = useQuery({ queryKey: ["me"], queryFn: () => answered(server.GET("/auth/me")), staleTime: 60_000 });
  return (need) => data?.rights.some((right) => `${right.action} ${right.resource}` === need) ?? false;
};

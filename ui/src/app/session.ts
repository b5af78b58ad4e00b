/** Who is signed in. A server that asks for a name is answered by the sign-in page. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { ApiError, answered, type Schemas, server } from "../api/client";
import { type May, mayOf } from "../lib/rights";
import { useSettings } from "./settings";

export type Session = Schemas["Session"];

export const useSession = (): { session: Session | undefined; error: Error | null } => {
  const { data, error } = useQuery({ queryKey: ["session"], queryFn: () => answered(server.GET("/ui/session")), staleTime: 60_000 });
  const { setHome } = useSettings();
  useEffect(() => {
    if (data) setHome(data.zone);
  }, [data, setHome]);
  useSignInWhere(error);
  return { session: data, error };
};

export const useMay = (): May => {
  const { data } = useQuery({ queryKey: ["session"], queryFn: () => answered(server.GET("/ui/session")), staleTime: 60_000 });
  return useMemo(() => mayOf(data), [data]);
};

/** Go to the sign-in page when the server does not know who asks, and come back afterwards. */
export const useSignInWhere = (error: Error | null): void => {
  const navigate = useNavigate();
  useEffect(() => {
    if (error instanceof ApiError && error.status === 401) {
      const next = location.pathname + location.search;
      void navigate({ to: "/login", search: next === "/" ? {} : { next }, replace: true });
    }
  }, [error, navigate]);
};

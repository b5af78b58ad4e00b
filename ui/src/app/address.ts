/** What is set on a page is in its address; changing it stays on the page. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { said } from "./root";

/** The parts of this page's address, and how to change some of them. */
export const useAddress = <S extends object>(): [S, (change: { [K in keyof S]?: S[K] | undefined }) => void] => {
  const search: unknown = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    (change: object): void => {
      void navigate({ to: ".", search: ((old: object) => said({ ...old, ...change })) as never, replace: true });
    },
    [navigate],
  );
  return [search as S, set];
};

/** A change through the server, after which what it touched is read again. */
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";

export const useChange = <V>(call: (value: V) => Promise<unknown>, touched: readonly QueryKey[], done?: () => void) => {
  const queries = useQueryClient();
  return useMutation<unknown, Error, V>({
    mutationFn: call,
    onSuccess: () => { done?.(); },
    // Also after a refusal: it often says that something has changed meanwhile.
    onSettled: () => Promise.all(touched.map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
};

import { useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { ApiError, send } from "../../api/client";
import { useTexts } from "../../app/settings";
import { refusalText } from "../../lib/refusals";
import { spanText } from "../../lib/words";
import type { Say } from "../../i18n/texts";
import { Barb } from "../../parts/Icon";
import { messages } from "./text";

/** Name and password; what is wrong is said below them. */
export const LoginPage = () => {
  const t = useTexts(messages);
  const router = useRouter();
  const queries = useQueryClient();
  const { next } = useSearch({ from: "/login" });
  const [trouble, setTrouble] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    document.title = `${t("login.title")} · Tradewind`;
  }, [t]);
  const signIn = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await send("POST", "/auth/login", { username: form.get("username"), password: form.get("password") });
      queries.clear();
      router.history.push(next ?? `${router.basepath === "/" ? "" : router.basepath}/`);
    } catch (error) {
      setTrouble(error as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <form onSubmit={(event) => void signIn(event)}>
        <h1 className="brand"><Barb />Tradewind</h1>
        <div className="field">
          <label htmlFor="username">{t("login.name")}</label>
          <input id="username" name="username" className="input" autoComplete="username" autoCapitalize="none" required autoFocus />
        </div>
        <div className="field">
          <label htmlFor="password">{t("login.password")}</label>
          <input id="password" name="password" type="password" className="input" autoComplete="current-password" required />
        </div>
        {trouble && <p className="hint bad" role="alert">{said(trouble, t)}</p>}
        <button type="submit" className="btn primary big" disabled={isBusy}>{t("login.act")}</button>
      </form>
    </main>
  );
};

const said = (error: Error, t: Say<keyof typeof messages.en>): string => {
  if (!(error instanceof ApiError) || error.status === 0) return t("error.network");
  if (error.status === 429) return t("login.wait", { span: spanText((error.retryAfter ?? 30) * 1e6, t) });
  if (error.status === 503) return t("login.away");
  return error.status === 401 ? t("login.wrong") : refusalText(error, t);
};

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { answered, ApiError, BASE, send, server } from "../../api/client";
import { useSettings, useTexts } from "../../app/settings";
import { refusalText } from "../../lib/refusals";
import { spanText } from "../../lib/words";
import type { Say } from "../../i18n/texts";
import { Barb } from "../../parts/Icon";
import { Sea } from "./Sea";
import { messages } from "./text";
import "./login.css";

/** Name and password, or the identity provider that there is; what is wrong is said below them. */
export const LoginPage = () => {
  const t = useTexts(messages);
  const router = useRouter();
  const queries = useQueryClient();
  const { next, problem } = useSearch({ from: "/login" });
  const { data: ways } = useQuery({ queryKey: ["providers"], queryFn: () => answered(server.GET("/auth/providers")), retry: false, staleTime: Infinity });
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
      <div className="sea">
        <Sea />
        <div className="brand"><Barb />Tradewind</div>
        <p>{t("login.motto")}</p>
      </div>
      <form onSubmit={(event) => void signIn(event)}>
        <h1>{t("login.title")}</h1>
        <div className="field">
          <label htmlFor="username">{t("login.name")}</label>
          <input id="username" name="username" className="input" autoComplete="username" autoCapitalize="none" required autoFocus />
        </div>
        <div className="field">
          <label htmlFor="password">{t("login.password")}</label>
          <input id="password" name="password" type="password" className="input" autoComplete="current-password" required />
        </div>
        {(trouble ?? problem) && <p className="hint bad" role="alert">{trouble ? said(trouble, t) : t(`login.problem.${problem ?? "refused"}`)}</p>}
        <button type="submit" className="btn primary big" disabled={isBusy}>{t("login.act")}</button>
        {ways?.providers.map((provider) => (
          <div key={provider.login} className="otherway">
            <p className="or">{t("login.or")}</p>
            <a className="btn big" href={`${provider.login}?${new URLSearchParams({ next: next ?? `${BASE}/` }).toString()}`}>{t("login.with", { name: provider.name })}</a>
          </div>
        ))}
        <Looks />
      </form>
    </main>
  );
};

/** Language and theme, for who cannot open the settings yet. */
const Looks = () => {
  const t = useTexts(messages);
  const { language, theme, choose } = useSettings();
  const other = language === "ko" ? "en" : "ko";
  return (
    <div className="foot">
      <button type="button" className="btn quiet" lang={other} onClick={() => { choose({ language: other }); }}>{OTHERS[other]}</button>
      <button type="button" className="btn quiet" onClick={() => { choose({ themeChoice: theme === "dark" ? "light" : "dark" }); }}>{t(theme === "dark" ? "login.light" : "login.dark")}</button>
    </div>
  );
};

const OTHERS = { en: "English", ko: "한국어" } as const;

const said = (error: Error, t: Say<keyof typeof messages.en>): string => {
  if (!(error instanceof ApiError) || error.status === 0) return t("error.network");
  if (error.status === 429) return t("login.wait", { span: spanText((error.retryAfter ?? 30) * 1e6, t) });
  if (error.status === 503) return t("login.away");
  return error.status === 401 ? t("login.wrong") : refusalText(error, t);
};

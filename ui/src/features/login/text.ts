/** What these pages say. */
import { texts } from "../../i18n/texts";

export const messages = texts(
  {
    "login.title": "Sign in",
    "login.name": "Name",
    "login.password": "Password",
    "login.act": "Sign in",
    "login.wrong": "Name or password is not right.",
    "login.wait": "Too many tries. Wait {span} and try again.",
    "login.away": "The scheduler does not answer, so nobody can sign in. Try again in a moment.",
  },
  {
    "login.title": "로그인",
    "login.name": "이름",
    "login.password": "비밀번호",
    "login.act": "로그인",
    "login.wrong": "이름 또는 비밀번호가 맞지 않습니다.",
    "login.wait": "시도 횟수가 너무 많습니다. {span} 뒤에 다시 시도하세요.",
    "login.away": "스케줄러가 응답하지 않아 로그인할 수 없습니다. 잠시 뒤 다시 시도하세요.",
  },
);

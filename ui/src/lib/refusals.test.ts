import { expect, it, vi } from "vitest";
import { refusalsKo } from "../i18n/refusals.ko";
import { translate } from "../i18n/text";

vi.stubGlobal("document", { querySelector: () => null });
const { ApiError } = await import("../api/client");
const { refusalText } = await import("./refusals");

const said = (language: "en" | "ko", error: Error): string => refusalText(error, (key, values) => translate(language, key, values));

it("says a refusal as the server does, and in Korean what kind of refusal it is before that", () => {
  const error = new ApiError(409, "A pool named x exists already.");
  expect(said("en", error)).toBe("A pool named x exists already.");
  expect(said("ko", error)).toBe("지금 상태에서는 할 수 없습니다. A pool named x exists already.");
  expect(said("ko", new ApiError(502, ""))).toBe("서버에서 오류가 났습니다.");
  expect(said("ko", new ApiError(415, "Send JSON."))).toBe("입력을 받을 수 없습니다. Send JSON.");
});

it("says in Korean what the server says most often, with its values", () => {
  const error = new ApiError(404, "Dag 'orders' has no run 'r1'; `tradewind dags list-runs orders` shows its runs.");
  expect(said("ko", error)).toBe("Dag orders에 실행 r1: 없는 실행입니다.");
  expect(said("en", error)).toBe(error.message);
  expect(said("ko", new ApiError(409, "There is a pool 'a.b' already; change that, or choose another name."))).toBe("같은 이름이 이미 있습니다(pool 'a.b'). 그것을 수정하거나 다른 이름을 쓰세요.");
});

it("uses no value in Korean that the server's sentence has not", () => {
  const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((hole) => hole[1] ?? "");
  for (const [english, korean] of Object.entries(refusalsKo)) expect(holes(english)).toEqual(expect.arrayContaining(holes(korean)));
});

it("says that nothing answers where nothing did, and what is no answer of the server as it is", () => {
  expect(said("en", new ApiError(0, ""))).toBe("The server does not answer.");
  expect(said("ko", new Error("of the page"))).toBe("of the page");
});

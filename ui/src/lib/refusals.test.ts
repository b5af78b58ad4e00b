import { expect, it, vi } from "vitest";
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

it("says that nothing answers where nothing did, and what is no answer of the server as it is", () => {
  expect(said("en", new ApiError(0, ""))).toBe("The server does not answer.");
  expect(said("ko", new Error("of the page"))).toBe("of the page");
});

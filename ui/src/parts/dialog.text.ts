import { texts } from "../i18n/texts";

export const messages = texts(
  { "dialog.close": "Close", "dialog.cancel": "Cancel", "dialog.optional": "optional" },
  { "dialog.close": "닫기", "dialog.cancel": "취소", "dialog.optional": "선택" },
);

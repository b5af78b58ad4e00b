import { texts } from "../i18n/texts";

export const messages = texts(
  {
    "table.export": "Export as CSV",
    "table.exportNote": "The rows shown, as CSV",
    "table.shown": "{from} to {to} of {count}",
    "table.shownOnly": { one: "{count} row", other: "{count} rows" },
    "table.before": "Previous page",
    "table.after": "Next page",
    "table.paging": "Pages",
    "table.keys": "Arrow keys move between rows, Enter opens",
    "table.nothing": "Nothing fits these filters.",
    "table.clear": "Clear filters",
    "filter.add": "Add filter",
    "filter.remove": "Remove filter: {name}",
    "filter.any": "any",
  },
  {
    "table.export": "CSV로 내보내기",
    "table.exportNote": "표시된 행을 CSV로 저장",
    "table.shown": "{count}개 중 {from}–{to}",
    "table.shownOnly": "{count}개",
    "table.before": "이전 페이지",
    "table.after": "다음 페이지",
    "table.paging": "페이지",
    "table.keys": "방향키로 행 이동, Enter로 열기",
    "table.nothing": "조건에 맞는 항목이 없습니다.",
    "table.clear": "필터 지우기",
    "filter.add": "필터 추가",
    "filter.remove": "필터 제거: {name}",
    "filter.any": "전체",
  },
);

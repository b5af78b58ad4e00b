/** What a graph says. */
import { texts } from "../../i18n/texts";

export const messages = texts(
  {
    "graph.keys": "Arrow keys move, Enter opens, Space closes and opens groups, + and − zoom, 0 shows all",
    "graph.in": "Zoom in",
    "graph.out": "Zoom out",
    "graph.fit": "Show all",
    "graph.turn": "Turn",
    "graph.closed": { one: "group of {count} task", other: "group of {count} tasks" },
    "graph.edge.done": "satisfied",
    "graph.edge.block": "holds things up",
    "graph.edge.wait": "not yet",
    "graph.edge.off": "not taken",
    "graph.change.added": "new",
    "graph.change.removed": "gone",
    "graph.change.rewired": "other upstream",
  },
  {
    "graph.keys": "방향키로 이동, Enter로 열기, 스페이스 바로 그룹 접기·펼치기, +와 −로 확대·축소, 0으로 전체 보기",
    "graph.in": "확대",
    "graph.out": "축소",
    "graph.fit": "전체 보기",
    "graph.turn": "방향 바꾸기",
    "graph.closed": "작업 {count}개 그룹",
    "graph.edge.done": "충족",
    "graph.edge.block": "막고 있음",
    "graph.edge.wait": "아직",
    "graph.edge.off": "선택 안 됨",
    "graph.change.added": "추가됨",
    "graph.change.removed": "삭제됨",
    "graph.change.rewired": "선행 변경",
  },
);

/** What is said about commands that can still be taken back. */
import { texts } from "../i18n/texts";

export const messages = texts(
  {
    "held.region": "Just asked for",
    "held.undo": "Undo",
    "held.seconds": "{count} s",
    "held.now": "Send now",
    "held.sending": "Sending",
    "held.done": "Done",
    "held.failed": "This was not done",
  },
  {
    "held.region": "방금 요청한 작업",
    "held.undo": "되돌리기",
    "held.seconds": "{count}초",
    "held.now": "지금 보내기",
    "held.sending": "보내는 중",
    "held.done": "완료",
    "held.failed": "처리하지 못했습니다",
  },
);

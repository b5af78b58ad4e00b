/** English, the language that keys are named in. `{name}` is filled in; a message with plurals has forms by count. */
export type Message = string | { one?: string; other: string };

export const en = {
  "state.none": "No status",
  "state.scheduled": "Scheduled",
  "state.queued": "Queued",
  "state.running": "Running",
  "state.success": "Success",
  "state.failed": "Failed",
  "state.skipped": "Skipped",
  "state.upstream_failed": "Upstream failed",
  "state.up_for_retry": "Up for retry",
  "state.up_for_reschedule": "Up for reschedule",
  "state.deferred": "Deferred",
  "state.awaiting_input": "Awaiting input",
  "state.removed": "Removed",
  "state.restarting": "Restarting",

  "nav.main": "Main",
  "nav.home": "Home",
  "nav.dags": "Dags",

  "top.live": "Live",
  "top.reconnecting": "Reconnecting",
  "top.stale": "Stale since {time}",
  "top.schedulerAway": "Scheduler away since {time}",
  "top.neverLive": "Not live",
  "top.zone": "Time zone of every time on screen",
  "top.signOut": "Sign out",
  "top.skip": "Skip to content",

  "dag.last": "Last run",
  "dag.switch": "Schedule of {dag}",

  "schedule.asset": "when assets are updated",
  "schedule.assetOr": "when assets are updated, or {schedule}",
  "schedule.none": "by hand",
  "schedule.minutes": { one: "every minute", other: "every {count} min" },
  "schedule.hourly": "hourly at :{minute}",
  "schedule.hours": "every {count} h at :{minute}",
  "schedule.daily": "daily {time}",
  "schedule.weekdays": "weekdays {time}",
  "schedule.weekly": "{day} {time}",
  "schedule.monthly": "day {day} of the month, {time}",
  "schedule.off": "off",
  "schedule.late": "{span} late",

  "time.ago": "{span} ago",
  "time.at": "at {time}",
  "time.for": "for {span}",
  "time.second": { one: "{count} s", other: "{count} s" },
  "time.minute": { one: "{count} min", other: "{count} min" },
  "time.hour": { one: "{count} h", other: "{count} h" },
  "time.day": { one: "{count} d", other: "{count} d" },

  "error.title": "This could not be loaded",
  "error.retry": "Try again",
  "error.notFound": "There is no such page.",
  "error.network": "The server does not answer.",
  "close": "Close",
  "copied": "Copied",
  "cancel": "Cancel",
} as const satisfies Record<string, Message>;

export type Key = keyof typeof en;

"""Measure the web UI before a large installation, with a real browser: what a reader waits for, goal by goal.

    python benchmarks/ui.py                     everything; about twenty minutes
    python benchmarks/ui.py --scale 0.1         a smaller installation: a quick try
    python benchmarks/ui.py --goals 2,3,api     some goals
    python benchmarks/ui.py --page A.json B.json    write the section of docs/benchmarks.md from earlier sessions

Needs the built web UI (`make ui`) and Chromium. A session leaves a JSON file with every single value.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import machine
from harness.bench import say, write
from harness.figures import Figure
from web import report
from web.eyes import chromium, eyes
from web.goals import everywhere, first, live, logs, pictures, server
from web.place import large
from web.sight import Goal, Sight, measured
from web.sizes import sizes_at

from tradewind import __version__

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
DIST = HERE.parent / "src" / "tradewind" / "ui_dist" / "index.html"
GOALS: dict[str, Goal] = {
    goal.name: goal
    for goal in (*server.GOALS, *first.GOALS, *pictures.GOALS, *logs.GOALS, *live.GOALS, *everywhere.GOALS)
}
TITLES = {name: goal.title for name, goal in GOALS.items()}
UNMEASURED = {
    "Selecting 5,000 lines with the pointer": "copied by the button of a range of lines instead.",
    "Keyboard alone (goal 15)": "only how soon the palette opens; tests/ui/test_keyboard.py does a day's work by keys.",
    "Palettes as the colour-blind see them (goal 16)": "ui/src/styles/states.test.ts computes them from the tokens.",
    "Plural forms and IME (goal 17)": "the compiler holds both languages to the same keys.",
    "Time zones (goal 18)": "ui/src/lib has tests of its own for them.",
    "Forms that send what they show (goal 19)": "only double clicks.",
    "Goals 9 to 13 and 20": "what they ask for is whether an answer is right, which tests of the pages look at.",
}


def main() -> None:
    options = _options()
    if options.page:
        write_section([json.loads(path.read_text()) for path in options.page], options.page_to)
        return
    names = [name.strip() for name in options.goals.split(",") if name.strip()] or list(GOALS)
    if unknown := [name for name in names if name not in GOALS]:
        sys.exit(f"There is no goal {', '.join(unknown)}; the goals are {', '.join(GOALS)}.")
    if chromium() is None:
        sys.exit(
            "The web UI is measured with Chromium; install it (Debian: `apt install chromium`), or name it in CHROMIUM."
        )
    if not DIST.is_file():
        sys.exit("The web UI is not built; run `make ui`.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sizes = sizes_at(options.scale)
    with tempfile.TemporaryDirectory(prefix="tradewind-ui-", dir=options.scratch, ignore_cleanup_errors=True) as place:
        scratch = Path(place)
        session: dict[str, Any] = {
            "began": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": _command(options, names),
            "version": __version__,
            "load": os.getloadavg()[0],
            "machine": machine.machine_facts(scratch),
            "sizes": sizes.as_json(),
            "repeat": options.repeat,
            "figures": [],
            "troubles": {},
        }
        target = options.out / f"ui-{session['began'][:19].replace(':', '')}-{os.getpid()}.json"
        figures: list[Figure] = []
        with large(scratch, sizes, options.kept) as installation, eyes(installation) as browser:
            session["instances"] = installation.rows("SELECT COUNT(*) FROM task_instance")[0][0]
            sight = Sight(installation, browser, sizes, options.repeat)
            for name in names:
                found, trouble = measured(GOALS[name], sight)
                figures += found
                if trouble:
                    session["troubles"][name] = trouble
                session["figures"] = [one.as_json() for one in figures]
                session["load_end"] = os.getloadavg()[0]
                write(target, json.dumps(session, indent=1) + "\n")
    print(report.as_text(TITLES, figures, session["troubles"]))
    for what, why in UNMEASURED.items():
        print(f"not measured: {what}: {why}")
    say(f"\nEvery value: {target}")
    if len(names) == len(GOALS) and options.scale == 1:
        write_section([session], options.page_to)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of the installation: 1 is what the goals name")
    parser.add_argument("--goals", default="", help=f"some of {','.join(GOALS)}")
    parser.add_argument("--repeat", type=int, default=10, help="measurements of each figure")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder of the JSON file")
    parser.add_argument(
        "--kept", type=Path, default=None, help="folder to keep the large installation in, or take it from"
    )
    parser.add_argument("--scratch", type=Path, default=None, help="folder whose disk is used")
    parser.add_argument(
        "--page", type=Path, nargs="+", default=[], metavar="JSON", help="write the section from these sessions"
    )
    parser.add_argument("--page-to", type=Path, default=PAGE, help="the page that has the section")
    return parser.parse_args()


def _command(options: argparse.Namespace, names: list[str]) -> str:
    """What measures the same again."""
    goals = "" if len(names) == len(GOALS) else f" --goals {','.join(names)}"
    return f"python benchmarks/ui.py --scale {options.scale:g} --repeat {options.repeat}{goals}"


def write_section(sessions: list[dict[str, Any]], target: Path) -> None:
    """The section of the web UI in a page whose other parts stay; from sessions, oldest first."""
    others = report.without_ui_section(target.read_text("utf-8")).rstrip()
    write(target, f"{others}\n\n{report.as_section(sessions, TITLES, UNMEASURED)}")
    say(f"Page: {target}")


if __name__ == "__main__":
    main()

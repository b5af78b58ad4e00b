"""Where a browser goes after a login: to a page of this installation, whatever the link says."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

LONGEST = 2000


def safe_next(wanted: str | None, base: str, host: str) -> str:
    """A path of this installation, as it was asked for if it is one; else the home page.

    `base` is where the installation stands below its host. An address with our own `host` is taken for its path.
    """
    home = f"{base}/"
    if not wanted or len(wanted) > LONGEST or any(char <= " " or char in "\\\x7f" for char in wanted):
        return home
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return home
    if parts.netloc or parts.scheme:
        if parts.scheme not in ("http", "https") or parts.netloc.lower() != host.lower():
            return home
    elif not wanted.startswith("/") or wanted.startswith("//"):
        return home
    path = parts.path or "/"
    if not path.startswith("/") or "//" in path or any(step in (".", "..") for step in path.split("/")):
        return home
    if base and path != base and not path.startswith(home):
        return home
    return urlunsplit(("", "", path, parts.query, parts.fragment))

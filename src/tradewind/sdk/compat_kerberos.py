"""Kerberos as provider packages ask for it: whose ticket, and a new one from a keytab."""

from __future__ import annotations

import logging
import socket
import subprocess

from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowException

_log = logging.getLogger("tradewind.task")


def get_kerberos_principal(principal: str | None) -> str:
    """The principal given, else that of `[kerberos] principal` with this machine's name for `_HOST`."""
    return principal or str(conf.get("kerberos", "principal", fallback="airflow")).replace("_HOST", socket.getfqdn())


get_kerberos_principle = get_kerberos_principal


def renew_from_kt(principal: str | None, keytab: str, exit_on_fail: bool = True) -> int:
    """Have kinit put a new ticket into `[kerberos] ccache`; its exit code. A failure raises, unless told not to."""
    minutes = conf.getint("kerberos", "reinit_frequency", fallback=3600)
    command = [
        str(conf.get("kerberos", "kinit_path", fallback="kinit")),
        "-f" if conf.getboolean("kerberos", "forwardable", fallback=True) else "-F",
        "-a" if conf.getboolean("kerberos", "include_ip", fallback=True) else "-A",
        "-r", f"{minutes}m", "-k", "-t", keytab,
        "-c", str(conf.get("kerberos", "ccache", fallback="/tmp/airflow_krb5_ccache")),
        get_kerberos_principal(principal),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        code, said = done.returncode, done.stderr.strip() or done.stdout.strip()
    except OSError as error:
        code, said = 127, str(error)
    if code == 0:
        return 0
    problem = f"kinit gave no ticket for {command[-1]} from {keytab} (exit code {code}): {said}"
    if exit_on_fail:
        raise AirflowException(problem)
    _log.warning("%s", problem)
    return code

"""Provider packages come from the installed distributions, and what they import from `airflow` is Tradewind's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages folder with a real-looking apache-airflow and two providers."""
    files = {
        "airflow/__init__.py": "raise RuntimeError('the real airflow was imported')",
        "airflow/models/__init__.py": "raise RuntimeError('the real airflow.models was imported')",
        "airflow/only_there.py": "",
        "airflow/providers/acme/__init__.py": "",
        "airflow/providers/acme/hooks.py": (
            "from airflow import __version__\n"
            "from airflow.exceptions import AirflowException\n"
            "from airflow.utils.log.logging_mixin import LoggingMixin\n"
            "class AcmeHook(LoggingMixin):\n    release = __version__\n"
        ),
        "airflow/providers/common/acme/__init__.py": "HERE = True",
        "airflow/providers/common/compat/__init__.py": "raise RuntimeError('the real common.compat was imported')",
        "airflow/providers/standard/__init__.py": "raise RuntimeError('the real standard provider was imported')",
    }
    for name, text in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "site"


def run(site: Path, code: str) -> str:
    prelude = f"import sys; sys.path.insert(0, {str(site)!r}); import tradewind.compat as c; c.install()\n"
    done = subprocess.run([sys.executable, "-c", prelude + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_provider_is_imported_from_its_distribution_with_our_airflow_below_it(site: Path) -> None:
    code = "from airflow.providers.acme.hooks import AcmeHook; print(AcmeHook.release, AcmeHook.__mro__[1].__module__)"
    assert run(site, code) == "3.3.2 tradewind.sdk.compat_helpers"


def test_ours_wins_over_an_installed_apache_airflow(site: Path) -> None:
    code = "import airflow, airflow.models; print(airflow.__spec__.origin, airflow.models.__spec__.origin)"
    assert run(site, code) == "tradewind tradewind"


def test_a_module_that_only_the_installed_airflow_has_is_not_found(site: Path) -> None:
    code = "import importlib.util as u; print(u.find_spec('airflow.only_there'))"
    assert run(site, code) == "None"


def test_the_standard_provider_is_always_ours(site: Path) -> None:
    code = (
        "import airflow.providers.standard.operators.python as p, airflow.providers.common.compat.sdk as s;"
        "print(p.__spec__.origin, s.__spec__.origin)"
    )
    assert run(site, code) == "tradewind tradewind"


def test_a_package_of_ours_has_room_for_installed_neighbours(site: Path) -> None:
    assert run(site, "import airflow.providers.common.acme as a; print(a.HERE)") == "True"


def test_pkgutil_lists_installed_providers_beside_ours(site: Path) -> None:
    code = (
        "import pkgutil, airflow.providers as p;"
        "print(*sorted({m.name for m in pkgutil.iter_modules(p.__path__)} & {'acme', 'standard', 'common'}))"
    )
    assert run(site, code) == "acme common standard"


def test_a_folder_added_to_the_path_later_is_seen(site: Path) -> None:
    code = (
        f"sys.path.remove({str(site)!r}); import airflow.providers; sys.path.append({str(site)!r});"
        "import airflow.providers.acme as a; print(a.__name__)"
    )
    assert run(site, code) == "airflow.providers.acme"


STAND_IN = "from airflow.providers.http.sensors.http import HttpSensor as s; print(s.__module__)"


def test_ours_stands_in_for_a_provider_that_is_not_installed(site: Path) -> None:
    assert run(site, STAND_IN) == "tradewind.sdk.sensors.http"
    old = "from airflow.sensors.http_sensor import HttpSensor as s; print(s.__module__)"
    assert run(site, old) == "tradewind.sdk.sensors.http"
    below_common = "from airflow.providers.common.sql.sensors.sql import SqlSensor as s; print(s.__module__)"
    assert run(site, below_common) == "tradewind.sdk.sensors.sql"


def test_an_installed_provider_goes_before_what_would_stand_in(site: Path) -> None:
    folder = site / "airflow" / "providers" / "http" / "sensors"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "http.py").write_text("class HttpSensor: pass\n")
    assert run(site, STAND_IN) == "airflow.providers.http.sensors.http"
    old = "from airflow.sensors.http_sensor import HttpSensor as s; print(s.__module__)"
    assert run(site, old) == "airflow.providers.http.sensors.http"
    assert run(site, "import importlib.util as u; print(u.find_spec('airflow.providers.http.hooks'))") == "None"


def test_one_provider_of_a_family_stands_in_beside_installed_ones_of_it(site: Path) -> None:
    folder = site / "airflow" / "providers" / "apache" / "hive"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("HERE = True\n")
    spark = "from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator as s; "
    code = f"{spark}import airflow.providers.apache.hive as h; print(s.__module__, h.HERE)"
    assert run(site, code) == "tradewind.sdk.operators.spark_submit True"
    folder = site / "airflow" / "providers" / "apache" / "spark" / "operators"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "spark_submit.py").write_text(
        "from airflow.providers.common.compat.openlineage.utils.spark import "
        "inject_parent_job_information_into_spark_properties as inject\n"
        "from airflow.security.kerberos import renew_from_kt\n"
        "class SparkSubmitOperator:\n    conf = inject({'a': 1}, {})\n"
    )
    assert run(site, f"{spark}print(s.__module__, s.conf)") == (
        "airflow.providers.apache.spark.operators.spark_submit {'a': 1}"
    )


def test_a_name_that_the_stand_in_does_not_have_says_what_to_install(site: Path) -> None:
    code = (
        "import airflow.providers.http.hooks.http as module; print(hasattr(module, 'HttpAsyncHook'))\n"
        "try: from airflow.providers.http.hooks.http import HttpAsyncHook\n"
        "except ImportError as error: print(error)"
    )
    assert run(site, code).splitlines() == [
        "False",
        "airflow.providers.http.hooks.http.HttpAsyncHook is served by airflow.providers.http.hooks.http, which is not "
        "installed; run `pip install --no-deps apache-airflow-providers-http`.",
    ]


def test_a_file_is_run_with_our_airflow(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("VALUE = 7\n")
    file = tmp_path / "mine.py"
    file.write_text("import sys, airflow, beside\nprint(__name__, airflow.__version__, beside.VALUE, sys.argv[1:])\n")
    command = [sys.executable, "-m", "tradewind.compat", str(file), "a", "b"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "__main__ 3.3.2 7 ['a', 'b']\n"


def test_a_file_that_is_not_there_is_named() -> None:
    command = [sys.executable, "-m", "tradewind.compat", "no_such_file.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "There is no file 'no_such_file.py'; give the path of a Python file.\n"

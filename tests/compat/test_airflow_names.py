"""The finder: which `airflow` a process of ours sees, and what it says about names that it does not have."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import tradewind.compat as compat
from tradewind.compat import table


@pytest.mark.usefixtures("airflow_names")
class TestInstalled:
    def test_airflow_says_the_release_that_it_follows(self) -> None:
        import airflow
        from airflow.version import version

        assert airflow.__version__ == version == "3.3.2"

    def test_importing_a_module_resolves_none_of_its_names(self) -> None:
        module = importlib.import_module("airflow.operators.python")
        assert "PythonOperator" not in vars(module)
        assert "PythonOperator" in dir(module)

    def test_old_and_new_spellings_are_the_same_object(self) -> None:
        from airflow.exceptions import AirflowSkipException as old
        from airflow.sdk.exceptions import AirflowSkipException as new

        from tradewind.sdk.exceptions import AirflowSkipException as ours

        assert old is new is ours

    def test_the_state_stores_are_where_airflow_has_them(self) -> None:
        from airflow.providers.common.compat.sdk import ResumableJobMixin as compatible
        from airflow.sdk import NEVER_EXPIRE, ResumableJobMixin
        from airflow.sdk.bases.resumablejobmixin import ResumableJobMixin as own
        from airflow.sdk.execution_time.context import (
            NEVER_EXPIRE as inner,
        )
        from airflow.sdk.execution_time.context import (
            AssetStateStoreAccessors,
            TaskStateStoreAccessor,
        )

        assert own is compatible is ResumableJobMixin
        assert inner is NEVER_EXPIRE == timedelta.max
        assert hasattr(TaskStateStoreAccessor, "aset")
        assert hasattr(AssetStateStoreAccessors, "__getitem__")

    def test_a_module_is_reached_by_every_way_of_importing(self) -> None:
        import airflow
        import airflow.utils.dates as dates
        from airflow import utils
        from airflow.utils import timezone

        assert importlib.import_module("airflow.utils.dates") is dates is utils.dates is airflow.utils.dates
        assert timezone.datetime(2026, 1, 1).tzinfo is not None

    def test_a_submodule_is_reached_as_an_attribute_of_its_package(self) -> None:
        import airflow

        assert airflow.models.dag.__name__ == "airflow.models.dag"

    def test_a_submodule_does_not_hide_the_name_that_it_shares(self) -> None:
        import airflow.decorators.task_group
        from airflow.decorators import task_group

        assert callable(task_group)
        assert callable(airflow.decorators.task_group)
        assert importlib.import_module("airflow.decorators.task_group").task_group is task_group

    def test_a_star_import_brings_what_is_supported(self) -> None:
        names: dict[str, object] = {}
        exec("from airflow.sdk.exceptions import *", names)
        assert "AirflowSkipException" in names

    def test_find_spec_tells_modules_that_exist_from_those_that_do_not(self) -> None:
        assert importlib.util.find_spec("airflow.operators.bash_operator") is not None
        assert importlib.util.find_spec("airflow.operators.no_such_thing") is None

    def test_pkgutil_lists_the_modules(self) -> None:
        import airflow

        listed = {module.name: module.ispkg for module in pkgutil.iter_modules(airflow.__path__, "airflow.")}
        assert listed["airflow.models"] is True
        assert listed["airflow.version"] is False

    def test_a_module_that_airflow_does_not_have_is_not_found(self) -> None:
        with pytest.raises(ModuleNotFoundError, match=r"^No module named 'airflow.no_such_thing'$"):
            importlib.import_module("airflow.no_such_thing")

    def test_a_name_that_airflow_does_not_have_is_an_ordinary_import_error(self) -> None:
        with pytest.raises(ImportError, match="cannot import name 'no_such_name'"):
            exec("from airflow.models import no_such_name")

    def test_an_unsupported_name_says_who_asked(self, tmp_path: Path) -> None:
        file = tmp_path / "asks.py"
        file.write_text("import os\nfrom airflow.models.dagbag import DagBag\n")
        with pytest.raises(ImportError) as caught:
            exec(compile(file.read_text(), str(file), "exec"))
        assert str(caught.value) == (
            f"airflow.models.dagbag.DagBag is not supported by Tradewind yet (asked for in {file}:2)"
        )

    @pytest.mark.parametrize(
        ("line", "instead"),
        [
            ("from airflow.operators.subdag import SubDagOperator", "put its tasks into a TaskGroup"),
            ("from airflow.operators.subdag_operator import SubDagOperator", "put its tasks into a TaskGroup"),
            ("from airflow.io.path import ObjectStoragePath", "`UPath` of the distribution universal-pathlib"),
            ("from airflow.sdk import ObjectStoragePath", "`UPath` of the distribution universal-pathlib"),
        ],
    )
    def test_where_more_is_known_the_sentence_says_what_to_do_instead(self, line: str, instead: str) -> None:
        with pytest.raises(
            ImportError, match=r"is not supported by Tradewind yet \(asked for in .*\); .*\.$"
        ) as caught:
            exec(line)
        assert instead in str(caught.value)

    def test_an_unsupported_name_is_no_attribute(self) -> None:
        import airflow.models.dagbag

        assert not hasattr(airflow.models.dagbag, "DagBag")
        with pytest.raises(AttributeError, match=r"DagBag is not supported by Tradewind yet \(asked for in .*:\d+\)"):
            _ = airflow.models.dagbag.DagBag

    def test_an_old_spelling_is_noticed_with_its_line_and_modern_form(self, tmp_path: Path) -> None:
        file = tmp_path / "old.py"
        file.write_text("\nfrom airflow.utils.dates import days_ago\nfrom airflow.utils.state import State\n")
        exec(compile(file.read_text(), str(file), "exec"))
        [(where, line, sentence)] = compat.notices()
        assert (where, line) == (str(file), 2)
        assert sentence.startswith("`from airflow.utils.dates import days_ago` is an old spelling; write ")

    def test_every_place_that_uses_an_old_spelling_is_noticed_once(self, tmp_path: Path) -> None:
        for name in ("one.py", "two.py"):
            code = compile("from airflow.exceptions import AirflowSkipException\n" * 2, str(tmp_path / name), "exec")
            exec(code)
            exec(code)
        assert [(Path(file).name, line) for file, line, _ in compat.notices()] == [
            ("one.py", 1), ("one.py", 2), ("two.py", 1), ("two.py", 2)
        ]  # fmt: skip

    def test_old_spellings_inside_installed_packages_are_not_noticed(self) -> None:
        file = "/usr/lib/python3/site-packages/somebody/hooks.py"
        exec(compile("from airflow.exceptions import AirflowException", file, "exec"))
        assert compat.notices() == []

    def test_an_old_spelling_of_a_provider_name_says_which_provider_to_install(self) -> None:
        with pytest.raises(ImportError) as caught:
            exec("from airflow.contrib.operators.spark_jdbc_operator import SparkJDBCOperator")
        assert str(caught.value) == (
            "airflow.contrib.operators.spark_jdbc_operator.SparkJDBCOperator is served by "
            "airflow.providers.apache.spark.operators.spark_jdbc, which is not installed; "
            "run `pip install --no-deps apache-airflow-providers-apache-spark`."
        )

    def test_installing_twice_changes_nothing(self) -> None:
        before = list(sys.meta_path)
        compat.install()
        assert sys.meta_path == before


def test_nothing_is_served_before_install() -> None:
    code = "import tradewind.compat, importlib.util, sys; sys.exit(importlib.util.find_spec('airflow') is not None)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_installing_after_another_airflow_was_imported_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow", type(sys)("airflow"))
    with pytest.raises(compat.InstalledTooLate, match=r"call tradewind\.compat\.install"):
        compat.install()


def test_installing_reads_no_table_and_imports_no_sdk() -> None:
    code = (
        "import tradewind.compat, sys; tradewind.compat.install();"
        "print([name for name in sys.modules if name.startswith('tradewind.sdk')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def _targets() -> dict[str, str]:
    """Each place in Tradewind that the table names -> one spelling of it."""
    found = {}
    for module in table.modules():
        for name in table.names(module):
            target = table.target_of(module, name) or ""
            if not target.startswith("airflow."):
                found[target] = f"{module}.{name}"
    return found


def test_every_target_of_the_table_exists() -> None:
    missing = []
    for target, spelling in _targets().items():
        home, _, attribute = target.partition(":")
        try:
            value = importlib.import_module(home)
            for part in filter(None, attribute.split(".")):
                value = getattr(value, part)
        except (ImportError, AttributeError) as error:
            missing.append(f"{spelling} -> {target}: {error}")
    assert missing == []


def test_every_name_of_the_targets_file_is_asked_for_by_some_spelling() -> None:
    from tradewind.compat import targets

    kept = {f"{module}:{name}" for module, names in targets.NAMES.items() for name in names.split()}
    assert kept - _targets().keys() == set()

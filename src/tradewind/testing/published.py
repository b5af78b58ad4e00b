"""Example Dags of published Airflow releases, fetched from PyPI once and put where an installation finds them."""

from pathlib import Path

from tradewind.testing.fetching import fetched

WHEELS = {
    "2.11": ("apache-airflow==2.11.0",),
    "3.3": ("apache-airflow-core==3.3.2", "apache-airflow-providers-standard==1.21.0"),
}
FOLDERS = ("airflow/example_dags", "airflow/providers/standard/example_dags")


def examples_of(release: str) -> Path:
    """The folder of a release's unpacked examples; raises Unavailable when PyPI cannot be reached."""
    return fetched(f"tradewind-published-airflow/{release}", WHEELS[release], lambda name: "/example_dags/" in name)


def put_examples(release: str, into: Path, only: frozenset[str] = frozenset()) -> None:
    """Copy a release's example files (or `only` those) into a Dags folder, with what they import and read.

    The examples import their helpers as `airflow.example_dags.…`; here these lie beside them. What needs the Kubernetes
    provider, and the listener plugin, stay out.
    """
    for folder in (examples_of(release) / name for name in FOLDERS):
        for path in sorted(folder.rglob("*")):
            top_level = path.parent == folder and path.suffix == ".py"
            wanted = path.stem in only if only and top_level else "kubernetes" not in path.name
            if path.is_file() and wanted and "listener" not in path.name and path.name != "__init__.py":
                target = into / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = path.read_text(encoding="utf-8")
                target.write_text(text.replace("airflow.example_dags.", ""), encoding="utf-8")

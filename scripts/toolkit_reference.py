"""The reference of the data toolkit, from its source: signatures, fields and methods with their docstrings, and for
each name the example of `tests/docs/toolkit_examples.py`, which the tests run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLKIT = ROOT / "src" / "tradewind" / "data"
EXAMPLES = ROOT / "tests" / "docs" / "toolkit_examples.py"

SECTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Read, transform, write": {
        "processor": ("DataProcessor",),
        "settings": ("DataSettings",),
        "jobs": ("CsvJob", "Type", "Rule", "Derived", "GroupBy"),
        "transform": ("TransformResult",),
        "csv_check": ("check_csv", "CsvFacts"),
        "sources.database": ("sqlite_table_to_parquet",),
        "sources.http": ("fetch_json", "fetch_pages", "pages_to_parquet", "Patience"),
    },
    "Bring data in": {
        "sources.files": ("open_file", "open_csv", "open_json", "open_json_lines", "open_parquet"),
        "sources.xml": ("open_xml",),
        "sources.paging": ("open_api", "Paging", "RateLimit"),
        "sources.adbc": ("query_stream", "changed_since"),
    },
    "Load them": {
        "sinks.table": ("TableSink",),
        "sinks.duck": ("DuckDBSink",),
        "sinks.delta": ("DeltaSink",),
        "sinks.elasticsearch": ("ElasticsearchSink",),
        "sinks.files": ("FilesSink", "write_file"),
        "sinks.writer": ("AsyncWriter",),
        "cursors": ("Watermark",),
    },
    "Check": {
        "quality_engines": ("check", "quarantine", "drift_reference"),
        "quality_gates": ("quality_gate",),
        "quality": (
            "Rows", "not_null", "in_range", "one_of", "measure", "unique", "schema", "row_count", "at_least_one_row",
            "fresh", "rejection_rate", "CheckResult", "QualityResult",
        ),
        "duck": ("session", "Session"),
    },
    "Say how far it is": {
        "runtime": ("progress", "metric"),
        "monitoring": ("PrometheusMetrics", "prometheus_metrics"),
    },
    "Try again, and stop trying": {
        "retrying": ("retry", "RetryHandler"),
        "retry_rules": ("RetryStrategy",),
        "retry_statistics": ("RetryEvent", "RetryStatistics"),
        "circuit_breaker": ("CircuitBreaker", "CircuitOpen"),
        "circuit": ("CircuitState",),
        "shared_state": ("MemoryState", "FileState", "RedisState"),
    },
    "Tell people": {
        "alert_rules": ("AlertRule", "Alert"),
        "alerts": ("AlertManager", "alert_manager", "standard_rules"),
        "alert_channels": ("LogChannel", "EmailChannel", "SlackChannel", "WebhookChannel", "AppriseChannel"),
    },
    "Watch the machine": {"system_monitor": ("SystemMonitor", "http_service", "tcp_service")},
    "Errors": {
        "problems": (
            "DataError", "DataProblem", "BadInput", "BadSetting", "MemoryLimitReached", "QualityGateFailed", "DiskFull",
            "SourceUnavailable",
        ),
    },
}  # fmt: skip
"""What the page has, in its order: headings, modules of `tradewind.data`, names."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def toolkit() -> str:
    """The page's generated part."""
    out: list[str] = []
    for title, modules in SECTIONS.items():
        out += [f"## {title}", ""]
        for module, names in modules.items():
            for name in names:
                out += _entry(module, name)
    return "\n".join(out)


def listed() -> set[str]:
    """Every name that the page has."""
    return {name for modules in SECTIONS.values() for names in modules.values() for name in names}


def examples() -> dict[str, str]:
    """The code of each example, by the name that it is for."""
    text = EXAMPLES.read_text("utf-8")
    lines = text.splitlines()
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("example_of_"):
            body = lines[node.lineno : node.end_lineno]
            found[node.name.removeprefix("example_of_")] = "\n".join(line[4:] for line in body)
    return found


def _entry(module: str, name: str) -> list[str]:
    home = "tradewind.data" if name in _public() else f"tradewind.data.{module}"
    node, doc = _definition(module, name)
    lines = [f"### {name}", "", f"from `{home}`", ""]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        lines += [f"`{name}{_signature(node)}`", ""]
    elif isinstance(node, ast.ClassDef) and (init := _method(node, "__init__")) is not None:
        lines += [f"`{name}{_signature(init)}`", ""]
    lines += [_prose(doc), ""]
    if isinstance(node, ast.ClassDef):
        if init is not None and (more := ast.get_docstring(init)):
            lines += [_prose(more), ""]
        rows = [*_fields(node)]
        if rows:
            lines += ["| field | type | default | meaning |", "|---|---|---|---|", *rows, ""]
        methods = [*_methods(node)]
        if methods:
            lines += [*methods, ""]
    if name in examples():
        lines += ["```python", examples()[name], "```", ""]
    return lines


@cache
def _public() -> frozenset[str]:
    for node in _tree("__init__").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    raise LookupError("tradewind.data has no __all__.")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((TOOLKIT / (module.replace(".", "/") + ".py")).read_text("utf-8"))


def _definition(module: str, name: str) -> tuple[ast.AST, str]:
    """What the module says of a name, and its documentation; that of a value is the text below it."""
    body = _tree(module).body
    found: Definition | None = None
    for position, node in enumerate(body):
        if isinstance(node, Definition) and node.name == name and not _is_overload(node):
            found = node
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            after = body[position + 1]
            assert isinstance(after, ast.Expr), f"{module}.{name} is not documented"
            return node, f"A `{ast.unparse(node.value)}`. {ast.literal_eval(after.value)}"
    if found is None:
        raise LookupError(f"tradewind.data.{module} has no {name}; correct scripts/toolkit_reference.py.")
    return found, ast.get_docstring(found) or ""


def _is_overload(node: Definition) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == name), None)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Its arguments as they are written, without `self`, and what it gives."""
    arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))
    gives = ast.unparse(node.returns) if node.returns is not None else "None"
    return f"({arguments})" + (f" → {gives}" if gives != "None" else "")


def _fields(node: ast.ClassDef) -> Iterator[str]:
    is_enum = any(ast.unparse(base).endswith("Enum") for base in node.bases)
    for position, item in enumerate(node.body):
        after = node.body[position + 1] if position + 1 < len(node.body) else None
        doc = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            doc = " ".join(str(after.value.value).split())
        if isinstance(item, ast.AnnAssign) and not ast.unparse(item.target).startswith("_"):
            if "dataclass" not in " ".join(ast.unparse(each) for each in node.decorator_list):
                continue
            default = f"`{_cell(ast.unparse(item.value))}`" if item.value is not None else ""
            default = re.sub(r"field\(default_factory=(\w+)\)", r"\1()", default)
            name, kind = ast.unparse(item.target), _cell(ast.unparse(item.annotation))
            yield f"| `{name}` | `{kind}` | {default} | {_cell(doc)} |"
        elif is_enum and isinstance(item, ast.Assign):
            yield f"| `{ast.unparse(item.targets[0])}` | | `{_cell(ast.unparse(item.value))}` | {_cell(doc)} |"


def _methods(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if not isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) or item.name.startswith("_"):
            continue
        doc = _prose(ast.get_docstring(item) or "")
        decorators = {ast.unparse(each) for each in item.decorator_list}
        if "property" in decorators:
            gives = ast.unparse(item.returns) if item.returns is not None else ""
            shown = f"`.{item.name}`, `{gives}`"
        else:
            owner = node.name if "classmethod" in decorators else ""
            awaits = "await " if isinstance(item, ast.AsyncFunctionDef) else ""
            shown = f"`{awaits}{owner}.{item.name}{_signature(item)}`"
        yield f"- {shown}" + (f": {doc}" if doc else "").replace("\n\n", "\n\n  ")


def _prose(doc: str) -> str:
    """Paragraphs as one line each; tables and indented lines stay as they are."""
    paragraphs = ast.literal_eval(repr(doc)).strip().split("\n\n")
    return "\n\n".join(text if text.startswith(("    ", "| ")) else " ".join(text.split()) for text in paragraphs)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())

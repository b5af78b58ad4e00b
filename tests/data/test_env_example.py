"""`.env.example` has every key that is read, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tradewind.data import DataProcessor, DataSettings
from tradewind.data.alert_channels import channels_from_env
from tradewind.data.pipelines.weather.run import WeatherSettings
from tradewind.data.problems import MemoryLimitReached

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")
READ = re.compile(
    r"""(?:env(?:iron)?(?:\.get\(|\[)\s*|_number\(env,\s*|setting\(|is_on\()["']([A-Z][A-Z0-9_]{3,})["']"""
)
BY_LIBRARIES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
"""Read by obstore itself."""
BY_THE_ENGINE = {"AIRFLOW__CORE__PARALLELISM"}
NOT_FOR_PEOPLE = {"AIRFLOW_CTX_DAG_ID"}
"""Set by the engine for a task."""


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = [LINE.match(line) for line in lines if line and not line.startswith("#")]
    assert all(found)
    keys = [match[1] for match in found if match]
    assert len(keys) == len(set(keys))
    return {match[1]: match[2] for match in found if match}


def test_every_key_that_the_toolkit_reads_is_in_it(example: dict[str, str]) -> None:
    texts = [path.read_text() for path in (ROOT / "src/tradewind/data").rglob("*.py")]
    read = {key for text in texts for key in READ.findall(text)}
    assert len(read) > 25
    assert read - NOT_FOR_PEOPLE == set(example) - BY_LIBRARIES - BY_THE_ENGINE


def test_what_it_says_holds_without_a_key_does_hold(example: dict[str, str]) -> None:
    assert DataSettings.from_env(example) == DataSettings.from_env({})
    assert [channel.name for channel in channels_from_env(example)] == ["log"]
    assert WeatherSettings.from_env(example) == WeatherSettings.from_env({})


def test_the_engines_keys_are_settings(example: dict[str, str]) -> None:
    from tradewind.config.table import Core

    assert example["AIRFLOW__CORE__PARALLELISM"] == str(Core().parallelism)


@pytest.mark.parametrize(("chunk", "batches"), [("10", 10), ("30", 4)])
def test_chunk_size_is_the_size_of_a_batch(chunk: str, batches: int) -> None:
    async def work(batch: list[int]) -> int:
        return len(batch)

    done = DataProcessor.from_settings(DataSettings.from_env({"CHUNK_SIZE": chunk})).run_async(range(100), work)
    assert done.batches == batches


def test_max_workers_is_how_many_work_at_once() -> None:
    import asyncio

    async def work(batch: list[int]) -> None:
        await asyncio.sleep(0.001)

    for workers in (1, 3):
        settings = DataSettings.from_env({"CHUNK_SIZE": "1", "MAX_WORKERS": str(workers)})
        assert DataProcessor.from_settings(settings).run_async(range(20), work).most_at_once == workers


def test_a_low_memory_limit_ends_a_load_with_advice(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from tradewind.data.sinks.files import FilesSink

    processor = DataProcessor.from_settings(DataSettings.from_env({"MEMORY_LIMIT_GB": "0.01"}))
    with pytest.raises(MemoryLimitReached, match=r"MEMORY_LIMIT_GB=0\.01"):
        processor.load([{"id": 1}], FilesSink(tmp_path / "lake"), load_id="run 1")
    assert not (tmp_path / "lake").exists()

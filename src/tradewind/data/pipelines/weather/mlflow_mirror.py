"""MLflow as a mirror of the registry: a run with figures and files for each version, and an alias for production.

The registry of the object store decides. What MLflow cannot take is told and left out, and a version is there once,
however often its run is repeated. Without MLFLOW_TRACKING_URI it keeps a SQLite database in the data folder.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tradewind.data.masking import masked
from tradewind.data.settings import DataSettings

log = logging.getLogger(__name__)

EXPERIMENT = "weather"
MODEL = "weather-temperature"
TAG = "weather.version"

Facts = dict[str, Any]


def register(version: str, figures: Mapping[str, float], params: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """Mirror a version; says in one sentence what was done."""
    return _told(lambda client: _register(client, version, figures, params, files))


def point_to(version: str) -> str:
    """Let MLflow's alias `production` name this version; says in one sentence what was done."""
    return _told(lambda client: _point_to(client, version))


def tracking_uri(env: Mapping[str, str] = os.environ) -> str:
    """Where MLflow keeps things."""
    return env.get("MLFLOW_TRACKING_URI", "").strip() or f"sqlite:///{_folder(env) / 'mlflow.db'}"


def _told(work: Callable[[Any], str]) -> str:
    if find_spec("mlflow") is None:
        told = "MLflow is not installed (`pip install 'tradewind[mlops]'`): the object store's registry is used alone."
        log.info("%s", told)
        return told
    try:
        told = work(_client())
    except Exception as error:  # whatever it is, a mirror does not fail what it mirrors
        told = f"MLflow at {masked(tracking_uri())} took nothing ({type(error).__name__}: {masked(str(error))[:200]})."
        log.warning("%s", told)
        return told
    log.info("%s", told)
    return told


def _client() -> Any:
    # A server that is away is told after some seconds, and not after minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    if not os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        _folder(os.environ).mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=tracking_uri(), registry_uri=tracking_uri())


def _folder(env: Mapping[str, str]) -> Path:
    return DataSettings.from_env(env).root / "mlflow"


def _register(
    client: Any, version: str, figures: Mapping[str, float], params: Mapping[str, Any], files: Mapping[str, bytes]
) -> str:
    if _mirrored(client, version) is not None:
        return f"MLflow has {version} already."
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is not None:
        experiment_id = experiment.experiment_id
    else:
        is_ours = not os.environ.get("MLFLOW_TRACKING_URI", "").strip()
        place = (_folder(os.environ) / "artifacts").as_uri() if is_ours else None
        experiment_id = client.create_experiment(EXPERIMENT, artifact_location=place)
    run_id = client.create_run(experiment_id, tags={TAG: version}, run_name=version).info.run_id
    for name, value in params.items():
        client.log_param(run_id, name, value)
    for name, value in figures.items():
        client.log_metric(run_id, name, value)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        client.log_artifacts(run_id, folder, "model")
    client.set_terminated(run_id)
    if not any(model.name == MODEL for model in client.search_registered_models(f"name = '{MODEL}'")):
        client.create_registered_model(MODEL)
    made = client.create_model_version(MODEL, f"runs:/{run_id}/model", run_id=run_id, tags={TAG: version})
    return f"MLflow has {version} as version {made.version} of {MODEL}."


def _point_to(client: Any, version: str) -> str:
    mirrored = _mirrored(client, version)
    if mirrored is None:
        return f"MLflow does not have {version}, so its alias stays where it is."
    client.set_registered_model_alias(MODEL, "production", mirrored)
    return f"MLflow's alias production of {MODEL} is version {mirrored}."


def _mirrored(client: Any, version: str) -> str | None:
    found = client.search_model_versions(f"name = '{MODEL}'")
    return next((str(one.version) for one in found if one.tags.get(TAG) == version), None)

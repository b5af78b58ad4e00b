"""An API with the gate that an installation has, and people who log in."""

import base64
import shutil
from pathlib import Path
from typing import Any

from tradewind.config import load_settings
from tradewind.security.passwords import hash_password
from tradewind.store.engine import open_engine
from tradewind.store.migrate import migrate
from tradewind.testing.api_stage import ApiStage
from tradewind.wire.messages import Command, CommandResult

PASSWORD = "Horse-battery-1"
HASH = hash_password(PASSWORD)


def migrated(folder: Path) -> Path:
    """A database to copy from."""
    path = folder / "tradewind.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


def make_stage(home: Path, database: Path, *people: tuple[str, str], **environ: str) -> ApiStage:
    """People are names with a role; the password of all of them is the same."""
    home.mkdir(exist_ok=True)
    shutil.copy(database, home / "tradewind.db")
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(home), **environ}), with_login=True)
    for username, role in people:
        change(stage, "account.create", username=username, password_hash=HASH, roles=[role])
    return stage


def change(stage: ApiStage, kind: str, **body: Any) -> None:
    """Have the scheduler apply a command that must not be refused."""
    key = stage.new_id()
    stage.say(Command(key=key, kind=kind, body=body, actor="test"), stage._client)
    stage.play()
    (result,) = (m for m in stage._client.told if isinstance(m, CommandResult) and m.key == key)
    assert result.state == "applied", result.error


def token_of(stage: ApiStage, username: str = "kim", path: str = "/auth/token") -> str:
    answer = stage.client.post(path, json={"username": username, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(username: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}

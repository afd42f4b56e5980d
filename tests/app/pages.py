"""What the page tests share: a page that a link opened, its widgets, and what it would train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from app.house import House
from app.words import shown
from engines.settings import SettingField, Settings, Value, setting_fields
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store

APP = Path(__file__).resolve().parents[2] / "app"
Open = Callable[..., AppTest]


def opener(file: str, *, usual: Mapping[str, str] | None = None) -> Open:
    """Opens a file of the app by a link; what is `usual` stands in it unless the link says otherwise."""

    def open_page(link: Mapping[str, str] | None = None) -> AppTest:
        page = AppTest.from_file(str(APP / file), default_timeout=60)
        page.query_params.update({**(usual or {}), **(link or {})})
        return checked(page.run())

    return open_page


def checked(page: AppTest) -> AppTest:
    assert not page.exception, page.exception[0].message
    # Of a "\frac" or "\text" that was not written raw a control character is left, which no formula has.
    assert not [box.value for box in page.latex if any(ord(letter) < 32 and letter != "\n" for letter in box.value)]
    return page


def sentences(page: AppTest) -> list[str]:
    """What the page complains about, as a reader sees it."""
    boxes = [*page.warning, *page.error]
    return [shown(text) for box in boxes for text in box.value.split("\n\n")]


def link_of(page: AppTest) -> dict[str, str]:
    return dict(page.query_params)


def widget(page: AppTest, key: str) -> Any:
    kinds = ("slider", "select_slider", "number_input", "selectbox", "text_input", "toggle", "segmented_control")
    return next(found for kind in kinds for found in page.get(kind) if found.key == key)


def turn(page: AppTest, key: str, value: Value) -> AppTest:
    widget(page, key).set_value(value)
    return checked(page.run())


def code_of(page: AppTest) -> list[str]:
    """What stands in the expander of the code once it is opened; before that, nothing is drawn there."""
    assert not page.code
    name = next(str(each.key).partition("/")[0] for each in page.button if "/lesson/" in str(each.key))
    page.session_state[f"{name}/code"] = True
    return [block.value for block in checked(page.run()).code]


def press(page: AppTest, key: str) -> AppTest:
    return checked(page.button(key=key).click().run())


def choose(page: AppTest, target: str) -> AppTest:
    page.session_state["flows/picker"] = {"target": target}
    return checked(page.run())


def wanted(page: AppTest, home: House) -> Experiment:
    """What Train would train now."""
    train = next(button for button in page.button if str(button.key).endswith("/train"))
    checked(train.click().run())
    return home.workers.submitted[-1]  # pyright: ignore[reportAttributeAccessIssue]


def another(field: SettingField) -> Value:
    """A possible value that is not the default."""
    if field.kind == "bool":
        return not field.default
    if field.kind == "choice":
        return next(choice for choice in field.choices if choice != field.default)
    if field.kind == "text":
        return "XY"
    end = field.low if field.low != field.default else field.high
    assert end is not None
    return int(end) if field.kind == "int" else float(end)


def changed(cls: type[Settings]) -> Settings:
    """Settings that all differ from their defaults; hidden ones are data of a canvas and stay."""
    return cls.from_dict({f.name: another(f) for f in setting_fields(cls) if not f.is_hidden})


def as_link(group: str, settings: Settings) -> dict[str, str]:
    return {f"{group}.{name}": text for name, text in settings.changed().items()}


def small_gan(folder: Path) -> Run:
    """A run that the page of the human discriminator can judge."""
    experiment = Experiment.default("plane_gan", "ring", steps=2, settings={"width": 16})
    return train_and_store(Trainer(experiment, device="cpu"), folder / "gan")

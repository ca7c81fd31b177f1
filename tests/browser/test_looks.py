"""Every page in both schemes and at both widths: nothing that axe finds serious, nothing wider than the window, and no error logged."""

from collections.abc import Mapping
from typing import Any

import pytest

from kafka_ml_sinks import RawSink
from tests.browser.conftest import PHONE, WIDE, Visits
from tests.e2e.user import DEADLINE, DIGITS_MODEL, Bytes, User

pytestmark = pytest.mark.browser

BROKEN = DIGITS_MODEL.replace("Dense", "Danse")


@pytest.fixture(scope="module")
def things(platform: Any, digits: Mapping[str, Bytes]) -> Mapping[str, int | str]:
    """One of everything: what is well, what failed, what waits; ids by kind."""
    from kafka_ml_cli.client import Client

    with Client(platform.url) as api:
        user = User(platform, api)
        model = user.model()
        invalid = user.model(BROKEN, state="invalid")
        awaiting = user.deploy(DIGITS_MODEL)
        deployment = user.deploy(DIGITS_MODEL, DIGITS_MODEL.replace("64", "32"), fit="epochs=3")
        topic = user.unique("looks")
        with RawSink(
            user.kafka, topic=topic, deployment_id=deployment["id"], validation_rate=0.1, test_rate=0.1
        ) as sink:
            sink.send_many(digits["x"][:600], digits["y"][:600])
        result = user.ended(deployment)[0]
        failing = user.deploy(DIGITS_MODEL.replace("(8, 8)", "(9, 9)"))
        with RawSink(user.kafka, topic=user.unique("wrong"), deployment_id=failing["id"]) as sink:
            sink.send_many(digits["x"][:50], digits["y"][:50])
        failed = user.ended(failing)[0]
        inference = user.infer(result)
        user.wait(f"inferences/{inference['id']}", "running", seconds=DEADLINE)
        return {
            "model": model["id"],
            "invalid": invalid["id"],
            "configuration": deployment["configuration_id"],
            "awaiting": awaiting["id"],
            "deployment": deployment["id"],
            "result": result["id"],
            "failed": failed["id"],
            "datasource": user.api.get(f"deployments/{deployment['id']}")["datasource_id"],
            "inference": inference["id"],
            "topic": topic,
        }


PAGES = (
    "/",
    "/models",
    "/models?q=no-such-model",
    "/models/new",
    "/models/{model}",
    "/models/{model}?tab=summary",
    "/models/{model}?tab=versions",
    "/models/{model}?tab=used",
    "/models/{invalid}",
    "/configurations",
    "/configurations/new",
    "/configurations/{configuration}",
    "/deployments",
    "/deployments/new?configuration={configuration}",
    "/deployments/{awaiting}",
    "/deployments/{deployment}",
    "/results",
    "/results/{result}",
    "/results/{result}?tab=matrix",
    "/results/{result}?tab=log",
    "/results/{failed}",
    "/datasources",
    "/datasources/{datasource}",
    "/inferences",
    "/inferences/new?result={result}",
    "/inferences/{inference}",
    "/inferences/{inference}?tab=messages",
    "/inferences/{inference}?tab=setup",
    "/topics",
    "/topics/{topic}",
    "/dead-letters",
    "/events",
    "/no/such/page",
    "/models/999999",
)


@pytest.mark.parametrize(("width", "scheme"), [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light")])
def test_every_page_looks_right(visit: Visits, things: Mapping[str, int | str], width: int, scheme: str) -> None:
    # The browser logs each answer that is no success, also where the page says what it means.
    visitor = visit("/", width=width, scheme=scheme, expected=("status of 404", "status of 503"))
    found: list[str] = []
    for page in PAGES:
        path = page.format(**things)
        visitor.go(path)
        visitor.page.locator("main h1, main h2").first.wait_for()
        visitor.settle()
        found += [f"{path}: {complaint}" for complaint in visitor.complaints()]
        if (more := visitor.sideways()) > 0:
            found.append(f"{path}: {more} pixels wider than the window")
    assert not found, f"{len(found)} complaints:\n" + "\n".join(found)


def test_a_page_is_used_by_keyboard_alone(visit: Visits, things: Mapping[str, int | str]) -> None:
    visitor = visit("/")
    visitor.heading("Overview").wait_for()
    keys = visitor.page.keyboard
    keys.press("Tab")
    keys.press("Enter")  # "Skip to the content"
    keys.press("g")
    keys.press("m")
    visitor.heading("Models").wait_for()
    keys.press("/")
    keys.type("model-")
    visitor.page.wait_for_url("**/models?q=model-*")
    visitor.page.get_by_role("table").get_by_role("link").first.focus()
    keys.press("Enter")
    visitor.id()
    keys.press("?")
    visitor.page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    keys.press("Escape")
    keys.press("g")
    keys.press("e")
    visitor.heading("Events").wait_for()

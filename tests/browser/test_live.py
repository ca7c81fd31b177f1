"""What changes on the server shows by itself, also after the line was lost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from kafka_ml_cli.platform import Platform
from kafka_ml_common.bus import Publisher
from kafka_ml_common.requests import CreateModel
from kafka_ml_common.settings import KafkaSettings
from tests.browser.conftest import Visits
from tests.e2e.user import DIGITS_MODEL, User

pytestmark = pytest.mark.browser

WITHIN_MS = 1000
# Measures in the page itself: from now until a row with the text is there.
WATCH = """text => new Promise((resolve, reject) => {
    const began = performance.now();
    const look = () => {
        if (document.querySelector('main')?.innerText.includes(text)) resolve(performance.now() - began);
        else if (performance.now() - began > 15000) reject(new Error(text + ' does not show'));
        else requestAnimationFrame(look);
    };
    look();
})"""


def test_what_others_make_change_and_delete_shows_within_a_second(visit: Visits, user: User) -> None:
    visitor = visit("/models")
    visitor.line("live")
    name = user.unique("shown")
    model = user.api.post("models", {"name": name, "code": DIGITS_MODEL})
    assert visitor.page.evaluate(WATCH, name) < WITHIN_MS
    renamed = user.unique("renamed")
    user.api.patch(f"models/{model['id']}", {"name": renamed})
    assert visitor.page.evaluate(WATCH, renamed) < WITHIN_MS
    user.wait(f"models/{model['id']}", "valid")
    row = visitor.page.get_by_role("row").filter(has_text=renamed)
    expect(row.locator("[data-state=valid]")).to_be_visible()
    user.api.delete(f"models/{model['id']}")
    expect(row).to_have_count(0)


def test_a_lost_line_is_told_and_what_was_missed_shows_when_it_is_back(
    visit: Visits, platform: Platform, user: User
) -> None:
    visitor = visit("/models", expected=("net::ERR_", "503"))
    visitor.line("live")
    platform.api.stop()
    visitor.line("lost")
    # Made while the API is away: by a message, which waits in the log.
    name = user.unique("missed")
    command(platform, name)
    for _ in platform.start():
        pass
    visitor.line("live")
    visitor.see(name)
    # And from then on changes show again by themselves.
    later = user.unique("later")
    user.api.post("models", {"name": later, "code": DIGITS_MODEL})
    assert visitor.page.evaluate(WATCH, later) < WITHIN_MS


def command(platform: Platform, name: str) -> None:
    """Ask for a model by a message, in a thread of its own, as Playwright has a loop in this one."""

    async def send() -> None:
        kafka = KafkaSettings(bootstrap_servers=platform.stack.broker.bootstrap_servers)
        async with Publisher(kafka, "tests/browser") as publisher:
            await publisher.publish(CreateModel(name=name, code=DIGITS_MODEL))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(send())).result(timeout=30)


def test_a_page_that_was_in_the_background_is_up_to_date_when_it_comes_back(visit: Visits, user: User) -> None:
    visitor = visit("/models")
    visitor.line("live")
    # Let go of the line as a page does that nobody looks at, without waiting for half a minute.
    visitor.page.clock.install()
    visitor.page.evaluate(HIDDEN, "hidden")
    visitor.page.clock.fast_forward(60_000)
    name = user.unique("behind")
    user.api.post("models", {"name": name, "code": DIGITS_MODEL})
    expect(visitor.page.get_by_text(name)).to_have_count(0)
    visitor.page.evaluate(HIDDEN, "visible")
    visitor.see(name)


HIDDEN = """state => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""

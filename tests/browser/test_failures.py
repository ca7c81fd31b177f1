"""What goes wrong is said, and nothing is lost by it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.e2e.user import DIGITS_MODEL, User

pytestmark = pytest.mark.browser


def test_what_is_in_use_is_not_deleted_and_says_by_whom(visit: Visits, user: User) -> None:
    deployment = user.deploy(DIGITS_MODEL)
    configuration = user.api.get(f"configurations/{deployment['configuration_id']}")
    model = configuration["model_ids"][0]
    visitor = visit(f"/models/{model}")
    visitor.state("valid")
    visitor.click("Delete")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_text(configuration["name"])).to_be_visible()
    expect(dialog.get_by_role("button", name=re.compile("Delete"))).to_be_disabled()
    dialog.get_by_role("button", name="Cancel").click()
    assert user.api.get(f"models/{model}")["state"] == "valid"


def test_what_others_have_saved_meanwhile_is_not_written_over(visit: Visits, user: User) -> None:
    model = user.model()
    visitor = visit(f"/models/{model['id']}", expected=("status of 412",))
    visitor.state("valid")
    editor = visitor.page.locator(".cm-content").first
    editor.click()
    visitor.page.keyboard.press("ControlOrMeta+Home")
    visitor.page.keyboard.insert_text("# mine\n")
    user.api.patch(f"models/{model['id']}", {"code": "# theirs\n" + DIGITS_MODEL})
    visitor.page.keyboard.press("ControlOrMeta+s")
    visitor.page.get_by_role("dialog").get_by_text("changed meanwhile").wait_for()
    assert user.api.get(f"models/{model['id']}")["code"].startswith("# theirs")


def test_a_field_that_the_server_refuses_is_marked(visit: Visits, user: User) -> None:
    taken = user.model()["name"]
    visitor = visit("/models/new", expected=("status of 409",))
    visitor.fill("Name", taken)
    visitor.click(re.compile("^Create model"))
    expect(visitor.page.get_by_label("Name").first).to_have_attribute("aria-invalid", "true")
    visitor.see("has that name already")

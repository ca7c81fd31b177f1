"""Ten thousand rows cost the browser no more than fifty."""

import pytest
from playwright.sync_api import expect

from kafka_ml_cli.platform import Platform
from tests.browser.conftest import Visits

pytestmark = pytest.mark.browser

ROWS = 10_000
FILL = f"""
WITH made AS (
    INSERT INTO models (name, description, current_version, created_at, updated_at, row_version)
    SELECT 'many-' || lpad(n::text, 5, '0'), 'one of many', 1, now(), now(), 1 FROM generate_series(1, {ROWS}) n RETURNING id
)
INSERT INTO model_versions (model_id, version, code, state, generation, created_at)
SELECT id, 1, 'model = None', 'invalid', 1, now() FROM made
"""
EMPTY = "DELETE FROM models WHERE name LIKE 'many-%'"


def test_a_list_of_ten_thousand_is_read_to_its_end_with_few_rows_on_the_page(visit: Visits, platform: Platform) -> None:
    platform.stack.postgres.execute(FILL, "kafka_ml")
    try:
        visitor = visit("/models?q=many-&sort=name")
        visitor.see("many-00001")
        rows = visitor.page.get_by_role("table").get_by_role("row")
        end = visitor.page.get_by_text("10,000 in all")
        for _ in range(400):
            visitor.page.mouse.wheel(0, 40_000)
            assert rows.count() < 100
            if end.is_visible():
                break
        expect(end).to_be_visible()
        visitor.page.keyboard.press("End")
        visitor.see("many-10000")
        assert rows.count() < 100
        visitor.page.keyboard.press("Home")
        visitor.see("many-00001")
    finally:
        platform.stack.postgres.execute(EMPTY, "kafka_ml")

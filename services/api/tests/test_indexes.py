"""What is asked for often is found by an index, however large the table has become."""

import pytest
from sqlalchemy import text

from kafka_ml_api.db import Database


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT * FROM events WHERE correlation_id = 'a' ORDER BY id DESC LIMIT 50", "ix_events_correlation_id_id"),
        ("DELETE FROM events WHERE time < '2020-01-01'", "ix_events_time"),
        ("DELETE FROM events WHERE id <= 7", "pk_events"),
        (
            "DELETE FROM events WHERE type = 'kafka-ml.inference.progress' AND time < '2020-01-01'",
            "ix_events_t",  # by type or by time, whichever is rarer
        ),
    ],
)
async def test_events_are_found_by_an_index(database: Database, statement: str, index: str) -> None:
    async with database.connection() as connection:
        await connection.execute(
            text(
                'INSERT INTO events (id, source, event_id, partition, "offset", type, subject, correlation_id, time, data)'
                " SELECT n, 's', n::text, 0, n, 't', 's', nullif(n % 100, 0)::text, now() - interval '1 s' * n, '{}'"
                " FROM generate_series(1, 5000) AS n"
            )
        )
        await connection.execute(text("ANALYZE events"))
        plan = "\n".join(await connection.scalars(text(f"EXPLAIN {statement}")))
    assert index in plan
    assert "Seq Scan" not in plan

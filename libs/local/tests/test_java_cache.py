"""The cache of jars: pinned, repaired, and shared by parallel starts."""

import hashlib
from pathlib import Path

import pytest

from kafka_ml_common.errors import UnavailableError
from kafka_ml_local import java


@pytest.fixture
def one_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> java.Jar:
    """The smallest jar of Kafka, alone in an empty cache."""
    smallest = min(java.pinned("kafka"), key=lambda jar: jar.size)
    monkeypatch.setenv("KAFKA_ML_CACHE", str(tmp_path))
    monkeypatch.setattr(java, "pinned", lambda _: [smallest])
    return smallest


def test_the_pins_name_each_jar_once():
    for program in ("kafka", "s3proxy"):
        coordinates = [jar.coordinate.rpartition(":")[0] for jar in java.pinned(program)]
        assert len(set(coordinates)) == len(coordinates) > 40


def test_a_missing_jar_is_fetched_and_an_interrupted_download_repaired(one_jar, tmp_path):
    path = one_jar.path(tmp_path / "maven")
    assert java.class_path("kafka") == str(path)
    path.write_bytes(path.read_bytes()[:100])
    java.class_path("kafka")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == one_jar.sha256


def test_a_jar_other_than_the_pinned_one_never_runs(one_jar, tmp_path, monkeypatch):
    forged = java.Jar(one_jar.coordinate, one_jar.size, "0" * 64)
    monkeypatch.setattr(java, "pinned", lambda _: [forged])
    with pytest.raises(UnavailableError, match="another SHA-256 than expected"):
        java.class_path("kafka")
    assert not forged.path(tmp_path / "maven").exists()


def test_a_jar_that_cannot_be_fetched_is_named_with_advice(one_jar, tmp_path, monkeypatch):
    missing = java.Jar("org.example:does-not-exist:1", 1, "0" * 64)
    monkeypatch.setattr(java, "pinned", lambda _: [missing])
    with pytest.raises(UnavailableError, match=r"org\.example:does-not-exist:1 could not be downloaded.*network"):
        java.class_path("kafka")


def test_settings_for_java_are_escaped():
    assert (
        java.properties_text({"a": "plain/ path=1", "b": "C:\\ü😀"})
        == "a=plain/ path=1\nb=C:\\\\\\u00fc\\ud83d\\ude00\n"
    )


def test_the_cache_is_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.setenv("KAFKA_ML_CACHE", str(tmp_path))
    assert java.cache_folder() == tmp_path
    monkeypatch.delenv("KAFKA_ML_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert java.cache_folder() == tmp_path / "xdg" / "kafka-ml"

"""What the scheduler answers over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import pytest
from pydantic import SecretStr

from kafka_ml_common.errors import NotFoundError, UnavailableError
from kafka_ml_common.messages import WorkloadState
from kafka_ml_local.ports import free_port
from kafka_ml_scheduler.http import MOST_LINES, HttpSettings, serve_http
from kafka_ml_scheduler.runtimes.base import LOG_ANSWER_BYTES
from kafka_ml_scheduler.runtimes.process import ProcessRuntime
from kafka_ml_scheduler.runtimes.runs import RunFolder

Get = Callable[..., AbstractAsyncContextManager[aiohttp.ClientResponse]]


@asynccontextmanager
async def served(runtime, *, token: str | None = None, ready: Callable[[], bool] = lambda: True) -> AsyncIterator[Get]:
    settings = HttpSettings(port=0, token=SecretStr(token) if token else None)
    async with serve_http(settings, runtime, ready=ready) as port:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as client:
            yield client.get


async def answer(get: Get, path: str, **more: object) -> tuple[int, str]:
    async with get(path, **more) as response:
        return response.status, await response.text()


@pytest.fixture
def runtime(tmp_path) -> ProcessRuntime:
    folders = {"trainer": tmp_path / "work", "inferer": tmp_path / "work"}
    return ProcessRuntime(tmp_path, work_folders=folders, warm={"trainer": 0, "inferer": 0})


def run_folder(runtime: ProcessRuntime, workload_id: str, replica: int = 0) -> RunFolder:
    folder = RunFolder(runtime._runs_folder / workload_id / str(replica))
    folder.path.mkdir(parents=True)
    return folder


async def test_it_lives_and_is_ready_only_when_the_scheduler_is(runtime):
    well = False
    async with served(runtime, ready=lambda: well) as get:
        assert await answer(get, "/livez") == (200, "alive\n")
        assert (await answer(get, "/readyz"))[0] == 503
        well = True
        assert await answer(get, "/readyz") == (200, "ready\n")
        async with get("/readyz") as ready:
            assert ready.headers["X-Kafka-ML-Runtime"] == "process"
        assert (await answer(get, "/workloads"))[0] == 404


async def test_the_logs_of_host_and_model_are_apart_and_as_long_as_asked_for(runtime):
    run = run_folder(runtime, "inference-7", 3)
    (run.path / "log.previous").write_text("one\ntwo\n")
    (run.path / "log").write_text("three\nfour\n")
    (run.path / "model.log").write_text("Größe\n")
    async with served(runtime) as get:
        url = "/workloads/inference-7/log?replica=3"
        async with get(url) as response:
            assert await response.text() == "one\ntwo\nthree\nfour\n"
            assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await answer(get, f"{url}&lines=3&part=host") == (200, "two\nthree\nfour\n")
        assert await answer(get, f"{url}&part=model") == (200, "Größe\n")


async def test_a_run_that_printed_nothing_has_an_empty_log(runtime):
    run_folder(runtime, "training-1")
    async with served(runtime) as get:
        assert await answer(get, "/workloads/training-1/log?part=model") == (200, "")


async def test_a_log_is_bounded_whatever_its_lines_are(runtime):
    (run_folder(runtime, "training-1").path / "log").write_bytes(b"\xff" * (LOG_ANSWER_BYTES + 5))
    async with served(runtime) as get, get("/workloads/training-1/log") as response:
        assert len(await response.read()) == LOG_ANSWER_BYTES


async def test_what_is_not_there_is_told_in_a_sentence(runtime):
    run_folder(runtime, "training-1")
    async with served(runtime) as get:
        for path in ("training-2/log", "training-1/log?replica=1"):
            status, text = await answer(get, f"/workloads/{path}")
            assert (status, text.startswith("There is no log of replica")) == (404, True)
        for path in ("..%2F..%2Fspares/log", "training-1%00/log", "training-%D9%A1/log", "x/log"):
            assert (await answer(get, f"/workloads/{path}"))[0] == 404


@pytest.mark.parametrize(
    "query", ["lines=0", f"lines={MOST_LINES + 1}", "lines=-1", "lines=²", "replica=x", "part=../run.json", "part="]
)
async def test_what_makes_no_sense_is_refused(runtime, query):
    run_folder(runtime, "training-1")
    async with served(runtime) as get:
        assert (await answer(get, f"/workloads/training-1/log?{query}"))[0] == 400


async def test_logs_need_the_token_if_there_is_one_and_signs_of_life_do_not(runtime):
    (run_folder(runtime, "training-1").path / "log").write_text("secret")
    async with served(runtime, token="right") as get:
        for header in (None, "Bearer wrong", "Bearer", "Basic right", "right", "Bearer right2", "Bearer \xff"):
            headers = {"Authorization": header} if header else {}
            assert (await answer(get, "/workloads/training-1/log", headers=headers))[0] == 401
        assert await answer(get, "/workloads/training-1/log", headers={"Authorization": "Bearer right"}) == (
            200,
            "secret",
        )
        assert (await answer(get, "/livez"))[0] == (await answer(get, "/readyz"))[0] == 200


def test_an_empty_token_is_none(monkeypatch):
    monkeypatch.setenv("KAFKA_ML_SCHEDULER_TOKEN", "")
    monkeypatch.setenv("KAFKA_ML_SCHEDULER_PORT", "")
    assert HttpSettings() == HttpSettings(host="127.0.0.1", port=None, token=None)


async def test_a_runtime_that_can_not_be_asked_just_now_is_unavailable(runtime, monkeypatch):
    async def log(*_: object, **__: object) -> str:
        raise UnavailableError("The cluster can't be reached.")

    monkeypatch.setattr(runtime, "log", log)
    async with served(runtime) as get:
        assert await answer(get, "/workloads/training-1/log") == (503, "The cluster can't be reached.")


async def test_without_a_port_nothing_is_answered_and_a_taken_one_is_told(runtime):
    async with serve_http(HttpSettings(), runtime, ready=lambda: True) as port:
        assert port is None
    async with serve_http(HttpSettings(port=0), runtime, ready=lambda: True) as port:
        with pytest.raises(UnavailableError, match=f"Port {port} of 127.0.0.1 can't be had"):
            async with serve_http(HttpSettings(port=port), runtime, ready=lambda: True):
                pass


async def test_a_log_outlives_its_run_as_long_as_its_folder_does(runtime, tmp_path):
    run = run_folder(runtime, "training-1")
    (run.path / "log").write_text("done\n")
    run.mark_over()
    assert await runtime.log("training-1", 0, part="host", lines=1) == "done\n"
    with pytest.raises(NotFoundError, match="There is no log of replica 1 of training-1"):
        await runtime.log("training-1", 1, part="host", lines=1)


async def test_the_running_scheduler_shows_what_a_failed_training_printed(scheduler, publisher, events, training):
    port = free_port()
    await scheduler.start(scheduler_port=port, scheduler_token="right")
    spec = training("exit 3", attempts=1)
    await publisher.publish(spec)
    await events.wait_for(spec, WorkloadState.FAILED)
    timeout, headers = aiohttp.ClientTimeout(total=10), {"Authorization": "Bearer right"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout, headers=headers) as client:
        assert await answer(client.get, "/readyz") == (200, "ready\n")
        url = f"/workloads/{spec.workload_id}/log"
        assert await answer(client.get, url) == (200, "what went wrong is this\n")
        assert await answer(client.get, f"{url}?part=model") == (200, "what the model printed\n")
    assert scheduler.stop() == 0

"""The whole main job by clicking: from an empty editor to predictions that come in live. Its pictures are those of the user's guide."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer
from playwright.sync_api import expect

from tests.browser.conftest import Visits
from tests.browser.visitor import Visitor
from tests.e2e.user import DIGITS_MODEL, Bytes, User

pytestmark = pytest.mark.browser

CONVOLUTION = """model = keras.Sequential([
    keras.Input((8, 8)),
    keras.layers.Rescaling(1 / 16),
    keras.layers.Reshape((8, 8, 1)),
    keras.layers.Conv2D(16, 3, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
EPOCHS = 12
RATE = 2000
TICK_SECONDS = 0.05
MEASURED_MS = 12_000
LONG_TASK_MS = 100
# Long tasks as the browser itself reports them: https://w3c.github.io/longtasks/
WATCH_TASKS = """() => {
    window.longTasks = [];
    const note = entry => window.longTasks.push([Math.round(entry.startTime), Math.round(entry.duration)]);
    new PerformanceObserver(list => list.getEntries().forEach(note)).observe({ entryTypes: ['longtask'] });
}"""


def write(visitor: Visitor, code: str) -> None:
    """Replace what is in the editor, as pasting does."""
    editor = visitor.page.locator(".cm-content").first
    editor.click()
    visitor.page.keyboard.press("ControlOrMeta+a")
    visitor.page.keyboard.insert_text(code)


def test_from_an_empty_editor_to_live_predictions(
    visit: Visits, user: User, digits: Mapping[str, Bytes], tmp_path: Path
) -> None:
    visitor = visit("/")
    visitor.see("Overview")
    visitor.picture("first-steps")

    # Two models, the second with a mistake at first.
    dense, convolution = user.unique("digits-dense"), user.unique("digits-convolution")
    visitor.go("/models")
    visitor.click("New model", "link")
    visitor.fill("Name", dense)
    write(visitor, DIGITS_MODEL)
    visitor.see("4,810", seconds=60)
    visitor.picture("model-editor")
    visitor.click(re.compile("^Create model"))
    visitor.id()
    visitor.state("valid")

    visitor.go("/models/new")
    visitor.fill("Name", convolution)
    write(visitor, CONVOLUTION.replace("Conv2D", "Konv2D"))
    visitor.see("The model can't be built", seconds=60)
    expect(visitor.page.locator(".cm-lint-marker-error, .cm-lintRange-error").first).to_be_visible()
    visitor.picture("model-mistake")
    write(visitor, CONVOLUTION)
    expect(visitor.page.get_by_text("The model can't be built")).to_have_count(0, timeout=60_000)
    visitor.click(re.compile("^Create model"))
    model = visitor.id()
    visitor.state("valid")
    visitor.picture("model")

    # Both in a configuration, deployed.
    name = user.unique("digits")
    visitor.go("/configurations/new")
    visitor.fill("Name", name)
    for wanted in (dense, convolution):
        picker = visitor.page.get_by_role("combobox", name=re.compile("Models")).or_(
            visitor.page.get_by_label("Models")
        )
        picker.first.click()
        visitor.page.keyboard.type(wanted)
        visitor.page.get_by_role("option", name=re.compile(wanted)).first.click()
    visitor.picture("configuration-new")
    visitor.page.keyboard.press("Escape")
    visitor.click(re.compile("^Create"))
    visitor.id()
    visitor.see(dense)
    visitor.picture("configuration")
    visitor.click("Deploy", "link")
    visitor.fill("Epochs", str(EPOCHS))
    visitor.picture("deploy")
    visitor.click(re.compile("^Deploy"))
    deployment = visitor.id()
    visitor.state("awaiting")

    # The program to copy is what sends the stream: its placeholder for the data is all that a user fills in.
    expect(visitor.page.get_by_label("program", exact=True)).to_contain_text(f"deployment_id={deployment}")
    visitor.picture("awaiting-stream")
    visitor.page.get_by_role("button", name="Copy program").click()
    program = visitor.page.evaluate("navigator.clipboard.readText()")
    send(program, digits, tmp_path)
    visitor.state("running")
    visitor.see(re.compile(rf"Epoch ([4-9]|1\d) of {EPOCHS}"))
    visitor.picture("training")
    visitor.state("finished", seconds=120)
    expect(visitor.page.locator("canvas").first).to_be_visible()
    visitor.picture("comparison", full=True)
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name=re.compile(f"Download the model of {dense}")).first.click()
    assert Path(download.value.path()).stat().st_size > 10_000

    # The better one, deployed for inference, predicts what comes.
    visitor.page.get_by_role("link", name=re.compile(f"Deploy {convolution}.* for inference")).first.click()
    visitor.see("Deploy for inference")
    # Suggested, once it is known what the model was trained on.
    expect(visitor.page.get_by_label("Output topic").first).to_have_value(re.compile("-out$"))
    source, target = user.unique("in"), user.unique("out")
    visitor.fill("Input topic", source)
    visitor.page.keyboard.press("Escape")
    visitor.fill("Output topic", target)
    visitor.page.keyboard.press("Escape")
    visitor.picture("deploy-inference")
    visitor.click("Deploy")
    inference = visitor.id()
    visitor.state("running")
    with streaming(user, inference, digits) as sent:
        visitor.page.get_by_text(re.compile(r"[12],\d{3}\s*/s")).first.wait_for(timeout=60_000)
        expect(visitor.page.locator("main canvas")).not_to_have_count(0)
        # Its charts have come and been drawn once; from here on it is the predictions that cost.
        visitor.page.evaluate("() => new Promise(done => requestIdleCallback(done))")
        visitor.page.evaluate(WATCH_TASKS)
        visitor.page.wait_for_timeout(MEASURED_MS)
        tasks = visitor.page.evaluate("window.longTasks")
        visitor.picture("inference-live", full=True)
    assert sent() > 10_000
    assert all(duration < LONG_TASK_MS for _, duration in tasks), f"long tasks: {tasks} ms"

    visitor.go(f"/models/{model}?tab=used")
    visitor.see(name)
    visitor.go("/")
    visitor.see(convolution)
    visitor.picture("overview")
    bury(user, inference)
    visitor.go("/dead-letters")
    visitor.page.get_by_role("row").filter(has_text=source).first.click()
    visitor.see("Send again")
    visitor.picture("dead-letters")
    visitor.go(f"/topics/{name}?view=sample")
    visitor.see("What became of its messages")
    visitor.picture("topic")
    for page in ("models", "deployments", "results", "inferences", "events", "datasources", "topics"):
        visitor.go(f"/{page}")
        visitor.picture(page)


def send(program: str, digits: Mapping[str, Bytes], folder: Path) -> None:
    """Run the program that the page gives, after the line that loads a user's data."""
    data = folder / "digits.npz"
    np.savez(data, x=digits["x"], y=digits["y"])
    loading = f"import numpy\ndata = numpy.load({str(data)!r})\nx_train, y_train = data['x'], data['y']\n"
    (folder / "program.py").write_text(loading + program)
    done = subprocess.run(
        [sys.executable, folder / "program.py"], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{program}\n{done.stderr}"


def bury(user: User, inference_id: int) -> None:
    """Send what is no digit, and wait until the inference has put it aside."""
    topic = user.api.get(f"inferences/{inference_id}")["input_topic"]
    producer = Producer({"bootstrap.servers": user.kafka})
    producer.produce(topic, b"no digit")
    producer.flush(20)
    user.until(f"inferences/{inference_id}", lambda inference: inference["dead_letters"] > 0)


@contextmanager
def streaming(user: User, inference_id: int, digits: Mapping[str, Bytes]) -> Iterator[Callable[[], int]]:
    """Samples with their labels as keys, two thousand a second, as long as the block lasts; gives how many there were."""
    topic = user.api.get(f"inferences/{inference_id}")["input_topic"]
    messages = [(x.tobytes(), bytes([y])) for x, y in zip(digits["unseen_x"], digits["unseen_y"], strict=True)]
    producer = Producer({"bootstrap.servers": user.kafka, "linger.ms": 5})
    enough, sent = threading.Event(), 0

    def run() -> None:
        nonlocal sent
        began = time.monotonic()
        while not enough.wait(TICK_SECONDS):
            wanted = int((time.monotonic() - began) * RATE)
            for number in range(sent, wanted):
                value, key = messages[number % len(messages)]
                producer.produce(topic, value, key)
            sent = wanted
            producer.poll(0)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: sent
    finally:
        enough.set()
        thread.join(timeout=10)
        producer.flush(20)

"""The `kafka-ml` command."""

import sys
from typing import Annotated

import typer

from kafka_ml_cli import context, demo, doctor, local, resources
from kafka_ml_cli.output import console, print_json
from kafka_ml_common.errors import KafkaMLError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Kafka-ML: train on Kafka streams, predict between topics. KAFKA_ML_URL names an installation elsewhere.",
)

app.command()(local.up)
app.command()(local.down)
app.command("status")(local.show_status)
app.command("logs")(local.show_logs)
app.command()(doctor.doctor)
app.command("topics")(resources.list_topics)
app.command("events")(resources.follow_events)
for name in ("models", "configurations", "deployments", "results", "datasources", "inferences"):
    app.add_typer(getattr(resources, name), name=name)


@app.command("demo")
def run_demo(
    url: Annotated[
        str | None, typer.Option(help="An installation elsewhere; by default this machine's, which is started.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON and nothing else.")] = False,
) -> None:
    """Run the main job on real data: train two models from a stream, deploy the better one, predict on another stream."""
    console.quiet = as_json
    elsewhere = bool(url) or context.named_elsewhere()
    chosen = context.installation(url) if elsewhere else None
    was_up = elsewhere or local.is_up()
    report = demo.Report()
    try:
        if chosen is None:
            local.bring_up()
            chosen = context.installation()
        demo.run(chosen, report)
    except KeyboardInterrupt:
        # Whoever ends the demo early gets the machine back as it was before.
        if not was_up:
            local.down()
        raise
    if as_json:
        print_json(
            {
                "ok": True,
                "url": chosen.url,
                "stages": report.stages,
                "models": report.models,
                "predictions": report.predictions,
            }
        )
    elif elsewhere:
        console.print(f"See what it left in the browser: {chosen.url}")
    else:
        console.print(
            f"The platform is still up; look around in the browser: {chosen.url}\nEnd it with [bold]make down[/bold]."
        )


def entry() -> None:
    """Run the command; an error that is ours is one sentence."""
    try:
        app()
    except KafkaMLError as error:
        message = str(error)
    except OSError as error:
        message = f"{error}. Is the disk full, or the folder not yours? KAFKA_ML_HOME chooses another; `kafka-ml doctor` looks."
    else:
        return
    local.report_failure(message, as_json="--json" in sys.argv)
    sys.exit(1)

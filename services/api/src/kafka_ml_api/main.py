"""The API service: what it is made of, from top to bottom.

It starts whether or not its database, broker and object store are there: until they are, requests are answered with 503 and the parts
below try again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from kafka_ml_api import asyncapi, docs, health, problems, web
from kafka_ml_api.about import endpoints as about
from kafka_ml_api.commands import Commands
from kafka_ml_api.configurations import endpoints as configurations
from kafka_ml_api.datasources import endpoints as datasources
from kafka_ml_api.db import Database
from kafka_ml_api.dead_letters import endpoints as dead_letters
from kafka_ml_api.deployments import endpoints as deployments
from kafka_ml_api.diagnosis import endpoints as diagnosis
from kafka_ml_api.events import endpoints as events
from kafka_ml_api.guard import Guard
from kafka_ml_api.health import Health, RequestTelemetry
from kafka_ml_api.housekeeping import Housekeeping
from kafka_ml_api.inferences import endpoints as inferences
from kafka_ml_api.inferences.live import Watcher
from kafka_ml_api.inferences.topics import TopicMaker
from kafka_ml_api.live import Hub
from kafka_ml_api.logs import RunLogs
from kafka_ml_api.migrate import migrate
from kafka_ml_api.models import endpoints as models
from kafka_ml_api.outbox import SOURCE, Relay
from kafka_ml_api.overview import endpoints as overview
from kafka_ml_api.projector import Projector
from kafka_ml_api.reading import TopicReader
from kafka_ml_api.results import endpoints as results
from kafka_ml_api.settings import ApiSettings
from kafka_ml_api.supervision import Part
from kafka_ml_api.topics import endpoints as topic_list
from kafka_ml_api.validations import endpoints as validations
from kafka_ml_common import topics
from kafka_ml_common.bus import Publisher
from kafka_ml_common.objects import ObjectStore

RESOURCES = (
    models,
    validations,
    configurations,
    deployments,
    results,
    datasources,
    inferences,
    topic_list,
    dead_letters,
    events,
    overview,
    diagnosis,
    about,
)


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """The application; its background parts live as long as its lifespan."""
    settings = settings or ApiSettings()
    app = FastAPI(
        title="Kafka-ML",
        version=version("kafka-ml-api"),
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.state.settings = settings
    api = APIRouter(prefix="/api/v1", responses=problems.documented())
    for resource in RESOURCES:
        api.include_router(resource.router)
    app.include_router(api)
    app.include_router(health.router)
    app.include_router(asyncapi.router)
    problems.install(app)
    docs.install(app)
    web.install(app)
    app.add_middleware(Guard, hosts=settings.allowed_hosts)
    app.add_middleware(RequestTelemetry)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: ApiSettings = app.state.settings
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=settings.database_connections)
    objects = ObjectStore(settings.objects)
    maker = TopicMaker(settings.kafka)
    hub = Hub(database, url)
    app.state.reader = TopicReader(settings.kafka)
    app.state.watcher = watcher = Watcher(settings.kafka)
    app.state.run_logs = logs = RunLogs(settings.scheduler_url, settings.scheduler_token)
    app.state.database, app.state.objects, app.state.topic_maker, app.state.hub = database, objects, maker, hub

    # Steps of the start, each tried until it succeeds.
    tables = Part("tables", lambda: migrate(database))
    kafka = Part("topics", lambda: topics.bootstrap(settings.kafka))
    bucket = Part("bucket", lambda: asyncio.to_thread(objects.ensure_bucket))

    # What runs, in the order in which it is needed.
    relay = Relay(url, settings.kafka)
    consumers = Consumers(settings, database, maker)
    outbox = Part("outbox", relay.run, healthy=lambda: relay.healthy)
    inbox = Part("consumers", consumers.run, healthy=lambda: consumers.healthy)
    live = Part("live", hub.run, healthy=lambda: hub.healthy)
    tidy = Part("housekeeping", Housekeeping(database, objects).run)
    app.state.parts = (tables, kafka, bucket, outbox, inbox, live)
    app.state.health = Health(database, settings.kafka, objects, app.state.parts)

    tasks = [
        asyncio.create_task(work, name=name)
        for name, work in (
            ("tables", tables.step()),
            ("topics", kafka.step()),
            ("bucket", bucket.step()),
            ("outbox", outbox.keep(tables, kafka)),
            ("consumers", inbox.keep(tables, kafka)),
            ("live", live.keep(tables)),
            ("housekeeping", tidy.keep(tables, bucket)),
        )
    ]
    try:
        yield
    finally:
        hub.close()
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await watcher.close()
        await logs.close()
        await database.close()


class Consumers:
    """The projector and the commands, which share a publisher for what they can't handle."""

    def __init__(self, settings: ApiSettings, database: Database, maker: TopicMaker) -> None:
        self._settings = settings.kafka
        publisher = Publisher(settings.kafka, SOURCE)
        self._publisher = publisher
        self._projector = Projector(database, settings.kafka, publisher)
        self._commands = Commands(database, settings.kafka, publisher, maker)

    @property
    def healthy(self) -> bool:
        """Whether both reach the broker and the database."""
        return self._projector.healthy and self._commands.healthy

    async def run(self) -> None:
        """Consume until cancelled."""
        async with self._publisher, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._projector.run())
            tasks.create_task(self._commands.run())


def _operation_id(route: APIRoute) -> str:
    return route.name

"""Leadership: of several schedulers of one installation, one works, by a Lease. The others wait and take over within seconds."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import aiohttp
import structlog
from kubernetes_asyncio.client import ApiClient
from kubernetes_asyncio.client.exceptions import ApiException
from kubernetes_asyncio.leaderelection.electionconfig import Config
from kubernetes_asyncio.leaderelection.leaderelection import LeaderElection
from kubernetes_asyncio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes_asyncio.leaderelection.resourcelock.leaselock import LeaseLock

from kafka_ml_common.errors import UnavailableError

log = structlog.get_logger(__name__)

LEASE_SECONDS = 15
"""How long the others wait for one that is silent."""
_RENEW_SECONDS = 10
"""After so long without a renewal the leader ends its work, before another begins."""
_RETRY_SECONDS = 2


async def lead(
    client: ApiClient, lease: str, namespace: str, identity: str, work: Callable[[], Awaitable[None]]
) -> None:
    """Wait to be the leader, then do `work` until it ends.

    Raises:
        UnavailableError: the lease was lost; the work was cancelled.
    """

    async def keep_working() -> None:
        # What the library hands the work to, and cancels; how it went is awaited below.
        log.info("leads", lease=lease)
        working.set()
        await lost.wait()

    async def nothing() -> None:
        return

    working, lost = asyncio.Event(), asyncio.Event()
    lock = _PatientLock(lease, namespace, identity, client)
    election = LeaderElection(
        Config(
            lock,
            LEASE_SECONDS,
            _RENEW_SECONDS,
            _RETRY_SECONDS,
            onstarted_leading=keep_working,
            onstopped_leading=nothing,
        )
    )
    electing = asyncio.create_task(election.run(), name="election")
    log.info("waits for the lease", lease=lease, identity=identity)
    started = asyncio.create_task(working.wait(), name="wait for the lease")
    job: asyncio.Future[None] | None = None
    try:
        await asyncio.wait([electing, started], return_when=asyncio.FIRST_COMPLETED)
        if working.is_set():
            job = asyncio.ensure_future(work())
            await asyncio.wait([electing, job], return_when=asyncio.FIRST_COMPLETED)
            if job.done():
                await job
                return
        if electing.done():
            electing.result()
        raise UnavailableError(f"The lease {lease} was lost to another scheduler, or could not be renewed.")
    finally:
        tasks = [task for task in (job, electing, started) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if working.is_set():
            await lock.release()


class _PatientLock(LeaseLock):  # type: ignore[misc]  # the library has no types
    """The library's lock; a connection that fails counts as a try that failed, instead of ending the election."""

    async def get(self, name: str, namespace: str) -> tuple[bool, LeaderElectionRecord | Exception | None]:
        try:
            found: tuple[bool, LeaderElectionRecord | Exception | None] = await super().get(name, namespace)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            failure = ApiException(status=0, reason=str(error))
            failure.body = b'{"code": 0}'
            return False, failure
        if isinstance(found[1], ApiException) and not _is_json(found[1].body):
            found[1].body = json.dumps({"code": found[1].status}).encode()
        return found

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        try:
            return bool(await super().create(name, namespace, election_record))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("the lease can't be reached", error=str(error))
            return False

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        try:
            return bool(await super().update(name, namespace, updated_record))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("the lease can't be reached", error=str(error))
            return False

    async def release(self) -> None:
        """Let another one lead at once, if the lease is still ours."""
        try:
            lease = await self.api_instance.read_namespaced_lease(self.name, self.namespace)
            if lease.spec.holder_identity == self.identity:
                lease.spec.holder_identity = None
                await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
        except (ApiException, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("the lease could not be given back", error=str(error))


def _is_json(text: object) -> bool:
    try:
        return isinstance(text, str | bytes) and "code" in json.loads(text)
    except ValueError:
        return False

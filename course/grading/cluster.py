"""Grading on a Dask cluster: jobs go out as text, results come back as text, no disk is shared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from course.grading.job import Job, code_version
from course.grading.station import shared_station

CONNECT_SECONDS = 20
JOBS_PER_THREAD = 2
"""So many jobs are with the cluster for each of its threads: none waits for the next."""


class ClusterUnavailable(RuntimeError):
    """There is no usable Dask cluster at an address."""


@contextmanager
def connect(address: str, unsafe: bool) -> Iterator[Callable[[Job], Future]]:
    """Give a function that has a job graded by the cluster and returns its future result.

    A job whose worker dies goes to another one. Raises ClusterUnavailable.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClusterUnavailable(
            "`--dask` needs the package `distributed`: pip install 'course[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise ClusterUnavailable(f"no Dask scheduler answers at {address}: {problem}") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise ClusterUnavailable(f"the Dask scheduler at {address} has no workers")

        def grade(job: Job) -> dict:
            task = (job.to_json(), unsafe, code_version())
            return json.loads(client.submit(grade_there, *task, pure=False, retries=2).result())

        with ThreadPoolExecutor(threads * JOBS_PER_THREAD) as pool:
            try:
                yield lambda job: pool.submit(grade, job)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def grade_there(job: str, unsafe: bool, version: str) -> str:
    """Grade a job on this machine, which keeps a warm station for the next ones."""
    if version != code_version():
        raise RuntimeError("this worker has another version of the course package or of torch")
    return json.dumps(shared_station(unsafe).grade(Job.from_json(job)))

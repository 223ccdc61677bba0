"""The kubeflow backend: each job is an object of Kubeflow's, each replica a pod."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from ciao.backends.dumps import check_runs, complete
from ciao.backends.kubeflow import asking, creating, ending
from ciao.backends.kubeflow.attempts import Attempts
from ciao.backends.kubeflow.bases import architecture, bases
from ciao.backends.kubeflow.cluster import Cluster
from ciao.backends.kubeflow.configmaps import only_the_cell
from ciao.backends.kubeflow.describing import facts, places
from ciao.backends.kubeflow.finding import (
    Found,
    InUse,
    events_of,
    found_job,
    found_jobs,
    images_in_use,
    seen_now,
    story_of,
)
from ciao.backends.kubeflow.image_volumes import no_image_volumes
from ciao.backends.kubeflow.keeping import Keep
from ciao.backends.kubeflow.kinds import kind_named, kind_of
from ciao.backends.kubeflow.manifests import Manifests, manifests, restarts
from ciao.backends.kubeflow.printing import as_yaml
from ciao.backends.kubeflow.pruning import prune_kept
from ciao.backends.kubeflow.remembering import kept, past, remembered
from ciao.backends.kubeflow.watching import Watching
from ciao.backends.names import not_found
from ciao.errors import BackendUnavailable, CreateRefused
from ciao.k8s import sources
from ciao.k8s.access import Access
from ciao.k8s.base import Api
from ciao.model import Bundle, Event, Job, JobSpec, Mounted, Notice, Outcome, Phase, Standing, Summary, Target
from ciao.settings import Settings

__all__ = ["Kubeflow"]

UNTOLD = (
    "whether the cluster has image volumes is not known: it refuses to try a pod here. One without them drops the code"
)


@dataclass(frozen=True, kw_only=True)
class _Ours:
    """A job that this process has created."""

    spec: JobSpec
    bundle: Bundle
    began: float

    def left(self, now: float) -> JobSpec:
        """The spec for another attempt: its timeout is over all of them."""
        if self.spec.timeout is None:
            return self.spec
        return replace(self.spec, timeout=max(1.0, self.spec.timeout - (now - self.began)))


class Kubeflow:
    """Jobs in one namespace of one cluster. ``api`` is for tests; else it is what settings and environment name."""

    name = "kubeflow"

    def __init__(self, settings: Settings, *, api: Api | None = None) -> None:
        self._settings = settings
        self._api = api
        self._clusters: dict[str, Cluster] = {}
        self._place = ""
        self._ours: dict[str, _Ours] = {}
        self._attempts = Attempts()
        self._cancelled: dict[str, Outcome] = {}

    @property
    def where(self) -> str:
        """Context and namespace. Reads the kubeconfig, sends nothing; says what is wrong with it instead of raising."""
        if not self._place:
            known = self._api or _access(self._settings)
            namespace = self._settings.namespace or (known.namespace if known else "")
            self._place = f"{known.context}/{namespace}" if known else "no cluster"
        return self._place

    async def check(self, spec: JobSpec) -> tuple[Notice, ...]:
        """Raises CreateRefused for what this cluster cannot do, BackendUnavailable if it cannot be reached."""
        if (count := len(spec.replicas)) > (most := self._settings.cluster_replicas):
            raise CreateRefused(
                f"{count} replicas are more than the {most} that one job may have",
                hint="Ask for fewer, or set CIAO_CLUSTER_REPLICAS, or cluster.replicas in config.yaml",
            )
        job = Job.named(spec, backend=self.name, now=time.time())
        made = await self._made(spec, job, only_the_cell(spec))
        notices = list(await self._check_image_volumes(spec))
        notices += [Notice(text="%python has no meaning on a cluster: the image decides")] if spec.python else []
        if restarts(spec, made.kind):
            notices.append(Notice(text="the group is started again by this kernel, for as long as it lives"))
        return tuple(notices)

    async def target(self, spec: JobSpec) -> Target:
        """The base images, by what the cell, the settings and the cluster say.

        The nodes are asked about only if an image may be made for them.
        """
        cluster = self._cluster(spec.namespace)
        place = await cluster.place(spec)
        images = bases(spec, kind_of(spec, place.served), place=place)
        asked = architecture(spec)
        platforms = (asked,) if asked else await cluster.platforms() if self._makes_images(spec) else ()
        return Target(images=images, platforms=platforms, namespace=cluster.namespace)

    def api(self, namespace: str | None = None) -> Api:
        """The connection, for what works in the cluster besides jobs. Opened when first used, closed by this."""
        return self._cluster(namespace).api

    async def plan(self, spec: JobSpec, job: Job, bundle: Bundle) -> str:
        """The objects in the order of their creation; the server is asked whether it would take them."""
        made = await self._made(spec, job, bundle)
        await creating.dry_run(self._cluster(spec.namespace).api, made)
        return as_yaml(made)

    async def create(self, spec: JobSpec, job: Job, bundle: Bundle) -> None:
        """Create the job. Raises CreateRefused or ApiError, and then nothing is left behind.

        If it is cancelled, the job may exist: :meth:`cancel` ends it.
        """
        cluster = self._cluster(spec.namespace)
        made = await self._made(spec, job, bundle)
        keep = self._keep(job.name)
        keep.open(job, namespace=cluster.namespace, kind=made.kind.name)
        self._ours[job.name] = _Ours(spec=spec, bundle=bundle, began=time.time())
        try:
            await creating.create(cluster.api, made)
        except Exception:
            del self._ours[job.name]
            keep.remove()
            raise
        finally:
            keep.close()
        await asyncio.to_thread(  # a long list of jobs takes a moment, in which the pods already start
            prune_kept,
            self._settings.home,
            keep_for=self._settings.keep_for,
            keep_bytes=self._settings.keep_bytes,
            now=time.time(),
        )

    async def watch(self, name: str, *, replica: str | None = None) -> AsyncGenerator[Event, None]:
        """What this machine keeps of it, then what the cluster tells."""
        await self._attempts.made(name)
        keep, found = self._keep(name), await self._found(name)
        if found is None:
            for event in past(keep, self._kept_job(name, keep)):
                yield event
            return
        story = story_of(found, keep.outcome())
        ours = self._ours.get(name)
        story.retries = restarts(ours.spec, found.kind) if ours is not None else 0
        keep.open(found.job, namespace=found.namespace, kind=found.kind.name)
        api = self._cluster(found.namespace).api
        watching = Watching(
            api,
            story,
            keep,
            resource=found.kind.resource,
            uid=found.uid,
            live=self._settings.live,
            besides=replica,
            again=lambda number: self._attempts.make(name, number, lambda: self._again(found, number)),
            known=lambda manifest: self._cancelled.get(name) or replace(found, manifest=manifest or {}).outcome,
            close=lambda finished, uid: ending.close(api, found, finished.outcome, uid=uid),
        )
        async with aclosing(watching.events()) as events:
            async for event in events:
                yield event

    async def cancel(self, name: str) -> Outcome:
        """Delete the job and return when its last pod is gone.

        For a job of this process, a cluster that cannot be reached is tried again, for minutes: what was started here
        is to be ended from here.
        """
        patience = ending.AWAY if name in self._ours else 0.0
        return await ending.once_reached(lambda: self._cancel(name), name=name, patience=patience)

    async def _cancel(self, name: str) -> Outcome:
        between = await self._attempts.give_up(name)  # what there is then may be what is left of the attempt before
        found, keep = await self._found(name), self._keep(name)
        if found is None:
            self._kept_job(name, keep)
            if (known := keep.outcome()) is not None:
                return known
            namespace = str(keep.known().get("namespace") or self._cluster().namespace)
            api = self._cluster(namespace).api
            gone = await ending.emptied(api, name, namespace=namespace, grace=self._settings.grace)
        else:
            api = self._cluster(found.namespace).api
            summary = seen_now(story_of(found, keep.outcome()), await ending.pods_of(api, found)).summary()
            if summary.outcome is not None and not between:
                return summary.outcome
            self._cancelled[name] = await ending.announce(api, found)
            gone = await ending.delete(api, found, grace=self._settings.grace)
        words = "" if gone else "its last pod is still being ended by its node"
        outcome = Outcome(phase=Phase.CANCELLED, ended=time.time(), message=words)
        keep.end(outcome)
        return outcome

    async def delete(self, name: str) -> None:
        """Cancel the job if it runs, and remove all that is known of it."""
        await self._attempts.give_up(name)
        found, keep = await self._found(name), self._keep(name)
        if found is None:
            self._kept_job(name, keep)
        else:
            api = self._cluster(found.namespace).api
            self._cancelled[name] = await ending.announce(api, found)
            await ending.delete(api, found, grace=self._settings.grace)
        keep.remove()

    async def close(self) -> None:
        """Let go of the cluster; jobs go on."""
        if self._api is not None:
            await self._api.close()

    async def jobs(self) -> Sequence[Summary]:
        """Those on the cluster, then those that only this machine remembers; newest first."""
        known = list(kept(self._settings.home))
        open_in = {str(keep.known().get("namespace")) for keep, _ in known if keep.outcome() is None}
        lists = await asyncio.gather(*map(self._jobs_in, {self._cluster().namespace, *open_in - {"None"}}))
        there = [summary for found in lists for summary in found]
        names = {summary.job.name for summary in there}
        gone = [remembered(keep, job) for keep, job in known if job.name not in names]
        return sorted([*there, *gone], key=lambda s: s.job.created, reverse=True)

    async def job(self, name: str) -> Summary:
        """From the cluster, else from what this machine keeps."""
        await self._attempts.made(name)
        found, keep = await self._found(name), self._keep(name)
        if found is None:
            return remembered(keep, self._kept_job(name, keep))
        api = self._cluster(found.namespace).api
        pods, said = await asyncio.gather(ending.pods_of(api, found), events_of(api, found))
        story = seen_now(story_of(found, keep.outcome()), pods, events=said)
        return replace(story.summary(), facts=facts(found, pods), places=places(pods, story.ranked))

    async def stacks(self, name: str, *, replica: str | None = None) -> Sequence[Standing]:
        """Asks by a command in each pod, which needs a right that nothing else needs."""
        await self._attempts.made(name)
        found, keep = await self._found(name), self._keep(name)
        if found is None:
            check_runs(remembered(keep, self._kept_job(name, keep)))
            return ()
        api = self._cluster(found.namespace).api
        pods = await ending.pods_of(api, found)
        story = seen_now(story_of(found, keep.outcome()), pods)
        check_runs(story.summary())
        asked = asking.asked(pods, story.ranked, replica=replica)
        told = await asking.ask(api, asked, namespace=found.namespace)
        return complete(story.summary(), told, replica=replica)

    async def images(self) -> InUse:
        """The images that jobs which have not ended need. Raises BackendError."""
        cluster = self._cluster()
        return await images_in_use(cluster.api, await cluster.kinds(), namespace=cluster.namespace)

    async def _jobs_in(self, namespace: str) -> Sequence[Summary]:
        cluster = self._cluster(namespace)
        return await found_jobs(cluster.api, await cluster.kinds(), namespace=namespace)

    async def _made(self, spec: JobSpec, job: Job, bundle: Bundle, *, attempt: int = 1) -> Manifests:
        cluster = self._cluster(spec.namespace)
        place = await cluster.place(spec)
        if isinstance(bundle, Mounted) and await cluster.has_image_volumes() is False:
            raise no_image_volumes(cluster.api.context)
        return manifests(spec, job, bundle, place=place, attempt=attempt)

    async def _again(self, found: Found, number: int) -> str:
        """Make the job anew under its name, once its pods are gone."""
        ours, api = self._ours[found.job.name], self._cluster(found.namespace).api
        await ending.delete(api, found, grace=self._settings.grace)
        made = await self._made(ours.left(time.time()), found.job, ours.bundle, attempt=number)
        return await creating.create(api, made, attempt=number)

    async def _check_image_volumes(self, spec: JobSpec) -> tuple[Notice, ...]:
        """Before anything is packed: what would be pushed for nothing. Raises CreateRefused."""
        if (spec.s2i or self._settings.s2i_provider) != "imagevolume":
            return ()
        cluster = self._cluster(spec.namespace)
        has = await cluster.has_image_volumes()
        if has is False:
            raise no_image_volumes(cluster.api.context)
        return () if has else (Notice(text=UNTOLD, level="warning"),)

    def _makes_images(self, spec: JobSpec) -> bool:
        """As far as it shows here: nothing else depends on it than one question to the cluster."""
        settings = self._settings
        named = (spec.s2i or settings.s2i_provider) != "configmap"
        return named and bool(settings.s2i_registry) and not settings.s2i_platforms

    def _cluster(self, namespace: str | None = None) -> Cluster:
        if self._api is None:
            from ciao.k8s.api import connect

            self._api = connect(self._settings)
        wanted = namespace or self._settings.namespace or self._api.namespace
        if wanted not in self._clusters:
            self._clusters[wanted] = Cluster(self._settings, api=self._api, namespace=wanted)
        return self._clusters[wanted]

    def _keep(self, name: str) -> Keep:
        try:
            of = self._settings
            return Keep(of.home, name, keep_log=of.keep_log, keep_bytes=of.keep_bytes)
        except ValueError:
            raise not_found(name, (), where=self.where) from None

    async def _found(self, name: str) -> Found | None:
        """One request for a job whose kind was kept, else one for each kind."""
        known = self._keep(name).known()
        namespace, kind = known.get("namespace"), known.get("kind")
        cluster = self._cluster(namespace if isinstance(namespace, str) else None)
        there = kind_named(kind)
        kinds = [there] if there is not None else await cluster.kinds()
        return await found_job(cluster.api, kinds, name, namespace=cluster.namespace)

    def _kept_job(self, name: str, keep: Keep) -> Job:
        if keep.folder.job_file.exists():
            return keep.job()
        raise not_found(name, [job.name for _, job in kept(self._settings.home)], where=self.where)


def _access(settings: Settings) -> Access | None:
    """What the kubeconfig says; what is wrong with it is said when it is used."""
    source = sources.find(settings)
    try:
        return source.load() if source is not None else None
    except BackendUnavailable:
        return None

"""Each right of the Roles in deploy/ is taken away once: doctor, as the gateway's account, names it and no other."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml

from ciao.backends.kubeflow.rights import NEEDS, needs
from ciao.k8s.rights import Right
from ciao.s2i.incluster.rights import rights as rights_of_builds
from ciao.settings.strategies import IN_THE_CLUSTER
from fakes.accounts import Account, account_of
from fakes.deployed import DEPLOY, Overlay

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

ROLES = [f"roles/{folder.name}" for folder in sorted((DEPLOY / "roles").iterdir())]
RBAC = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"}
ASKED = {right for need in NEEDS for right in need.rights} | {
    right for strategy in IN_THE_CLUSTER for right in rights_of_builds(strategy)
}
"""Every right that Ciao asks for, by whatever strategy."""


@pytest.fixture
def roles(tmp_path: Path, kubectl: Kubectl) -> Iterator[list[dict[str, Any]]]:
    """Every Role of deploy/, bound to the account. The names of those in the whole cluster begin with the namespace."""
    prefix = {"namePrefix": f"{kubectl.namespace}-"}
    overlay = Overlay(folder=tmp_path / "overlay", namespace=kubectl.namespace, upon="base", parts=ROLES, more=prefix)
    rendered = [one for one in overlay.render() if one["kind"] in RBAC]
    kubectl("apply", "-f", "-", text=yaml.safe_dump_all(rendered))
    yield [one for one in rendered if one["kind"] in ("Role", "ClusterRole")]
    kubectl("delete", "clusterrole,clusterrolebinding", f"{kubectl.namespace}-ciao")


@pytest_asyncio.fixture
async def account(tmp_path: Path, kubectl: Kubectl, roles: object) -> AsyncIterator[Account]:
    async with account_of(tmp_path, kubectl, f"{kubectl.namespace}-ciao") as found:
        await asyncio.gather(*(found.until(right, allowed=True) for right in ASKED))
        yield found


async def test_with_every_role_doctor_misses_nothing(account: Account) -> None:
    for strategy in ("configmap", "append", *IN_THE_CLUSTER):
        [check] = await account.set_to(strategy).doctor()
        assert (check.verdict, check.fix) == ("ok", "")


async def test_the_account_has_no_other_right_in_its_namespace(account: Account, cluster: Cluster) -> None:
    body = {"spec": {"namespace": account.own.namespace}}
    told = await account.own.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body=body)
    rules = [one for one in told["status"]["resourceRules"] if not one["resources"][0].startswith("selfsubject")]
    assert _granted(rules) == ASKED


@pytest.mark.parametrize("strategy", ["configmap", "append", "cluster-kaniko", "tekton"])
async def test_doctor_names_exactly_the_right_that_is_taken_away(
    strategy: str, account: Account, roles: list[dict[str, Any]]
) -> None:
    account = account.set_to(strategy)
    for right, features in _features(strategy).items():
        having = [role for role in roles if _without(role, right) != role]
        await asyncio.gather(*(account.put(_without(role, right)) for role in having))
        await account.until(right, allowed=False)
        told = {check.words.partition(";")[0] for check in await account.doctor()}
        assert told == {f"you may not {right.verb} {right.name}, to {feature}" for feature in features}
        await asyncio.gather(*map(account.put, having))
        await account.until(right, allowed=True)
    assert [check.verdict for check in await account.doctor()] == ["ok"]


async def test_the_line_that_doctor_gives_puts_the_right_back(
    account: Account, roles: list[dict[str, Any]], kubectl: Kubectl
) -> None:
    logs = Right(verb="get", resource="pods", subresource="log")
    await asyncio.gather(*(account.put(_without(role, logs)) for role in roles))
    await account.until(logs, allowed=False)
    [check] = await account.set_to("append").doctor()
    for line in check.fix.split(" && "):
        kubectl(*shlex.split(line)[1:])
    await account.until(logs, allowed=True)
    assert [check.verdict for check in await account.set_to("append").doctor()] == ["ok"]


def _features(strategy: str) -> dict[Right, set[str]]:
    """What doctor needs each right for that only this strategy brings into play; with ConfigMaps, every right."""
    features: dict[Right, set[str]] = {}
    for need in needs(strategy):
        for right in need.rights:
            features.setdefault(right, set()).add(need.feature)
    builds = rights_of_builds(strategy) if strategy in IN_THE_CLUSTER else ()
    for right in builds:
        features.setdefault(right, set()).add(f"build by {strategy}")
    own = {right for need in NEEDS if need.strategy == strategy for right in need.rights} | set(builds)
    return features if strategy == "configmap" else {right: features[right] for right in features if right in own}


def _granted(rules: list[dict[str, Any]]) -> set[Right]:
    return {
        Right(verb=verb, resource=name.partition("/")[0], group=group, subresource=name.partition("/")[2])
        for rule in rules
        for group in rule["apiGroups"]
        for name in rule["resources"]
        for verb in rule["verbs"]
    }


def _without(role: dict[str, Any], right: Right) -> dict[str, Any]:
    """A Role that grants all but one right."""
    name = f"{right.resource}/{right.subresource}" if right.subresource else right.resource
    rules = []
    for rule in role["rules"]:
        if rule["apiGroups"] != [right.group] or name not in rule["resources"]:
            rules.append(rule)
            continue
        others = [one for one in rule["resources"] if one != name]
        verbs = [one for one in rule["verbs"] if one != right.verb]
        rules += [{**rule, "resources": others}] if others else []
        rules += [{**rule, "resources": [name], "verbs": verbs}] if verbs else []
    return {**role, "rules": rules}

"""The Pod Security Standards: each check, with what upstream says of it."""

from __future__ import annotations

import pytest

from kubern.api.pod_security import violations

GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(container=None, context=None, **spec):
    one = {"name": "a", "image": "i", **(container or {})} | ({"securityContext": context} if context else {})
    return {"metadata": {"name": "p"}, "spec": {"containers": [one], **spec}}


def said(made, level):
    return [str(each) for each in violations(made, level)]


BASELINE = [
    (pod(hostNetwork=True, hostPID=True), "host namespaces (hostNetwork=true, hostPID=true)"),
    (pod(context={"privileged": True}), 'privileged (container "a" must not set securityContext.privileged=true)'),
    (
        pod(context={"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}),
        'non-default capabilities (container "a" must not include "NET_ADMIN" in securityContext.capabilities.add)',
    ),
    (pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), 'hostPath volumes (volume "v")'),
    (pod({"ports": [{"containerPort": 80, "hostPort": 80}]}), 'hostPort (container "a" uses hostPort 80)'),
    (
        pod({"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}}),
        'probe or lifecycle host (container "a" must not set probe or lifecycle hook host)',
    ),
    (
        pod(securityContext={"appArmorProfile": {"type": "Unconfined"}}),
        'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ),
    (
        pod(context={"seLinuxOptions": {"type": "x", "user": "u"}}),
        'seLinuxOptions (pod or containers set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)',
    ),
    (
        pod(context={"procMount": "Unmasked"}),
        'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ),
    (
        pod(context={"seccompProfile": {"type": "Unconfined"}}),
        'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (pod(securityContext={"sysctls": [{"name": "kernel.x", "value": "1"}]}), "forbidden sysctls (kernel.x)"),
    (
        pod(securityContext={"windowsOptions": {"hostProcess": True}}),
        "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    ),
]


@pytest.mark.parametrize(("made", "expected"), BASELINE)
def test_baseline(made, expected):
    assert said(made, "baseline") == [expected]
    assert said(made, "privileged") == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            pod(context=GOOD | {"allowPrivilegeEscalation": True}),
            'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
        ),
        (
            pod(context=GOOD | {"capabilities": {}}),
            'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"])',
        ),
        (
            pod(context=GOOD | {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "CHOWN"]}}),
            'unrestricted capabilities (container "a" must not include "CHOWN" in securityContext.capabilities.add)',
        ),
        (
            pod(context=GOOD, volumes=[{"name": "n", "nfs": {}}, {"name": "e", "emptyDir": {}}]),
            'restricted volume types (volume "n" uses restricted volume type "nfs")',
        ),
        (
            pod(context={k: v for k, v in GOOD.items() if k != "runAsNonRoot"}),
            'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
        ),
        (
            pod(context=GOOD | {"runAsNonRoot": False}),
            'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)',
        ),
        (pod(context=GOOD | {"runAsUser": 0}), 'runAsUser=0 (container "a" must not set runAsUser=0)'),
        (
            pod(context={k: v for k, v in GOOD.items() if k != "seccompProfile"}),
            'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
        ),
    ],
)
def test_restricted(made, expected):
    assert said(made, "restricted") == [expected]
    assert said(made, "baseline") == []


def test_what_keeps_to_restricted_violates_nothing():
    assert said(pod(context=GOOD), "restricted") == said(pod(), "baseline") == []
    of_pod = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}}
    rest = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert said(pod(context=rest, securityContext=of_pod), "restricted") == []


def test_a_plain_pod_is_told_everything_that_restricted_wants_in_upstreams_order():
    made = pod(initContainers=[{"name": "i"}])
    assert [each.what for each in violations(made, "restricted")] == [
        "allowPrivilegeEscalation != false", "unrestricted capabilities", "runAsNonRoot != true", "seccompProfile",
    ]  # fmt: skip
    assert 'containers "i", "a" must set securityContext.allowPrivilegeEscalation=false' in said(made, "restricted")[0]

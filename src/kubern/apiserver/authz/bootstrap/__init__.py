"""The roles and bindings of a new cluster, with upstream's names and rules (and kubeadm's where upstream leaves them to it).

    objects()                    every object, as {plural: [rbac.authorization.k8s.io/v1 dicts]}
    reconciled(existing, wanted) what an existing one becomes at the next start, or None when it stays

Called by the apiserver at start. What always holds: an administrator's additions are kept, what was taken away comes back, and an
object annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` is left alone.
"""

from kubern.apiserver.authz.bootstrap.objects import objects, reconciled

__all__ = ["objects", "reconciled"]

"""Groups of flags that several commands share: leader election, and a program's secure port.

A group is a NamedTuple whose fields are options; a command that is decorated with `takes` gets each group as one argument, and as `flags`
all that was given, by the flags' names.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

from kubern.cli.flags import Option

if TYPE_CHECKING:
    from kubern.client.leaderelection import LeaseSettings
    from kubern.diagnostics.serving import Serving


class LeaderElection(NamedTuple):
    """The --leader-elect-… flags; one that is not given leaves what is there."""

    leader_elect_lease_duration: Annotated[
        str, Option(help="How long others wait for a leader that is silent; default 15s.")
    ] = ""
    leader_elect_renew_deadline: Annotated[
        str, Option(help="How long a leader that cannot renew goes on; default 10s.")
    ] = ""
    leader_elect_retry_period: Annotated[str, Option(help="Pause between two attempts; default 2s.")] = ""
    leader_elect_resource_name: Annotated[
        str, Option(help="The Lease's name; default the program's, as upstream calls it.")
    ] = ""
    leader_elect_resource_namespace: Annotated[str, Option(help="The Lease's namespace; default kube-system.")] = ""

    def settings(self, base: LeaseSettings) -> LeaseSettings:
        """Return `base` with what the flags say. Raises `ValueError`."""
        from kubern.base.duration import parse_duration

        texts = (self.leader_elect_resource_name, self.leader_elect_resource_namespace)
        times = (self.leader_elect_lease_duration, self.leader_elect_renew_deadline, self.leader_elect_retry_period)
        said: dict[str, Any] = {field: text for field, text in zip(("name", "namespace"), texts, strict=True) if text}
        for field, text in zip(("lease_duration", "renew_deadline", "retry_period"), times, strict=True):
            if text:
                said[field] = float(parse_duration(text))
        return base._replace(**said).checked()


class SecurePort(NamedTuple):
    """The flags of upstream's secure serving, with delegated authentication and authorization."""

    secure_port: Annotated[
        int | None, Option(help="Port of health checks and metrics; 0: none. Default: upstream's.")
    ] = None
    bind_address: Annotated[str, Option(help="Address to serve them on.")] = "0.0.0.0"
    tls_cert_file: Annotated[
        Path | None, Option(help="Serving certificate; without it one is made, known to nobody.")
    ] = None
    tls_private_key_file: Annotated[Path | None, Option(help="Its key.")] = None
    client_ca_file: Annotated[
        Path | None,
        Option(help="Whose client certificates are believed; without it those that the apiserver believes."),
    ] = None
    authentication_kubeconfig: Annotated[
        Path | None, Option(help="Who asks the apiserver whose a token is; without it tokens are not looked at.")
    ] = None
    authorization_kubeconfig: Annotated[
        Path | None,
        Option(help="Who asks the apiserver what somebody may; without it only open paths are shown."),
    ] = None
    authorization_always_allow_paths: Annotated[
        str, Option(help="Paths that need no rights, comma-separated; NAME* is all that begins so.")
    ] = "/healthz,/readyz,/livez"
    profiling: Annotated[bool, Option(help="Serve /debug/pprof/ to those who are authorized for it.")] = True

    def serving(self, default_port: int) -> Serving:
        """Return the settings. Raises `ValueError`."""
        from kubern.diagnostics.serving import Serving

        if (self.tls_cert_file is None) != (self.tls_private_key_file is None):
            raise ValueError("--tls-cert-file and --tls-private-key-file go together")
        return Serving(
            default_port if self.secure_port is None else self.secure_port,
            self.bind_address,
            self.tls_cert_file,
            self.tls_private_key_file,
            self.client_ca_file,
            tuple(filter(None, self.authorization_always_allow_paths.split(","))),
        )


def takes(**groups: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command take groups of flags, each as the argument named here."""

    def decorate(run: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(run)
        def command(**given: Any) -> None:
            flags = {name.replace("_", "-"): value for name, value in given.items()}
            packed = {
                name: kind(**{field: given.pop(field) for field in kind._fields}) for name, kind in groups.items()
            }
            run(**given, **packed, flags=flags)

        own = inspect.signature(run, eval_str=True).parameters.values()
        shown = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own if each.name not in {*groups, "flags"}
        ]
        for kind in groups.values():
            hints = get_type_hints(kind, include_extras=True)
            shown += [
                inspect.Parameter(
                    field,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=kind._field_defaults[field],
                    annotation=hints[field],
                )
                for field in kind._fields
            ]
        command.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in shown}
        del command.__dict__["__wrapped__"]
        return command

    return decorate

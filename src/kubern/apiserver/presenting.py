"""Which form a request's answer takes, and the answers with one object."""

from __future__ import annotations

from collections.abc import Sequence

from kubern.api.codec import PROTOBUF, protobuf
from kubern.api.codec.cbor import CBOR
from kubern.apiserver.answers import SUPPORTED, Media, body_response, not_acceptable, object_response
from kubern.apiserver.call import Call
from kubern.apiserver.cbor_form import CborForm
from kubern.apiserver.conversion import same, to_served
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.apiserver.forms import ConvertedForm, Form, FullForm, PartialForm, TableForm
from kubern.apiserver.protobuf_form import ProtobufForm
from kubern.base.errors import NotAcceptable
from kubern.base.json import Obj
from kubern.http.contract import Response


def media_of(core: Core, call: Call) -> Media:
    """Return what the answer about a resource is encoded in. Raises `NotAcceptable`.

    A kind without a protobuf encoding of its own, as custom resources are, is shown in it by its metadata alone.
    """
    media = core.negotiator.choose(call.request.headers.get("accept", ""))
    if media.transform:
        _check_number(call, media.transform)
    if media.encoding != PROTOBUF or media.transform:
        return media
    if protobuf().supports(call.resource.api_version, call.resource.kind):
        return media
    if media.otherwise is None:
        raise not_acceptable(SUPPORTED[:-1])
    return media.otherwise


def _check_number(call: Call, transform: str) -> None:
    """Raise `NotAcceptable` when the metadata of one object is asked for and there are many, or the other way round."""
    resource, many = call.resource, call.info.verb == "list"
    if many and transform == "PartialObjectMetadata":
        package = resource.group.partition(".")[0] or "core"
        name = (
            "unstructured.UnstructuredList"
            if resource.structural
            else f"{package}.{resource.list_kind or resource.kind + 'List'}"
        )
        raise NotAcceptable(f"you requested {transform}, but the requested object is a list (*{name})")
    if not many and transform == "PartialObjectMetadataList":
        raise NotAcceptable(f"you requested {transform}, but the requested object is not a list type")


def form_of(core: Core, call: Call, media: Media) -> Form:
    """Return the form that `media` and the version in the path ask for."""
    if media.encoding == PROTOBUF:
        return ProtobufForm(_json_form(core, call, media))
    if media.encoding == CBOR:
        return CborForm(_json_form(core, call, media))
    return _json_form(core, call, media)


def _json_form(core: Core, call: Call, media: Media) -> Form:
    resource = call.resource
    if media.transform == "Table":
        include = call.info.first("includeObject")
        convert = to_served(core.storage(resource).resource, resource)
        return TableForm(resource, core.clock, include, convert, media.version)
    if media.transform:
        return PartialForm(media.version)
    key = (resource.group, resource.version, resource.kind)
    form = core.forms.get(key)
    if form is None:
        stored = core.storage(resource).resource
        convert, custom = to_served(stored, resource), resource.structural is not None
        if convert is same:
            form = FullForm(resource.kind, resource.api_version, resource.list_kind, custom=custom)
        else:
            form = ConvertedForm(resource.kind, resource.api_version, convert, resource.list_kind, custom=custom)
        core.forms[key] = form
    return form


def present(core: Core, call: Call, entry: Entry, status: int = 200, warnings: Sequence[str] = ()) -> Response:
    """Return the answer that shows one object."""
    media = media_of(core, call)
    return body_response(status, form_of(core, call, media).encode(entry), media, warnings)


def show(core: Core, call: Call, obj: Obj, status: int = 200, warnings: Sequence[str] = ()) -> Response:
    """Return the answer that shows something else than the resource's own objects: a Status, a Scale, a review."""
    return object_response(status, obj, media_of(core, call)._replace(transform=""), warnings)


def present_unstored(
    core: Core, call: Call, obj: Obj, status: int = 200, warnings: Sequence[str] = ()
) -> Response:  # fmt: skip
    """Return the answer that shows an object that was not stored: a dry run's result."""
    layout = core.storage(call.resource).cache.layout
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")
    revision = int(obj["metadata"].get("resourceVersion") or 0)
    key = core.storage(call.resource).key(namespace, name)
    entry = layout.entry(key, layout.encode(obj), revision)
    if not revision:
        entry.item = entry.item.replace(b'"resourceVersion":"0",', b"", 1)
    return present(core, call, entry, status, warnings)

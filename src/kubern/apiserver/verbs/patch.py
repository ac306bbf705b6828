"""PATCH: a change described, applied to whatever is stored when it is written."""

from __future__ import annotations

import orjson

from kubern.api import field
from kubern.api.schema import NotDecodable
from kubern.apiserver.applying import apply, read_configuration
from kubern.apiserver.body import media_type
from kubern.apiserver.call import Call
from kubern.apiserver.checking import check_kind, wrong_identity
from kubern.apiserver.conversion import same, to_served
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import settle_patched
from kubern.apiserver.metadata import check_named, check_path
from kubern.apiserver.options import write_options
from kubern.apiserver.patching import APPLIES, parse_patch
from kubern.apiserver.strategy import Strategy, main_strategy
from kubern.apiserver.verb import Verb
from kubern.apiserver.warned import warned
from kubern.apiserver.writing import replace
from kubern.base.errors import BadRequest
from kubern.base.json import Obj
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Apply the body's patch and answer with the object. Raises every `StatusError` of an update."""
    return await serve_with(core, call, main_strategy(call.resource))


async def serve_with(core: Core, call: Call, strategy: Strategy) -> Answer:
    """Apply the patch to what `strategy` lets this path touch."""
    media = media_type(call.request)
    options = write_options(call.info, "PatchOptions", media in APPLIES)
    warnings: list[str] = []
    if media in APPLIES:
        with warned(warnings):
            written = await apply(core, call, read_configuration(call, options), strategy, options, warnings)
        return await written.response(core, call, list(dict.fromkeys(warnings)))
    type = None if call.resource.structural else core.schemas[call.resource.schema].type
    patch = parse_patch(media, call.request.body, type)

    served = to_served(core.storage(call.resource).resource, call.resource)

    async def transform(old: Obj) -> Obj:
        source = old if served is same else served(orjson.loads(orjson.dumps(old)))
        patched = patch(source)
        # a patch shares with its source what it does not touch
        spec_is_stored = served is same and "spec" in source and patched.get("spec") is source["spec"]
        new: Obj = orjson.loads(orjson.dumps(patched))
        if not isinstance(new.get("metadata"), dict):
            raise BadRequest("metadata: must be an object")
        resource = call.resource
        if resource.structural and (new.get("kind"), new.get("apiVersion")) != (resource.kind, resource.api_version):
            raise wrong_identity(new, resource)
        check_kind(new, resource)
        try:
            settle_patched(core, call, new, options, warnings, spec_is_stored)
        except NotDecodable as error:
            shown = orjson.dumps(new).decode()
            raise field.invalid_error("", "", "", [field.invalid("patch", shown, error.detail)]) from error
        check_named(new, call.info.name)
        check_path(new, call.resource, call.namespace, call.info.name)
        return new

    with warned(warnings):
        written = await replace(core, call, transform, strategy, options, warnings)
    return await written.response(core, call, list(dict.fromkeys(warnings)))


VERB = Verb("patch", serve)

"""POST: a new object."""

from __future__ import annotations

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_object
from kubern.apiserver.options import write_options
from kubern.apiserver.verb import Verb
from kubern.apiserver.warned import warned
from kubern.apiserver.writing import create
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Store the body's object and answer with it. Raises every `StatusError` of a creation."""
    options = write_options(call.info, "CreateOptions")
    warnings: list[str] = []
    with warned(warnings):
        obj = read_object(core, call, options, warnings)
        core.managing.created(call, obj, options)
        written = await create(core, call, obj, options, warnings)
    return await written.response(core, call, warnings)


VERB = Verb("create", serve)

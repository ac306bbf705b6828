"""PUT: the whole object replaced, or created where upstream allows that."""

from __future__ import annotations

import orjson

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_object
from kubern.apiserver.metadata import CREATE_ON_UPDATE
from kubern.apiserver.options import write_options
from kubern.apiserver.strategy import Strategy, main_strategy
from kubern.apiserver.verb import Verb
from kubern.apiserver.writing import create, replace
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.http.contract import Answer


async def serve(core: Core, call: Call) -> Answer:
    """Replace the object by the body's and answer with it. Raises every `StatusError` of an update."""
    return await serve_with(core, call, main_strategy(call.resource))


async def serve_with(core: Core, call: Call, strategy: Strategy) -> Answer:
    """Replace what `strategy` lets this path touch."""
    options = write_options(call.info, "UpdateOptions")
    warnings: list[str] = []
    wanted = read_object(core, call, options, warnings)

    async def transform(old: Obj) -> Obj:
        copy: Obj = orjson.loads(orjson.dumps(wanted))
        return copy

    try:
        written = await replace(core, call, transform, strategy, options, warnings)
    except NotFound as error:
        creates = not strategy.subresource and call.resource.group_resource in CREATE_ON_UPDATE
        if not creates or error.kind != call.resource.plural:
            raise
        core.managing.created(call, wanted, options)
        written = await create(core, call, wanted, options, warnings)
    return await written.response(core, call, warnings)


VERB = Verb("update", serve)

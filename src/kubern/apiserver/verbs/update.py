"""PUT: the whole object replaced, or created where upstream allows that."""

from __future__ import annotations

import orjson

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.decoding import read_object
from kubern.apiserver.metadata import CREATE_ON_UPDATE
from kubern.apiserver.options import WriteOptions, write_options
from kubern.apiserver.strategy import Strategy, main_strategy
from kubern.apiserver.verb import Verb
from kubern.apiserver.warned import warned
from kubern.apiserver.writing import Written, create, replace
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
    with warned(warnings):
        written = await _written(core, call, strategy, options, warnings)
    return await written.response(core, call, warnings)


async def _written(core: Core, call: Call, strategy: Strategy, options: WriteOptions, warnings: list[str]) -> Written:
    wanted = read_object(core, call, options, warnings)

    async def transform(old: Obj) -> Obj:
        copy: Obj = orjson.loads(orjson.dumps(wanted))
        return copy

    try:
        return await replace(core, call, transform, strategy, options, warnings)
    except NotFound as error:
        creates = not strategy.subresource and call.resource.group_resource in CREATE_ON_UPDATE
        if not creates or error.kind != call.resource.plural:
            raise
        core.managing.created(call, wanted, options)
        return await create(core, call, wanted, options, warnings)


VERB = Verb("update", serve)

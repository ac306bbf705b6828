"""Server-side apply: who manages which field of an object, and how an applied configuration is merged with what others set.

`fieldset` has the sets of fields; `shape`, `map_shape` and `list_shape` walk objects along their schema, and `shapes` makes them of
types; `managers` keeps an object's `managedFields`. Everything is pure and works on plain dicts. Source: KEP-555 and the structured merge
it describes.
"""

"""Server-side apply: who manages which field of an object, and how an applied configuration is merged with what others set.

`fieldset` has the sets of fields, `shapes` walks objects along their schema, `managers` keeps an object's `managedFields`, `applying`
merges a configuration. Everything is pure and works on plain dicts. Source: KEP-555 and the structured merge it describes.
"""

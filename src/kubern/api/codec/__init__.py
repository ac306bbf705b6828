"""The encodings of API objects."""

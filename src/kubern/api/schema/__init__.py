"""Schemas of the built-in and custom types, compiled once into fast functions."""

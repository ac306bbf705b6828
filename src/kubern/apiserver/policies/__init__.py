"""Admission policies at work: their expressions compiled once a revision, their parameters, and evaluation on a request."""

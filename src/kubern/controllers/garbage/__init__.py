"""The garbage collector's parts: the graph of owners and dependents, and what is to be done about one object."""

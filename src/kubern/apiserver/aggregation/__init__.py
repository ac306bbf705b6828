"""Aggregation: group versions that other servers answer, each named by an APIService.

registering    the APIServices of what this server answers itself, kept by the server
remote         what an APIService with a service reference says
extensions     the servers behind them: how to reach them, what they have said of themselves
availability   whether one answers, in upstream's conditions
aggregation    follows the APIServices, asks the servers, writes the conditions
swagger, swaggers, documents   OpenAPI of other servers, merged with ours
forwarding     passes a request on
"""

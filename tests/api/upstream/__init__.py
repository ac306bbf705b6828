"""What an upstream API server answered, and our answers to the same requests.

Upstream's v1.36.4 `apiextensions-apiserver` can be built from Debian's packages of Go libraries: a whole API server for custom
resources, with upstream's own machinery for lists, watches, patches, apply, admission and errors. `requests/` holds stories of requests,
`answers/` what it answered to them; `record` asks it again. `test_upstream` sends the same to ours.
"""

"""Authentication: who sends a request. Pure of the rest of the apiserver but for `identity`.

    chain.Chain(methods, anonymous=…, impersonate=…)      the pipeline's `Authenticator`: call it with a `Request`
    chain.Method = Callable[[Request], User | None]          one way to be known; raises `Unauthorized` for bad credentials
    certificate.Certificates(clock)                          a Method: the connection's client certificate
    chain.in_process                                         a Method: the in-process transport's `peer.user`
    bearer.BearerTokens(checkers, audiences, clock)          a Method: `Authorization: Bearer`; also answers TokenReview
    bearer.Checker = Callable[[str, Sequence[str]], Known | None]
    token_file.TokenFile.read(path)                          a Checker: --token-auth-file
    service_account.ServiceAccountTokens(keys, issuer=…, lookup=…, clock=…)   a Checker: JWTs
    bootstrap_token.BootstrapTokens(lookup, clock)           a Checker: the Secrets of bootstrap tokens
    service_account.TokenIssuer(key, issuer=…, audiences=…, clock=…, new_id=…).issue(…)   TokenRequest

    impersonation.Impersonation(authorize, refusal)          the Impersonate-* headers, for the chain's `impersonate`

Upstream's order of methods: in_process, Certificates, BearerTokens([TokenFile, ServiceAccountTokens,
BootstrapTokens]). Everything answers synchronously.
"""

"""Authorization: may this user do that? Pure of the rest of the apiserver but for `identity` and `request_info`.

    modes.build(names, policy, pods)  → identity.Authorizer      --authorization-mode; `system:masters` may do everything
    policy.Policy()                   roles and bindings, fed by watch: load(plural, objects), put(plural, obj),
                                      remove(plural, namespace, name)
    rbac.Rbac(policy)                 (user, info) → Decision; .rules_for(user, namespace) for SelfSubjectRulesReview
    node.Node(pods)                   what kubelets may do; pods is node.PodReferences(), fed by watch: put(pod), remove(namespace, name)
    rules.allows(rule, info), rules.covered(held, wanted)
    escalation.uncovered(…)           the rules of a role that its writer does not hold
    bootstrap.objects()               the roles and bindings of a new cluster; bootstrap.reconciled(existing, wanted)

Objects are rbac.authorization.k8s.io/v1 dicts. All of it is synchronous.
"""

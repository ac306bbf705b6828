"""The function libraries, by what their expressions come to."""

from __future__ import annotations

import pytest

from kubern.api.cel import CelEvaluationError, Environment, compile

TRUE = {
    "strings": """
'hello'.startsWith('he') && 'hello'.endsWith('lo') && 'hello'.contains('ell') && !'a'.contains('b')
'tacocat'.charAt(3) == 'o' && 'a'.charAt(1) == ''
'hello mellow'.indexOf('ello') == 1 && 'hello mellow'.indexOf('ello', 2) == 7 && 'a'.indexOf('') == 0
'hello mellow'.lastIndexOf('ello') == 7 && 'hello mellow'.lastIndexOf('ello', 6) == 1 && 'a'.lastIndexOf('b') == -1
['a', 'b'].join() == 'ab' && ['a', 'b'].join('-') == 'a-b' && [].join('-') == ''
'TacoCÆt'.lowerAscii() == 'tacocÆt' && 'tacocÆt'.upperAscii() == 'TACOCÆT'
'hello hello'.replace('he', 'we') == 'wello wello' && 'hello hello'.replace('he', 'we', 1) == 'wello hello'
'a a'.replace('a', 'b', 0) == 'a a' && 'a a'.replace('a', 'b', -1) == 'b b'
'a b c'.split(' ') == ['a', 'b', 'c'] && 'a b c'.split(' ', 2) == ['a', 'b c'] && 'a b'.split(' ', 0) == []
'abc'.split('') == ['a', 'b', 'c'] && 'abc'.split('', 2) == ['a', 'bc']
'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco'
'  \\ttrim\\n '.trim() == 'trim' && 'abc'.reverse() == 'cba'
strings.quote('a\\nb"c') == '"a\\\\nb\\\\"c"'
'%s %d'.format([dyn('a'), dyn(1)]) == 'a 1'
'%s'.format([1]) == '1' && '%d%%'.format([5]) == '5%' && '%.2f'.format([3.14159]) == '3.14'
'%x %X'.format([255, 255]) == 'ff FF' && '%o %b'.format([8, 5]) == '10 101' && '%e'.format([1234.5]) == '1.234500e+03'
'%s'.format([[1, 2]]) == '[1, 2]' && '%s'.format([{'b': 1, 'a': 2}]) == '{a: 2, b: 1}' && '%x'.format(['hi']) == '6869'
""",
    "lists": """
[1, 2, 3].isSorted() && !['b', 'a'].isSorted() && [].isSorted()
[1, 2, 3].sum() == 6 && [1.5, 2.5].sum() == 4.0 && [duration('1s'), duration('2s')].sum() == duration('3s')
[3, 1, 2].min() == 1 && ['a', 'c', 'b'].max() == 'c'
[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && ['a'].indexOf('b') == -1
""",
    "regex": """
'foobar'.matches('^foo') && matches('foobar', 'bar$') && !'a'.matches('b')
'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == ''
'1 22 333'.findAll('[0-9]+') == ['1', '22', '333'] && '1 22 333'.findAll('[0-9]+', 2) == ['1', '22']
'é'.matches('^.$') && 'K8S'.matches('(?i)k8s') && 'a1'.find('\\\\pL') == 'a'
""",
    "sets": """
sets.contains([1, 2, 3], [3, 1]) && !sets.contains([1], [2]) && sets.contains([], [])
sets.equivalent([1, 2, 2], [2, 1]) && !sets.equivalent([1], [1, 2])
sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [])
""",
    "quantity": """
quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('500m').isLessThan(quantity('1'))
quantity('1000m') == quantity('1') && quantity('1k').asInteger() == 1000 && !quantity('500m').isInteger()
quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').sub(20000) == quantity('30k')
quantity('-5').sign() == -1 && quantity('200M').compareTo(quantity('0.2G')) == 0
quantity('1.5').asApproximateFloat() == 1.5 && isQuantity('1.3Gi') && !isQuantity('20 apples')
""",
    "url": """
url('https://user:pw@example.com:8080/a/b?k=v&k=w').getHost() == 'example.com:8080'
url('https://example.com:80/').getHostname() == 'example.com' && url('https://[::1]:80/').getHostname() == '::1'
url('https://example.com:80/').getPort() == '80' && url('https://example.com/').getPort() == '' && url('/path').getScheme() == ''
url('https://example.com/with space').getEscapedPath() == '/with%20space'
url('https://x/?k=v&k=w').getQuery() == {'k': ['v', 'w']} && isURL('/a') && !isURL('../a') && !isURL('')
""",
    "ip": """
isIP('127.0.0.1') && isIP('::1') && !isIP('1.2.3') && !isIP('1.2.3.4/8') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')
ip('127.0.0.1').isLoopback() && ip('0.0.0.0').isUnspecified() && ip('169.254.1.1').isLinkLocalUnicast()
ip('224.0.0.1').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()
ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast() && ip('::1').family() == 6
ip.isCanonical('::1') && !ip.isCanonical('2001:DB8::1') && string(ip('2001:DB8::1')) == '2001:db8::1'
ip('10.0.0.1') == ip('10.0.0.1') && type(ip('::1')) == net.IP
""",
    "cidr": """
isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08')
cidr('192.168.0.0/24').containsIP('192.168.0.7') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.0'))
cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))
cidr('192.168.0.1/24').ip() == ip('192.168.0.1') && cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')
cidr('::1/128').prefixLength() == 128 && string(cidr('10.0.0.1/8')) == '10.0.0.1/8'
""",
    "semver": """
isSemver('1.0.0') && !isSemver('1.0') && !isSemver('01.0.0') && isSemver('v1.0', true) && isSemver('1.2.3-rc.1+b.2')
semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))
semver('1.0.0-2').compareTo(semver('1.0.0-10')) == -1 && semver('1.0.0-alpha').isGreaterThan(semver('1.0.0-1'))
semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3
semver('v1.02', true) == semver('1.2.0')
""",
    "format": """
!format.dns1123Label().validate('my-label').hasValue()
format.dns1123Label().validate('My').value().size() == 1
format.named('dns1123Subdomain').hasValue() && !format.named('zzz').hasValue()
!format.dns1123LabelPrefix().validate('my-').hasValue() && format.uuid().validate('x').hasValue()
!format.date().validate('2024-02-29').hasValue() && format.date().validate('2023-02-29').hasValue()
!format.datetime().validate('2024-02-29T00:00:00Z').hasValue() && format.byte().validate('%').hasValue()
!format.uri().validate('https://a/b').hasValue() && format.qualifiedName().validate('a b').hasValue()
""",
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(line, id=f"{name}-{i}")
        for name, lines in TRUE.items()
        for i, line in enumerate(lines.strip().split("\n"))
    ],
)
def test_what_is_true(text: str) -> None:
    assert compile(text, Environment()).evaluate({}) is True


FAILING = {
    "'abc'.charAt(4)": "index out of range: 4",
    "'%d'.format(['a'])": "error during formatting: decimal clause can only be used on integers, was given string",
    "'%s'.format([])": "index 0 out of range",
    "['a'].filter(i, false).min()": "min called on empty list",
    "[9223372036854775807, 1].sum()": "integer overflow",
    "quantity('500m').asInteger()": "cannot convert value to integer",
    "quantity('x')": "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    "ip('::ffff:1.2.3.4')": 'IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed',
}


@pytest.mark.parametrize(("text", "message"), FAILING.items())
def test_what_fails(text: str, message: str) -> None:
    with pytest.raises(CelEvaluationError) as raised:
        compile(text, Environment()).evaluate({})
    assert str(raised.value) == message


def test_a_pattern_that_would_need_backtracking_takes_no_longer_than_another() -> None:
    program = compile("text.matches('^(a+)+$')", Environment({"text": compile("''", Environment()).type}))
    assert program.evaluate({"text": "a" * 5000 + "b"}) is False

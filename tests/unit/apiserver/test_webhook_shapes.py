"""What a webhook answers with the wrong types, in the words of upstream's decoder."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.apiserver.webhooks.shapes import misfit

FITS = {
    "uid": "a", "allowed": False, "patch": "W10=", "patchType": "JSONPatch", "warnings": ["a"], "auditAnnotations": {"a": "b"},
    "status": {"code": 418, "message": "no", "reason": "Teapot", "details": {}, "metadata": {}},
}  # fmt: skip
OWN = "into Go struct field AdmissionResponse.response."
CASES = [
    ([], "array into Go struct field AdmissionReview.response of type v1.AdmissionResponse"),
    ({"uid": 1}, OWN + "uid of type types.UID"),
    ({"allowed": "true"}, "string " + OWN + "allowed of type bool"),
    ({"patch": [1]}, "array " + OWN + "patch of type []uint8"),
    ({"warnings": "a"}, "string " + OWN + "warnings of type []string"),
    ({"warnings": ["a", 7]}, "number " + OWN + "warnings of type string"),
    ({"auditAnnotations": {"a": True}}, "bool " + OWN + "auditAnnotations of type string"),
    ({"status": "no"}, "string " + OWN + "status of type v1.Status"),
    ({"status": {"code": "403"}}, "string into Go struct field Status.response.status.code of type int32"),
    ({"status": {"code": 1 << 40}}, "number 1099511627776 into Go struct field Status.response.status.code of type int32"),
    ({"status": {"message": {}}}, "object into Go struct field Status.response.status.message of type string"),
]  # fmt: skip


@pytest.mark.parametrize(("response", "said"), CASES, ids=[said for _, said in CASES])
def test_what_does_not_fit_is_told(response: Any, said: str) -> None:
    found = misfit({"response": response})
    assert found.startswith("json: cannot unmarshal ")
    assert found.endswith(said)


@pytest.mark.parametrize("response", [None, {}, FITS, dict.fromkeys(FITS)])
def test_what_fits_or_is_absent_passes(response: Any) -> None:
    assert misfit({"response": response}) == ""

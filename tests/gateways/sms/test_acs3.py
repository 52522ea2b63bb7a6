"""The signature against the worked example that Aliyun publishes with its V3 signature [C]."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateways.sms.acs3 import canonical_query, signed_headers
from sandbox.sms import signature as operator


def test_the_published_example_comes_out() -> None:
    query = canonical_query({"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"})
    headers = signed_headers(
        "YourAccessKeyId",
        "YourAccessKeySecret",
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        query=query,
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


@given(st.dictionaries(st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"]))))
def test_whatever_stands_in_the_query_the_operator_reads_it_as_we_wrote_it(parameters: dict[str, str]) -> None:
    query = canonical_query(parameters)
    assert query.isascii()
    assert operator.parameters(query) == parameters
    assert operator.canonical_query(parameters) == query

"""Patients of the demo hospital, one or more of each kind that an online revisit must tell apart."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sandbox.his import id_number


@dataclass(frozen=True, slots=True)
class Visit:
    """A past outpatient visit, so many days before the hospital was opened, with a doctor by key and in that doctor's department."""

    days_ago: int
    doctor: str
    icd10: str
    diagnosis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One Patient record. Without `known` the HIS has neither phone nor address, though the person has both and can complete them."""

    id: str
    name: str
    id_number: str
    phone: str
    address: str
    kind: str
    married: bool = True
    known: bool = True
    guardian: str | None = None
    others: tuple[str, ...] = ()
    """Ids of the person's other cards."""
    visits: tuple[Visit, ...] = field(default=())


_COPD: Final = ("J44.9", "慢性阻塞性肺疾病")
_ASTHMA: Final = ("J45.9", "支气管哮喘")


def cards(today: date) -> list[Card]:
    """Everybody. Ages of adults are fixed by birth dates; the child is six on the day the hospital opens."""
    return [*_eligible(), *_refused(today), *_special()]


def _eligible() -> list[Card]:
    return [
        Card(
            id="pat-eligible",
            name="张秀英",
            id_number=id_number.compose("110105", date(1958, 5, 12), 42),
            phone="13800100001",
            address="北京市朝阳区劲松七区708号楼3单元502",
            kind="eligible",
            visits=(
                Visit(40, "wangjianguo", *_COPD),
                Visit(131, "wangjianguo", *_COPD),
                Visit(320, "liumin", "J44.1", "慢性阻塞性肺疾病急性加重"),
            ),
        ),
        Card(
            id="pat-eligible-2",
            name="李国强",
            id_number=id_number.compose("110102", date(1962, 3, 8), 117),
            phone="13800100002",
            address="北京市西城区白纸坊西街20号院5号楼401",
            kind="eligible",
            visits=(Visit(61, "sunliqun", "J84.1", "特发性肺纤维化"), Visit(152, "sunliqun", "J84.1", "特发性肺纤维化")),
        ),
        Card(
            id="pat-eligible-3",
            name="王淑芬",
            id_number=id_number.compose("110108", date(1971, 11, 20), 264),
            phone="13800100003",
            address="北京市海淀区蓟门里小区12号楼1204",
            kind="eligible",
            visits=(Visit(26, "zhaoxuemei", *_ASTHMA), Visit(117, "zhouhaitao", *_ASTHMA)),
        ),
        Card(
            id="pat-eligible-4",
            name="赵志远",
            id_number=id_number.compose("130602", date(1985, 7, 15), 331),
            phone="13800100004",
            address="河北省保定市竞秀区阳光北大街168号",
            kind="eligible",
            visits=(Visit(33, "xumingzhe", "A15.0", "肺结核，涂阳"), Visit(75, "xumingzhe", "A15.0", "肺结核，涂阳")),
        ),
        Card(
            id="pat-eligible-5",
            name="陈玉兰",
            id_number=id_number.compose("110112", date(1966, 9, 3), 408),
            phone="13800100005",
            address="北京市通州区梨园镇云景东里321号楼602",
            kind="eligible",
            visits=(Visit(19, "denglihua", "G47.3", "阻塞性睡眠呼吸暂停"),),
        ),
    ]


def _refused(today: date) -> list[Card]:
    return [
        Card(
            id="pat-out-of-window",
            name="刘德福",
            id_number=id_number.compose("110106", date(1955, 9, 2), 513),
            phone="13800100006",
            address="北京市丰台区方庄芳古园一区9号楼1801",
            kind="out_of_window",
            visits=(Visit(425, "wangjianguo", *_COPD),),
        ),
        Card(
            id="pat-child",
            name="高子涵",
            id_number=id_number.compose("110105", _six_years_before(today), 625),
            phone="13800100009",
            address="北京市朝阳区望京西园四区410号楼1103",
            kind="child",
            married=False,
            guardian="高明远",
            visits=(Visit(30, "zengxiaoman", "J45.0", "过敏性哮喘"),),
        ),
        Card(
            id="pat-no-visit",
            name="林小雨",
            id_number=id_number.compose("350102", date(1996, 2, 29), 726),
            phone="13800100011",
            address="北京市昌平区回龙观龙泽苑东区8号楼301",
            kind="no_visit",
            married=False,
        ),
    ]


def _special() -> list[Card]:
    two_cards = id_number.compose("110101", date(1960, 1, 25), 819)
    return [
        Card(
            id="pat-other-diagnosis",
            name="孙丽娟",
            id_number=id_number.compose("110105", date(1979, 4, 18), 920),
            phone="13800100007",
            address="北京市朝阳区大望路西里15号楼2106",
            kind="other_diagnosis",
            visits=(Visit(47, "yuanbo", "K04.0", "牙髓炎"), Visit(54, "yuanbo", "K02.1", "牙本质龋")),
        ),
        Card(
            id="pat-missing-fields",
            name="周文斌",
            id_number=id_number.compose("110107", date(1968, 12, 1), 155),
            phone="13800100008",
            address="北京市石景山区鲁谷路74号院6号楼702",
            kind="missing_fields",
            known=False,
            visits=(Visit(35, "liumin", *_COPD),),
        ),
        Card(
            id="pat-two-cards-a",
            name="马永昌",
            id_number=two_cards,
            phone="13800100010",
            address="北京市东城区东四十条甲22号院1号楼903",
            kind="two_cards",
            others=("pat-two-cards-b",),
            visits=(Visit(502, "gaozhenyu", "I25.1", "冠状动脉粥样硬化性心脏病"),),
        ),
        Card(
            id="pat-two-cards-b",
            name="马永昌",
            id_number=two_cards,
            phone="13800100010",
            address="北京市东城区东四十条甲22号院1号楼903",
            kind="two_cards",
            others=("pat-two-cards-a",),
            visits=(Visit(45, "fengzhiqiang", "C34.1", "右上肺腺癌术后"),),
        ),
    ]


def _six_years_before(today: date) -> date:
    """Six years and some months before; the tenth of a month exists in every month."""
    months = today.year * 12 + today.month - 1 - 76
    return date(months // 12, months % 12 + 1, 10)

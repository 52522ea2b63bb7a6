"""北京燕山胸科医院, which does not exist: departments on two levels and who sees patients there."""

from dataclasses import dataclass
from typing import Final

HOSPITAL_ID: Final = "org-hospital"
HOSPITAL_NAME: Final = "北京燕山胸科医院"

TITLE_NAMES: Final = {"231": "主任医师", "232": "副主任医师", "233": "主治医师", "242": "副主任药师", "243": "主管药师", "244": "药师"}


@dataclass(frozen=True, slots=True)
class Department:
    """A second-level department; people are seen there. `key` names its Organization `org-<key>` and HealthcareService `hcs-<key>`."""

    key: str
    name: str

    @property
    def id(self) -> str:
        """Of the Organization."""
        return f"org-{self.key}"

    @property
    def service_id(self) -> str:
        """Of the HealthcareService."""
        return f"hcs-{self.key}"


@dataclass(frozen=True, slots=True)
class Division:
    """A first-level department with its second level."""

    key: str
    name: str
    departments: tuple[Department, ...]

    @property
    def id(self) -> str:
        """Of the Organization."""
        return f"org-{self.key}"


@dataclass(frozen=True, slots=True)
class Doctor:
    """One doctor. `always` has all four periods of every day, for a demonstration at any hour."""

    key: str
    name: str
    title: str
    department: str
    good_at: str
    always: bool = False

    @property
    def id(self) -> str:
        """Of the Practitioner."""
        return f"doc-{self.key}"

    @property
    def visit_type(self) -> str:
        """号别 by title."""
        return "general" if self.title == "233" else "expert"


@dataclass(frozen=True, slots=True)
class Pharmacist:
    """Who reviews prescriptions; sees no patients, so has no department and no schedule."""

    key: str
    name: str
    title: str

    @property
    def id(self) -> str:
        """As the hospital numbers its staff."""
        return f"pha-{self.key}"


DIVISIONS: Final = (
    Division(
        "respiratory",
        "呼吸与危重症医学科",
        (
            Department("copd", "慢阻肺门诊"),
            Department("asthma", "哮喘门诊"),
            Department("ild", "间质性肺病门诊"),
            Department("screening", "肺结节与肺癌早筛门诊"),
        ),
    ),
    Division("thoracic-surgery", "胸外科", (Department("lung-surgery", "肺外科门诊"), Department("mediastinum", "食管与纵隔外科门诊"))),
    Division("tuberculosis", "结核科", (Department("tb", "肺结核门诊"), Department("mdr-tb", "耐药结核门诊"))),
    Division("cardiology", "心内科", (Department("coronary", "冠心病门诊"), Department("pulmonary-vascular", "肺血管病门诊"))),
    Division("oncology", "肿瘤内科", (Department("lung-cancer", "肺癌综合治疗门诊"), Department("oncology-followup", "肿瘤随访门诊"))),
    Division("sleep", "睡眠医学中心", (Department("osa", "睡眠呼吸障碍门诊"),)),
    Division("paediatrics", "儿科", (Department("child-respiratory", "儿童呼吸门诊"), Department("child-asthma", "儿童哮喘门诊"))),
    Division("stomatology", "口腔科", (Department("dental", "口腔综合门诊"),)),
)

DEPARTMENTS: Final = {department.key: department for division in DIVISIONS for department in division.departments}

DOCTORS: Final = (
    Doctor("wangjianguo", "王建国", "231", "copd", "慢性阻塞性肺疾病、慢性咳嗽、呼吸衰竭的长期管理", always=True),
    Doctor("liumin", "刘敏", "232", "copd", "慢阻肺急性加重的预防、肺康复"),
    Doctor("chensiyuan", "陈思远", "233", "copd", "慢阻肺随访、戒烟指导、家庭氧疗"),
    Doctor("zhaoxuemei", "赵雪梅", "231", "asthma", "难治性哮喘、过敏性支气管肺曲霉病"),
    Doctor("zhouhaitao", "周海涛", "233", "asthma", "支气管哮喘、变应性鼻炎合并哮喘"),
    Doctor("sunliqun", "孙立群", "231", "ild", "特发性肺纤维化、结缔组织病相关间质性肺病"),
    Doctor("wujingyi", "吴静怡", "232", "screening", "肺结节随访、早期肺癌筛查"),
    Doctor("zhengkai", "郑凯", "233", "screening", "肺部影像异常的鉴别与随访"),
    Doctor("fengzhiqiang", "冯志强", "231", "lung-surgery", "肺癌微创手术、肺段切除术后随访"),
    Doctor("jiangwenbo", "蒋文博", "232", "lung-surgery", "胸腔镜手术、手汗症"),
    Doctor("hanweidong", "韩卫东", "232", "mediastinum", "食管癌、纵隔肿瘤术后随访"),
    Doctor("yangxiulan", "杨秀兰", "231", "tb", "肺结核、结核性胸膜炎"),
    Doctor("xumingzhe", "许明哲", "233", "tb", "初治肺结核的全程管理"),
    Doctor("hejianhua", "何建华", "231", "mdr-tb", "耐多药结核、广泛耐药结核"),
    Doctor("luoting", "罗婷", "232", "mdr-tb", "耐药结核方案调整与不良反应监测"),
    Doctor("gaozhenyu", "高振宇", "231", "coronary", "冠心病、介入术后管理"),
    Doctor("linxiaolan", "林晓岚", "232", "pulmonary-vascular", "肺动脉高压、肺栓塞后随访"),
    Doctor("xiehongwei", "谢宏伟", "231", "lung-cancer", "肺癌靶向与免疫治疗"),
    Doctor("tangyuwei", "唐雨薇", "233", "lung-cancer", "肺癌化疗不良反应处理"),
    Doctor("caoyang", "曹阳", "232", "oncology-followup", "肿瘤康复与随访、疼痛管理"),
    Doctor("denglihua", "邓丽华", "232", "osa", "阻塞性睡眠呼吸暂停、无创通气"),
    Doctor("pengjianing", "彭佳宁", "231", "child-respiratory", "儿童慢性咳嗽、反复呼吸道感染"),
    Doctor("zengxiaoman", "曾小满", "233", "child-asthma", "儿童哮喘的规范化管理"),
    Doctor("yuanbo", "袁博", "233", "dental", "牙体牙髓病、牙周病"),
)

PHARMACISTS: Final = (
    Pharmacist("qianyulan", "钱玉兰", "242"),
    Pharmacist("shenjiahe", "沈嘉禾", "243"),
    Pharmacist("duruifeng", "杜瑞峰", "243"),
    Pharmacist("mengxiaoxi", "孟晓溪", "244"),
)

"""What the reviewing program knows of substances: most a day, who must not have it, what does not go together. Believable, not complete."""

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["inform", "restrict", "deny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """`most` is the most a day in the unit in which it is dosed."""

    name: str
    most: float | None = None
    unit: str = "mg"
    family: str | None = None
    """Two of one family are one too many."""
    allergens: tuple[str, ...] = ()
    """Words of an allergy that forbid it, besides its own name."""
    from_years: int = 0
    """Not for younger ones."""
    in_pregnancy: Level | None = None
    against: tuple[tuple[str, Level], ...] = ()
    """Diagnoses by the beginning of their code with which it is not given."""


SUBSTANCES: Final[dict[str, Substance]] = {
    "isoniazid": Substance(name="异烟肼", most=900),
    "rifampicin": Substance(name="利福平", most=900),
    "pyrazinamide": Substance(name="吡嗪酰胺", most=2500, against=(("M10", "restrict"),)),
    "ethambutol": Substance(name="乙胺丁醇", most=2000),
    "levofloxacin": Substance(name="左氧氟沙星", most=1000, allergens=("沙星", "喹诺酮"), from_years=18, in_pregnancy="deny"),
    "linezolid": Substance(name="利奈唑胺", most=1200),
    "cycloserine": Substance(name="环丝氨酸", most=1000, against=(("G40", "deny"),)),
    "tiotropium": Substance(name="噻托溴铵", most=1, unit="吸", family="抗胆碱能吸入剂", from_years=6),
    "ipratropium": Substance(name="异丙托溴铵", most=12, unit="吸", family="抗胆碱能吸入剂"),
    "budesonide": Substance(name="布地奈德", most=8, unit="吸", family="吸入糖皮质激素"),
    "fluticasone": Substance(name="氟替卡松", most=4, unit="吸", family="吸入糖皮质激素"),
    "formoterol": Substance(name="福莫特罗", most=8, unit="吸", family="长效β2受体激动剂"),
    "salmeterol": Substance(name="沙美特罗", most=4, unit="吸", family="长效β2受体激动剂"),
    "salbutamol": Substance(name="沙丁胺醇", most=12, unit="吸"),
    "montelukast": Substance(name="孟鲁司特", most=10),
    "theophylline": Substance(name="茶碱", most=600),
    "ambroxol": Substance(name="氨溴索", most=120),
    "acetylcysteine": Substance(name="乙酰半胱氨酸", most=1800),
    "pirfenidone": Substance(name="吡非尼酮", most=1800),
    "nintedanib": Substance(name="尼达尼布", most=300, in_pregnancy="deny"),
    "prednisone": Substance(name="泼尼松", most=80),
    "amlodipine": Substance(name="氨氯地平", most=10),
    "valsartan": Substance(name="缬沙坦", most=320, family="肾素血管紧张素系统抑制剂", in_pregnancy="deny"),
    "enalapril": Substance(name="依那普利", most=40, family="肾素血管紧张素系统抑制剂", in_pregnancy="deny"),
    "metoprolol": Substance(name="美托洛尔", most=190, against=(("J45", "restrict"),)),
    "hydrochlorothiazide": Substance(name="氢氯噻嗪", most=50, allergens=("磺胺",)),
    "aspirin": Substance(name="阿司匹林", most=300, allergens=("水杨酸",), from_years=16, against=(("K25", "restrict"),)),
    "clopidogrel": Substance(name="氯吡格雷", most=75),
    "atorvastatin": Substance(name="阿托伐他汀", most=80, in_pregnancy="deny"),
    "warfarin": Substance(name="华法林", most=15, in_pregnancy="deny"),
    "sildenafil": Substance(name="西地那非", most=60),
    "omeprazole": Substance(name="奥美拉唑", most=40),
    "ibuprofen": Substance(name="布洛芬", most=1200, allergens=("阿司匹林",), against=(("K25", "restrict"),)),
    "paracetamol": Substance(name="对乙酰氨基酚", most=2000),
    "amantadine": Substance(name="金刚烷胺"),
    "amoxicillin": Substance(name="阿莫西林", most=3000, allergens=("青霉素",)),
    "azithromycin": Substance(name="阿奇霉素", most=500),
    "voriconazole": Substance(name="伏立康唑", most=800, in_pregnancy="deny"),
    "insulin": Substance(name="胰岛素", most=200, unit="U"),
    "ceftriaxone": Substance(name="头孢曲松", most=4, unit="g", allergens=("头孢",)),
    "morphine": Substance(name="吗啡", most=200),
    "codeine": Substance(name="可待因", from_years=12),
    "alprazolam": Substance(name="阿普唑仑", most=4),
    "cordyceps": Substance(name="发酵冬虫夏草菌粉", most=6, unit="g"),
    "ephedra": Substance(name="麻黄", family="含麻黄制剂", against=(("I10", "inform"),)),
    "astragalus": Substance(name="黄芪", most=30, unit="g"),
    "liquorice": Substance(name="甘草", most=10, unit="g"),
    "fritillaria": Substance(name="川贝母", most=10, unit="g"),
}

INTERACTIONS: Final[dict[frozenset[str], tuple[Level, str]]] = {
    frozenset({"rifampicin", "voriconazole"}): ("deny", "利福平使伏立康唑血药浓度显著下降，禁止合用"),
    frozenset({"rifampicin", "warfarin"}): ("restrict", "利福平减弱华法林的抗凝作用，应监测INR"),
    frozenset({"warfarin", "aspirin"}): ("restrict", "华法林与阿司匹林合用出血风险增加"),
    frozenset({"warfarin", "ibuprofen"}): ("restrict", "华法林与布洛芬合用出血风险增加"),
    frozenset({"aspirin", "ibuprofen"}): ("restrict", "布洛芬减弱阿司匹林的抗血小板作用"),
    frozenset({"levofloxacin", "theophylline"}): ("restrict", "左氧氟沙星可升高茶碱血药浓度"),
    frozenset({"isoniazid", "paracetamol"}): ("inform", "异烟肼与对乙酰氨基酚合用应注意肝功能"),
    frozenset({"clopidogrel", "omeprazole"}): ("inform", "奥美拉唑可减弱氯吡格雷的作用，建议换用其他抑酸药"),
    frozenset({"metoprolol", "salbutamol"}): ("inform", "美托洛尔可减弱沙丁胺醇的作用"),
    frozenset({"linezolid", "salbutamol"}): ("inform", "利奈唑胺与拟交感药合用应监测血压"),
}

TIMES_A_DAY: Final = {"qd": 1, "bid": 2, "tid": 3, "qid": 4, "q12h": 2, "q8h": 3, "qn": 1, "qod": 0.5, "qw": 1 / 7, "prn": 4}

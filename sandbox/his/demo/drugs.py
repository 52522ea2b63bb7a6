"""The pharmacy of the demo hospital: what a chest hospital keeps on its shelves. Prices are believable, none is a real one."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["western", "patent", "herbal"]
Special = Literal["narcotic", "psychotropic", "toxic", "radioactive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drug:
    """A pack of a drug. `holds` is how many of `unit`, in which a dose is said, one pack holds."""

    id: str
    name: str
    spec: str
    form: str
    unit: str
    holds: float
    price_fen: int
    substances: tuple[str, ...]
    """What it works by, in plain English names: known to whoever reviews prescriptions, and never on the HIS's wire."""
    pack: str = "盒"
    kind: Kind = "western"
    special: Special | None = None
    antimicrobial: bool = False
    tuberculosis: bool = False
    injection: bool = False
    self_injectable: bool = False
    special_storage: bool = False
    online: bool = True


def _against_tb(id: str, name: str, spec: str, holds: float, price_fen: int, substance: str, form: str = "片剂") -> Drug:
    return Drug(
        id=id,
        name=name,
        spec=spec,
        form=form,
        unit="mg",
        holds=holds,
        price_fen=price_fen,
        substances=(substance,),
        antimicrobial=True,
        tuberculosis=True,
    )


def _tablet(id: str, name: str, spec: str, holds: float, price_fen: int, *substances: str, form: str = "片剂") -> Drug:
    return Drug(id=id, name=name, spec=spec, form=form, unit="mg", holds=holds, price_fen=price_fen, substances=substances)


def _antimicrobial(id: str, name: str, spec: str, holds: float, price_fen: int, *substances: str, form: str = "片剂") -> Drug:
    return Drug(
        id=id, name=name, spec=spec, form=form, unit="mg", holds=holds, price_fen=price_fen, substances=substances, antimicrobial=True
    )


def _inhaler(id: str, name: str, spec: str, holds: float, price_fen: int, *substances: str) -> Drug:
    return Drug(id=id, name=name, spec=spec, form="吸入剂", unit="吸", holds=holds, price_fen=price_fen, substances=substances, pack="支")


def _patent(id: str, name: str, spec: str, unit: str, holds: float, price_fen: int, substance: str) -> Drug:
    return Drug(
        id=id, name=name, spec=spec, form="中成药", unit=unit, holds=holds, price_fen=price_fen, substances=(substance,), kind="patent"
    )


def _herb(id: str, name: str, price_fen: int, substance: str) -> Drug:
    """By the bag of ten grams."""
    return Drug(
        id=id,
        name=name,
        spec="10g",
        form="饮片",
        unit="g",
        holds=10,
        price_fen=price_fen,
        substances=(substance,),
        kind="herbal",
        pack="袋",
    )


DRUGS: Final = (
    _against_tb("drug-isoniazid", "异烟肼片", "100mg×100片", 10_000, 1450, "isoniazid"),
    _against_tb("drug-rifampicin", "利福平胶囊", "150mg×100粒", 15_000, 3860, "rifampicin", "胶囊"),
    _against_tb("drug-pyrazinamide", "吡嗪酰胺片", "250mg×100片", 25_000, 4200, "pyrazinamide"),
    _against_tb("drug-ethambutol", "盐酸乙胺丁醇片", "250mg×100片", 25_000, 4680, "ethambutol"),
    _against_tb("drug-levofloxacin", "左氧氟沙星片", "500mg×10片", 5_000, 2890, "levofloxacin"),
    _against_tb("drug-linezolid", "利奈唑胺片", "600mg×10片", 6_000, 68_000, "linezolid"),
    _against_tb("drug-cycloserine", "环丝氨酸胶囊", "250mg×30粒", 7_500, 52_000, "cycloserine", "胶囊"),
    _inhaler("drug-tiotropium", "噻托溴铵粉吸入剂", "18μg×30吸", 30, 13_890, "tiotropium"),
    _inhaler("drug-budesonide-formoterol", "布地奈德福莫特罗吸入粉雾剂", "160μg/4.5μg×60吸", 60, 17_560, "budesonide", "formoterol"),
    _inhaler("drug-salmeterol-fluticasone", "沙美特罗替卡松吸入粉雾剂", "50μg/250μg×60吸", 60, 15_980, "salmeterol", "fluticasone"),
    _inhaler("drug-salbutamol", "硫酸沙丁胺醇吸入气雾剂", "100μg×200吸", 200, 2180, "salbutamol"),
    _inhaler("drug-ipratropium", "异丙托溴铵气雾剂", "20μg×200吸", 200, 4350, "ipratropium"),
    _tablet("drug-montelukast", "孟鲁司特钠片", "10mg×30片", 300, 9800, "montelukast"),
    _tablet("drug-montelukast-child", "孟鲁司特钠咀嚼片", "5mg×30片", 150, 9200, "montelukast", form="咀嚼片"),
    _tablet("drug-theophylline", "茶碱缓释片", "100mg×24片", 2_400, 1260, "theophylline", form="缓释片"),
    _tablet("drug-ambroxol", "盐酸氨溴索片", "30mg×50片", 1_500, 2480, "ambroxol"),
    _tablet("drug-acetylcysteine", "乙酰半胱氨酸泡腾片", "600mg×12片", 7_200, 4380, "acetylcysteine", form="泡腾片"),
    _tablet("drug-pirfenidone", "吡非尼酮胶囊", "100mg×270粒", 27_000, 198_000, "pirfenidone", form="胶囊"),
    _tablet("drug-nintedanib", "乙磺酸尼达尼布软胶囊", "150mg×60粒", 9_000, 356_000, "nintedanib", form="软胶囊"),
    _tablet("drug-prednisone", "醋酸泼尼松片", "5mg×100片", 500, 1880, "prednisone"),
    _tablet("drug-amlodipine", "苯磺酸氨氯地平片", "5mg×28片", 140, 3150, "amlodipine"),
    _tablet("drug-valsartan", "缬沙坦胶囊", "80mg×28粒", 2_240, 3680, "valsartan", form="胶囊"),
    _tablet("drug-metoprolol", "琥珀酸美托洛尔缓释片", "47.5mg×28片", 1_330, 4120, "metoprolol", form="缓释片"),
    _tablet("drug-enalapril", "马来酸依那普利片", "10mg×32片", 320, 2260, "enalapril"),
    _tablet("drug-hydrochlorothiazide", "氢氯噻嗪片", "25mg×100片", 2_500, 980, "hydrochlorothiazide"),
    _tablet("drug-aspirin", "阿司匹林肠溶片", "100mg×30片", 3_000, 1580, "aspirin", form="肠溶片"),
    _tablet("drug-clopidogrel", "硫酸氢氯吡格雷片", "75mg×28片", 2_100, 7800, "clopidogrel"),
    _tablet("drug-atorvastatin", "阿托伐他汀钙片", "20mg×28片", 560, 4450, "atorvastatin"),
    _tablet("drug-warfarin", "华法林钠片", "2.5mg×80片", 200, 2680, "warfarin"),
    _tablet("drug-sildenafil", "枸橼酸西地那非片", "20mg×90片", 1_800, 128_000, "sildenafil"),
    _tablet("drug-omeprazole", "奥美拉唑肠溶胶囊", "20mg×28粒", 560, 3240, "omeprazole", form="肠溶胶囊"),
    _tablet("drug-ibuprofen", "布洛芬缓释胶囊", "300mg×20粒", 6_000, 1890, "ibuprofen", form="缓释胶囊"),
    _tablet("drug-paracetamol", "对乙酰氨基酚片", "500mg×20片", 10_000, 860, "paracetamol"),
    _tablet("drug-cold-compound", "复方氨酚烷胺片", "250mg×12片", 3_000, 1280, "paracetamol", "amantadine"),
    _antimicrobial("drug-amoxicillin", "阿莫西林胶囊", "500mg×24粒", 12_000, 1680, "amoxicillin", form="胶囊"),
    _antimicrobial("drug-azithromycin", "阿奇霉素片", "250mg×6片", 1_500, 2360, "azithromycin"),
    _antimicrobial("drug-voriconazole", "伏立康唑片", "200mg×10片", 2_000, 86_000, "voriconazole"),
    Drug(
        id="drug-insulin-glargine",
        name="甘精胰岛素注射液",
        spec="300U×1支",
        form="注射剂",
        unit="U",
        holds=300,
        price_fen=7680,
        substances=("insulin",),
        pack="支",
        injection=True,
        self_injectable=True,
        special_storage=True,
    ),
    Drug(
        id="drug-ceftriaxone",
        name="注射用头孢曲松钠",
        spec="1g×1瓶",
        form="注射剂",
        unit="g",
        holds=1,
        price_fen=1120,
        substances=("ceftriaxone",),
        pack="瓶",
        antimicrobial=True,
        injection=True,
        online=False,
    ),
    Drug(
        id="drug-morphine",
        name="硫酸吗啡缓释片",
        spec="30mg×10片",
        form="缓释片",
        unit="mg",
        holds=300,
        price_fen=9860,
        substances=("morphine",),
        special="narcotic",
        online=False,
    ),
    Drug(
        id="drug-codeine-cough",
        name="复方磷酸可待因口服溶液",
        spec="120ml×1瓶",
        form="口服溶液",
        unit="ml",
        holds=120,
        price_fen=4560,
        substances=("codeine",),
        pack="瓶",
        special="psychotropic",
        online=False,
    ),
    Drug(
        id="drug-alprazolam",
        name="阿普唑仑片",
        spec="0.4mg×20片",
        form="片剂",
        unit="mg",
        holds=8,
        price_fen=1240,
        substances=("alprazolam",),
        special="psychotropic",
        online=False,
    ),
    _patent("drug-bailing", "百令胶囊", "0.5g×42粒", "g", 21, 6850, "cordyceps"),
    _patent("drug-lianhua", "连花清瘟胶囊", "0.35g×24粒", "g", 8.4, 1460, "ephedra"),
    _patent("drug-suhuang", "苏黄止咳胶囊", "0.45g×24粒", "g", 10.8, 3280, "ephedra"),
    _herb("drug-herb-huangqi", "黄芪", 180, "astragalus"),
    _herb("drug-herb-gancao", "甘草", 120, "liquorice"),
    _herb("drug-herb-chuanbei", "川贝母", 4200, "fritillaria"),
)
"""Everything on the shelves."""

BY_ID: Final = {drug.id: drug for drug in DRUGS}


@dataclass(frozen=True, slots=True)
class Dose:
    """One line of a past prescription, as doctors of this hospital write it: packs enough for the days."""

    drug: str
    dose: float
    frequency: str
    route: str
    days: int
    packs: int


TYPICAL: Final[dict[str, tuple[Dose, ...]]] = {
    "A15": (
        Dose("drug-isoniazid", 300, "qd", "oral", 28, 1),
        Dose("drug-rifampicin", 450, "qd", "oral", 28, 1),
        Dose("drug-pyrazinamide", 1500, "qd", "oral", 28, 2),
        Dose("drug-ethambutol", 750, "qd", "oral", 28, 1),
    ),
    "C34": (Dose("drug-bailing", 2, "tid", "oral", 28, 8),),
    "I25": (
        Dose("drug-aspirin", 100, "qd", "oral", 28, 1),
        Dose("drug-atorvastatin", 20, "qn", "oral", 28, 1),
        Dose("drug-metoprolol", 47.5, "qd", "oral", 28, 1),
    ),
    "J44": (
        Dose("drug-tiotropium", 1, "qd", "inhaled", 28, 1),
        Dose("drug-budesonide-formoterol", 2, "bid", "inhaled", 28, 2),
        Dose("drug-acetylcysteine", 600, "qd", "oral", 28, 3),
    ),
    "J45": (
        Dose("drug-budesonide-formoterol", 1, "bid", "inhaled", 28, 1),
        Dose("drug-montelukast", 10, "qn", "oral", 28, 1),
    ),
    "J84": (
        Dose("drug-pirfenidone", 400, "tid", "oral", 7, 1),
        Dose("drug-acetylcysteine", 600, "tid", "oral", 7, 2),
    ),
    "K04": (Dose("drug-amoxicillin", 500, "tid", "oral", 5, 1), Dose("drug-ibuprofen", 300, "bid", "oral", 3, 1)),
}
"""What a past visit was ended with, by the category of its diagnosis. Of any other diagnosis nobody went home with a prescription."""

"""What the services are asked, as far as we know the wire; more fields than these are let pass, as the real side does."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Contact(_Wire):
    """One end of the way [C]."""

    contact_type: Literal[1, 2]
    """1 sends, 2 receives."""
    contact: str = ""
    company: str = ""
    tel: str = ""
    mobile: str = ""
    province: str = ""
    city: str = ""
    county: str = ""
    address: str = ""

    @property
    def place(self) -> str:
        """In one line."""
        return f"{self.province}{self.city}{self.county}{self.address}"


class Cargo(_Wire):
    name: str = ""


class OrderIn(_Wire):
    """EXP_RECE_CREATE_ORDER [C]."""

    order_id: Annotated[str, Field(min_length=1, max_length=64)]
    language: str
    cargo_details: Annotated[list[Cargo], Field(min_length=1)]
    contact_info_list: Annotated[list[Contact], Field(min_length=2)]
    monthly_card: str = ""
    pay_method: Literal[1, 2, 3] = 1
    express_type_id: int
    parcel_qty: int = 1

    def end(self, kind: Literal[1, 2]) -> Contact | None:
        """Sender or receiver."""
        return next((one for one in self.contact_info_list if one.contact_type == kind), None)


class FilterIn(_Wire):
    """EXP_RECE_FILTER_ORDER_BSP, an entry of its list [B]; judged at once (1), or by a person where nothing else can (2)."""

    filter_type: Literal[1, 2]
    order_id: str = ""
    monthly_card: str = ""
    contact_infos: Annotated[list[Contact], Field(min_length=1)]


class Filters(RootModel[Annotated[list[FilterIn], Field(min_length=1)]]):
    """It asks by a list [B]."""


class FindIn(_Wire):
    """EXP_RECE_SEARCH_ORDER_RESP [C]."""

    order_id: Annotated[str, Field(min_length=1)]


class UpdateIn(_Wire):
    """EXP_RECE_UPDATE_ORDER; `dealType` 2 takes the order back [C]."""

    order_id: Annotated[str, Field(min_length=1)]
    deal_type: Literal[1, 2]


class RoutesIn(_Wire):
    """EXP_RECE_SEARCH_ROUTES [C]."""

    tracking_type: Literal[1, 2]
    """1 by waybill, 2 by order number."""
    tracking_number: Annotated[list[str], Field(min_length=1, max_length=10)]
    method_type: Literal[1] = 1
    check_phone_no: str = ""

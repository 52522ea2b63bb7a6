"""What people read when something is refused: a sentence for each code, and it says what to do next. Codes without one get their kind's."""

from typing import Final

from models.kernel.errors import Kind

SENTENCES: Final[dict[str, str]] = {
    "account.anonymous": "您还没有登录，或登录已过期，请重新登录。",
    "account.forbidden": "您没有此项操作的权限，如有需要请联系门诊办。",
    "account.code_refused": "验证码不正确或已失效，请核对，或重新获取验证码。",
    "account.too_many_codes": "验证码获取过于频繁，请稍后再试。",
    "account.credentials": "登录名或密码不正确，请核对后重新输入。",
    "account.locked": "登录失败次数过多，账号已暂时锁定，请稍后再试或联系信息中心。",
    "patient.missing": "没有找到该就诊人，请返回就诊人列表重新选择。",
    "patient.id_number": "身份证号不正确，请核对18位号码后重新填写。",
    "patient.too_many": "已达到可绑定就诊人的上限，请先解绑后再添加。",
    "schedule.past": "所选日期已过，请选择今天或之后的日期。",
    "schedule.too_far": "所选日期尚未放号，请选择更近的日期。",
    "intake.not_now": "当前阶段不能再上传资料，如需补充请在诊室中告诉医生。",
    "intake.too_many_files": "最多上传9个文件，请选择最需要医生查看的资料。",
    "intake.file_empty": "文件是空的，请重新选择文件。",
    "intake.file_too_large": "文件超过10MB，请压缩或拍照后重新上传。",
    "intake.file_type": "只支持 JPG、PNG 图片和 PDF 文件，请重新选择。",
    "intake.file_missing": "没有找到该文件，请刷新页面后重试。",
    "queue.missing": "没有找到该就诊单元，请返回我的诊室重新选择。",
    "chat.not_now": "现在不能发送消息，请在问诊中并进入诊室后再发送。",
    "record.not_now": "只有问诊中才能书写病历，请刷新页面查看最新进展。",
    "record.not_written": "病历尚未完成，请在问诊结束后再来查看。",
    "request.cursor": "列表已更新，请从第一页重新查看。",
    "live.missing": "没有找到要查看的内容，请刷新页面后重试。",
    "live.too_many": "打开的页面过多，请关闭其他页面后重试。",
    "revisit.missing": "没有找到该次就诊，请返回就诊列表重新选择。",
    "revisit.not_now": "当前就诊状态下不能进行此项操作，请查看最新进展后再操作。",
    "revisit.not_entered": "患者尚未进入诊室，请等待患者进入后再结束问诊。",
    "process.busy": "该就诊正在处理其他操作，请稍候片刻再试。",
    "eligibility.not_theirs": "所选的既往就诊不属于该就诊人，请重新选择。",
    "eligibility.out_of_window": "所选的既往就诊已超过线上复诊期限，请选择较近的一次，或预约线下门诊。",
    "consent.missing": "暂时没有可用的知情同意书，请联系门诊办。",
    "consent.self_check_first": "请先完成急症自查，再签署知情同意书。",
    "consent.text_changed": "知情同意书已更新，请阅读新的内容后重新确认。",
    "slot.missing": "没有找到该号源，请刷新号源列表后重新选择。",
    "slot.past": "该时段已结束，请选择其他时段。",
    "slot.stopped": "该时段已停诊，请选择其他时段或其他医生。",
    "slot.sold_out": "该时段号源已约满，请选择其他时段或其他医生。",
    "slot.not_payable": "该号源不收费，暂不能线上预约，请选择其他号源，或到院挂号。",
    "slot.lock_lapsed": "号源锁定已失效，请重新选择号源。",
    "booking.held_already": "该就诊人在此就诊单元已有预约，请在就诊列表中继续办理。",
    "booking.missing": "没有找到该预约，请刷新页面后重试。",
    "booking.too_many_holds": "该就诊人今日未缴费的预约次数过多，请明日再试或到院挂号。",
    "intake.too_short": "病情描述过短，请补充症状、用药和变化情况后再提交。",
    "intake.missing": "病情描述未能保存，请重新填写后提交。",
    "charge.missing": "没有找到该笔费用，请返回就诊详情重新进入。",
    "charge.not_now": "该笔费用当前不能缴费，请查看就诊详情。",
    "charge.too_late": "号源保留时间将到，来不及缴费，请重新选择号源。",
    "charge.bill_changed": "医院费用已变更，请返回就诊详情查看后再缴费。",
    "queue.not_the_day": "未到就诊当日，请在就诊当日报到。",
    "record.missing": "请先书写病历并填写诊断，再结束问诊。",
    "patient.supplement_missing": "没有找到已补充的资料，请重新填写后提交。",
    "live.too_many_topics": "同时查看的内容过多，请关闭部分页面后重试。",
    "his.invalid": "医院系统未接受填写的资料，请核对后重新提交。",
    "his.not-booked": "医院系统中没有有效的预约，请联系门诊办。",
    "wechat_pay.order_paid": "该订单已支付，请勿重复缴费，请稍候查看结果。",
    "wechat_pay.order_closed": "该支付订单已关闭，请重新发起缴费。",
    "wechat_pay.parameters_differ": "支付订单信息不一致，请重新发起缴费。",
    "request.malformed": "请求内容无法识别，请刷新页面后重试。",
    "request.invalid": "填写的内容有误，请按提示修改后重新提交。",
    "request.missing": "没有找到您要的内容，请返回上一页重试。",
    "request.no_route": "没有找到该页面，请返回首页。",
    "request.method": "不支持该操作，请刷新页面后重试。",
    "request.media_type": "请求内容的格式不受支持，请刷新页面后重试。",
    "request.too_large": "提交的内容过大，请精简后重新提交。",
    "request.key_missing": "请求缺少提交编号，请刷新页面后重新提交。",
    "request.key_malformed": "请求的提交编号无效，请刷新页面后重新提交。",
    "request.key_reused": "该提交编号已用于另一份内容，请刷新页面后重新提交。",
    "service.unavailable": "服务暂时不可用，您的操作结果尚未确认，请稍后重试，不会重复提交。",
    "internal": "系统出现问题，我们已记录，请稍后重试；如仍有问题请联系客服并告知编号。",
}

OF_KIND: Final[dict[Kind, str]] = {
    "malformed": "请求内容无法识别，请刷新页面后重试。",
    "anonymous": "请先登录后再继续。",
    "forbidden": "您没有此项操作的权限，如有需要请联系门诊办。",
    "missing": "没有找到您要的内容，请返回上一页重试。",
    "conflict": "当前状态下不能进行此项操作，请刷新页面查看最新进展。",
    "invalid": "提交的内容有误，请核对后重新提交。",
    "limited": "操作过于频繁，请稍后再试。",
    "unavailable": "服务暂时不可用，请稍后重试，不会重复提交。",
}

FAULTS: Final[dict[str, str]] = {
    "missing": "此项必填",
    "extra_forbidden": "不应填写此项",
    "string_too_short": "内容过短",
    "string_too_long": "内容过长",
    "string_pattern_mismatch": "格式不正确",
    "uuid_parsing": "编号不正确",
    "uuid_type": "编号不正确",
    "enum": "不在可选范围内",
    "literal_error": "不在可选范围内",
    "union_tag_invalid": "不在可选范围内",
    "greater_than": "数值过小",
    "greater_than_equal": "数值过小",
    "less_than": "数值过大",
    "less_than_equal": "数值过大",
    "too_long": "内容过多",
    "too_short": "内容过少",
    "date_from_datetime_parsing": "日期不正确",
    "date_parsing": "日期不正确",
}
"""What is wrong with one field, by the word of pydantic."""


def sentence(code: str, kind: Kind) -> str:
    """For people, whatever the code."""
    return SENTENCES.get(code) or OF_KIND[kind]


def fault(word: str) -> str:
    """For people, whatever the fault."""
    return FAULTS.get(word, "填写有误，请检查")

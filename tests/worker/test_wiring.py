"""What the worker leaves out of the SDK is what nothing of ours asks for."""

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import WorkflowSerializationContext


def test_no_codec_store_or_converter_of_ours_wants_to_know_where_a_payload_belongs() -> None:
    ours = pydantic_data_converter
    told = ours.with_context(WorkflowSerializationContext(namespace="default", workflow_id="revisit/1"))

    assert (ours.payload_codec, ours.external_storage) == (None, None)
    assert (told.payload_converter, told.failure_converter) == (ours.payload_converter, ours.failure_converter)

"""Small schemas that many endpoints share."""

from __future__ import annotations

from api.schemas.base import WireSchema
from api.schemas.fields import Boolean, Text, matching


class AsyncOperation(WireSchema):
    """What answers a request that a task will carry out."""

    wire_name = "AsyncOperation"
    task = Text(format="uri", required=True, help="The href of the task.")


class TaskGroupOperation(WireSchema):
    """What answers a request that a group of tasks will carry out."""

    wire_name = "TaskGroupOperation"
    task_group = Text(format="uri", required=True, help="The href of the task group.")


class SetLabel(WireSchema):
    wire_name = "SetLabel"
    key = Text(required=True, help="The label.", validate=[
        matching(r"[\w\-./]+", "A label may hold letters, digits and _ - . / only.")])
    value = Text(required=True, null=True, blank=True, help="Its value.", validate=[
        matching(r"[^,()]*", "The value of a label has no commas and parentheses.")])


class UnsetLabel(WireSchema):
    wire_name = "UnsetLabel"
    key = Text(required=True, help="The label.")
    value = Text(read_only=True, help="The value it had.")


class Repair(WireSchema):
    wire_name = "Repair"
    verify_checksums = Boolean(default=True, help="Read every file and compare its digest; else look only for missing ones.")


from typing import NamedTuple


class Explanation(NamedTuple):
    name: str
    summary: str
    forward: str
    derivation: str
    source: str
    location: str


def explain_operation(op):
    return Explanation(op.name, "", "", "", "", "")

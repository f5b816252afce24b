"""What comes through no front door is refused with a sentence, and the refusal is counted."""

import pytest

from shadow_runtime.contract import Position, Stage
from shadow_runtime.front_doors import UnsupportedEventError
from tests.runtime.front_doors.others import OTHERS
from tests.runtime.front_doors.route import Aws, Context

called: list[object] = []


def control(event: object, context: object) -> dict[str, object]:
    called.append(event)
    return {"statusCode": 200}


@pytest.mark.parametrize("event", OTHERS.values(), ids=OTHERS)
def test_it_is_refused_with_a_sentence(aws: Aws, event: object) -> None:
    called.clear()
    with pytest.raises(UnsupportedEventError, match=r"this route was sent \w+ \w+"):
        aws.ask(control, control, event, at=Position(Stage.LIVE), context=Context())
    assert called == []
    assert aws.functions.asked == []
    assert aws.functions.copies == []

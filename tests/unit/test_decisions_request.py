"""Requests: declared fields only, each refusal with its path, and two readers that agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bedrail.core.errors import Invalid
from bedrail.decisions.request import Intake, check_groups, read_request
from bedside_house import CONTRACT

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLAIN = b'{"age":67,"stay":4,"sodium":138,"visits":2,"insulin":"up","source":"home"}'


def read(features: bytes, at: datetime | None = NOW):
    """The inputs of some features."""
    return Intake(CONTRACT).read(msgspec.Raw(features), at, NOW)


def test_plain_features_are_read_by_the_quick_reader():
    """Everything present, plain, in range and fresh is accepted at once."""
    inputs = read(PLAIN)
    assert inputs.plain
    assert inputs.values == {"age": 67, "stay": 4, "sodium": 138, "visits": 2, "insulin": "up", "source": "home"}
    assert inputs.ages == {"*": 0.0}


def test_units_are_converted_by_the_contracts_factors_and_times_become_ages():
    """72 h of stay are 3 days; an input with a time of its own has an age of its own."""
    sent = b'{"age":67,"stay":{"value":72,"unit":"h","at":"2026-06-01T10:30:00Z"},"sodium":138,"insulin":"up"}'
    inputs = read(sent)
    assert not inputs.plain
    assert inputs.values["stay"] == pytest.approx(3.0)
    assert inputs.ages == {"*": 0.0, "stay": 1.5}
    assert inputs.values["visits"] is None


def test_a_plain_value_is_as_old_as_the_request_says():
    """Without `at` the age of a limited input is unknown, and the quick reader leaves it to the guards."""
    assert not read(PLAIN, None).plain
    assert not read(PLAIN, NOW - timedelta(hours=49)).plain
    assert not read(PLAIN, NOW + timedelta(hours=1)).plain
    assert read(PLAIN, NOW - timedelta(hours=47)).plain


@pytest.mark.parametrize(
    "features, path",
    [
        (b'{"age":"67"}', "features.age"),
        (b'{"age":true}', "features.age"),
        (b'{"age":[67]}', "features.age"),
        (b'{"age":{"value":"67"}}', "features.age.value"),
        (b'{"age":{"value":67,"unit":5}}', "features.age.unit"),
        (b'{"age":{"value":67,"at":"noon"}}', "features.age.at"),
        (b'{"age":{"value":67,"at":"2026-06-01T10:00:00"}}', "features.age.at"),
        (b'{"age":{"values":67}}', "features.age.values"),
        (b'{"age":{}}', "features.age.value"),
        (b'{"insulin":1}', "features.insulin"),
        (b'{"insulin":{"value":"up","unit":"x"}}', "features.insulin.unit"),
        (b'{"weight":80}', "features.weight"),
        (b'{"age":67,"age":6}', "features.age"),
        (b'{"age":67,"\\u0061ge":6}', "features.age"),
        (PLAIN[:-1] + b',"stay":9}', "features.stay"),
        (b'{"age":1e999}', "features.age"),
        (b"[]", "features"),
        (b"7", "features"),
    ],
)
def test_wrong_types_unknown_names_and_doubles_are_refused_with_their_path(features: bytes, path: str):
    """A caller learns which field is wrong and what to do."""
    with pytest.raises(Invalid) as caught:
        read(features)
    assert caught.value.path == path
    assert caught.value.remedy


@pytest.mark.parametrize(
    "body, path",
    [
        (b"", "body"),
        (b"{", "body"),
        (b"null", "body"),
        (b'{"features":{}}', "subject"),
        (b'{"subject":"","features":{}}', "subject"),
        (b'{"subject":"a","features":{},"extra":1}', "extra"),
        (b'{"subject":"a","site":"a/b","features":{}}', "site"),
        (b'{"subject":"a","features":{},"groups":{"gender":1}}', "groups"),
        (b'{"subject":"a","features":{},"at":"now"}', "at"),
        (b'{"subject":"a","subject":"b","features":{}}', "subject"),
        (b'{"subject":"a","\\u0073ubject":"b","features":{}}', "subject"),
        (b'{"subject":"\\ud800","features":{}}', "body"),
    ],
)
def test_a_request_is_refused_at_the_field_that_is_wrong(body: bytes, path: str):
    """The frame of the request is read as strictly as the features."""
    with pytest.raises(Invalid) as caught:
        read_request(body)
    assert caught.value.path == path


def test_an_error_does_not_repeat_a_stray_name_or_value():
    """A patient's name in the place of a field's name stays out of the error."""
    with pytest.raises(Invalid) as caught:
        read_request(b'{"subject":"a","features":{},"Anna Kowalski 1977":1}')
    assert "Kowalski" not in str(caught.value)
    with pytest.raises(Invalid) as caught:
        read(b'{"age":"Kowalski"}')
    assert "Kowalski" not in str(caught.value)


def test_only_declared_groups_are_taken():
    """Groups serve monitoring and nothing else, so only those of the charter are wanted."""
    request = read_request(b'{"subject":"a","features":{},"groups":{"gender":"F","race":"x"}}')
    with pytest.raises(Invalid) as caught:
        check_groups(request, ("gender",))
    assert caught.value.path == "groups.race"


@pytest.mark.parametrize(
    "body, path",
    [
        (b'{"subject":"a","subject":"b","features":{}}', "subject"),
        (b'{"subject":"a","at":null,"at":"2026-01-01T00:00:00Z","features":{}}', "at"),
        (b'{"subject":"a","features":{"b":1},"features":{"b":1}}', "features"),
        (b'{"subject":"a","groups":{},"features":{},"groups":{"race":"x"}}', "groups"),
        (b'{"subject":"a","features":{},"groups":{"race":"x","race":"y"}}', "race"),
        (b'{"subject":"a","\\u0073ubject":"b","features":{}}', "subject"),
        (b'{"subject":"a","subject":"b","features":"subject"}', "subject"),
    ],
)
def test_a_field_of_the_frame_that_is_there_twice_is_refused(body: bytes, path: str):
    """Nobody can know which one was meant, also where a name is spelt with an escape, or is a group's."""
    with pytest.raises(Invalid, match="twice") as caught:
        read_request(body)
    assert caught.value.path == path


def test_fields_said_to_be_empty_and_values_that_look_like_names_are_no_doubles():
    """Only a name that is there twice is refused."""
    spoken = b'{ "subject" : "subject", "encounter":"", "at":null, "features" : {"subject":1,"at":"\\""}, "groups":{} }'
    assert read_request(spoken).subject == "subject"
    full = b'{"subject":"a","encounter":"features","site":"north","at":"2026-01-01T00:00:00Z","features":{"b":1},'
    assert read_request(full + b'"groups":{"race":"x","sex":"y"}}').groups == {"race": "x", "sex": "y"}

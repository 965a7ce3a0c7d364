import uuid

from bedplate.domain.ids import new_id


def test_ids_are_uuid_version_7_and_differ() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {uuid.UUID(identifier).version for identifier in ids} == {7}
    assert {uuid.UUID(identifier).variant for identifier in ids} == {uuid.RFC_4122}


def test_ids_sort_by_time() -> None:
    stamps = [uuid.UUID(new_id()).int >> 80 for _ in range(100)]
    assert stamps == sorted(stamps)

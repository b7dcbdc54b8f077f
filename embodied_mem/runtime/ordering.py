"""Answers that come in any order, in the order in which they were asked for."""

import tempfile
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

from embodied_mem.runtime.workers import Answer


def in_order(
    answers: Iterable[Answer[bytes]], keys: Sequence[str]
) -> Generator[Answer[bytes], None, None]:
    """Yield answers in the order of their keys; those that come early wait on disk.

    Args:
        answers: One for each key, in any order.
        keys: The order.
    """
    place = {key: number for number, key in enumerate(keys)}
    due = 0
    with tempfile.TemporaryDirectory(prefix="embodied-mem-") as folder:
        held: dict[int, tuple[Answer[bytes], Path]] = {}
        for answer in answers:
            number = place[answer.key]
            if number != due:
                file = Path(folder) / str(number)
                file.write_bytes(answer.result or b"")
                held[number] = (_without_result(answer), file)
                continue
            yield answer
            due += 1
            while due in held:
                early, file = held.pop(due)
                data = file.read_bytes() if not early.error else None
                file.unlink()
                yield Answer(key=early.key, result=data, error=early.error, seconds=early.seconds)
                due += 1


def _without_result(answer: Answer[bytes]) -> Answer[bytes]:
    return Answer(key=answer.key, error=answer.error, seconds=answer.seconds)

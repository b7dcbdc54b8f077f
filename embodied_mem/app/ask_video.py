"""`embodied-mem ask` on a memory of videos."""

import sys
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Float32
from rich.table import Table

from embodied_mem.app.commands import Ask
from embodied_mem.app.console import console, plain
from embodied_mem.errors import LanguageModelError, StoreError
from embodied_mem.memory.events.answers import Answer, Answerer, Reply
from embodied_mem.memory.events.index import EventIndex
from embodied_mem.memory.events.question import Question, parse
from embodied_mem.memory.text import TextEncoder

SURE = 0.35
"""An answer that is believed so much needs no second look."""


def ask_videos(command: Ask, folder: Path) -> int | None:
    """Answer from the videos of a store; None where the memory of a house is to answer."""
    with EventIndex(folder, read_only=True) as index:
        if not index.has_videos:
            return None
        if not command.label and command.image is None:
            _tell_all(index)
            return None if index.has_objects else 0
        encoder = text_encoder(command.text_model)
        answerer = Answerer(index, encoder=encoder)
        question = _read(command, answerer.duration)
        question = msgspec.structs.replace(
            question,
            before=question.before if command.at is None else command.at,
            video=video_named(index, command.video),
        )
        like = _likeness(index, command)
        reply = answerer(question, command.limit, like)
        looked = 0.0
        may_look = command.look_again > 0 and like is None and not reply.unknown
        if may_look and not _is_sure(reply):
            reply, looked = _backtrack(folder, question, command, encoder) or (reply, 0.0)
        if not reply.seen and like is None and index.has_objects:
            return None
        if command.json:
            console.print_json(msgspec.json.encode(reply).decode())
        else:
            _tell(reply, index.pictures, looked)
    return 0


def _is_sure(reply: Reply) -> bool:
    return reply.seen and max(answer.confidence for answer in reply.answers) >= SURE


def _read(command: Ask, duration: float) -> Question:
    """Read the question: by a language model where one is named and answers, else by rules."""
    text = command.label or ""
    if text and (command.llm_url is not None or command.llm_model is not None):
        from embodied_mem.app.endpoint import chat_client  # noqa: PLC0415 - an extra.
        from planners.video_question import read_question  # noqa: PLC0415

        client = chat_client(command.llm_url, command.llm_model, command.llm_key_env)
        try:
            return read_question(client, text, duration)
        except LanguageModelError as error:
            sys.stderr.write(f"embodied-mem: {error} Rules read the question.\n")
        finally:
            client.close()
    return parse(text, duration=duration)


def text_encoder(folder: str | None) -> TextEncoder | None:
    """Return what compares meanings, where there is a model for it."""
    if folder is None:
        return None
    from perception.sentence_encoder import SentenceEncoder  # noqa: PLC0415 - imports torch.

    return SentenceEncoder(folder)


def _likeness(index: EventIndex, command: Ask) -> Float32[np.ndarray, "d"] | None:
    if command.image is None:
        return None
    from perception.video.likeness import likeness  # noqa: PLC0415 - OpenCV, PyAV.

    return likeness(index, command.image, command.weights)


def _backtrack(
    folder: Path, question: Question, command: Ask, encoder: TextEncoder | None
) -> tuple[Reply, float] | None:
    """Look again; None where the store cannot be written to now."""
    from perception.video.backtrack import BacktrackConfig, answer  # noqa: PLC0415 - OpenCV, PyAV.

    config = BacktrackConfig(sure=SURE, budget=command.look_again)
    try:
        with EventIndex(folder) as index:
            found = answer(index, question, command.limit, config, encoder)
    except StoreError as error:
        console.print(f"[yellow]not looked at again:[/] {plain(str(error))}")
        return None
    return found.reply, found.looked


def video_named(index: EventIndex, name: str | None) -> int | None:
    """Return the number of the video that a name means; None where none is named.

    Raises:
        StoreError: It means none of them, or several.
    """
    if name is None:
        return None
    found = [video for video in index.videos() if name.lower() in video.name.lower()]
    exact = [video for video in found if name == video.name]
    if len(exact or found) != 1:
        names = ", ".join(video.name for video in found or index.videos())
        raise StoreError(f"'{name}' means {len(found)} videos of this memory. Choose of: {names}.")
    return (exact or found)[0].id


def _tell(reply: Reply, pictures: Path, looked: float) -> None:
    console.print(plain(reply.sentence))
    if looked:
        console.print(f"[dim]{looked:.1f} s of video were looked at again for this[/]")
    if reply.answers:
        console.print(_table(reply.answers))
        console.print(f"key frames: {pictures}")


def _table(answers: list[Answer]) -> Table:
    table = Table(show_lines=True)
    for name in ("what", "video", "from", "to", "key frame", "belief"):
        table.add_column(name)
    for answer in answers:
        table.add_row(
            plain(answer.text),
            plain(answer.video),
            f"{answer.start:.1f} s",
            f"{answer.stop:.1f} s",
            answer.picture,
            f"{answer.confidence:.2f}",
        )
    return table


def _tell_all(index: EventIndex) -> None:
    """Print every clip and segment."""
    names = {video.id: video.name for video in index.videos()}
    table = Table()
    for name in ("video", "from", "to", "what"):
        table.add_column(name)
    for event in index.events("level = 'segment'"):
        table.add_row(plain(names[event.video]), f"{event.start:.1f} s", f"{event.stop:.1f} s",
                      plain(event.caption))  # fmt: skip
    console.print(table)

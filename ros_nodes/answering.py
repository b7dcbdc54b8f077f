"""`~/answer`: questions in words as an action, so that nobody waits who has other things to do."""

from collections.abc import Callable

from embodied_mem.errors import EmbodiedMemError
from ros_nodes.actions import Act, Pursued
from ros_nodes.memory_services import MOST_ANSWERS, Remembering
from ros_nodes.messages import Message
from ros_nodes.outputs import Fields, answer_values
from ros_nodes.stamps import nanoseconds, seconds

ASK = "embodied_mem_msgs/action/Ask"
_LIMIT = 10


class Answering:
    """Answers one question after another, behind the images that came before."""

    def __init__(self, node: Remembering, after: Callable[[Callable[[], None]], None]):
        """Wait for questions.

        Args:
            node: Whose memory is asked.
            after: Has something done in the thread that memory is written in.
        """
        self._node, self._after = node, after
        self.act = Act(accept=_is_question, begin=self._begin, cancel=lambda _: True)

    def _begin(self, goal: Pursued) -> None:
        self._after(lambda: self._answer(goal))

    def _answer(self, goal: Pursued) -> None:
        try:
            answers = self._search(goal.request)
        except EmbodiedMemError as error:
            goal.abort({"success": False, "message": str(error)})
            return
        told: list[Fields] = []
        for answer in answers:
            if goal.is_cancelling:
                break
            told.append(answer)
            goal.feedback({"partial": "\n".join(str(one["text"]) for one in told)})
        result = {
            "success": bool(told),
            "message": f"{len(told)} answers" if told else "nothing known fits",
            "answers": told,
        }
        if goal.is_cancelling:
            goal.canceled(result)
        else:
            goal.succeed(result)

    def _search(self, request: Message) -> list[Fields]:
        at = seconds(request.at) if nanoseconds(request.at) else None
        limit = min(int(request.limit) or _LIMIT, MOST_ANSWERS)
        with self._node.lock:
            found = self._node.memory.search(request.text, limit, at=at)
            return [answer_values(one, self._node.map_frame) for one in found]


def _is_question(request: Message) -> bool:
    return bool(request.text.strip())

"""Household tasks as planning problems, solved by Fast Downward through unified-planning.

The one module that imports unified-planning. A `Problem` names only what matters for a goal; its
actions follow AI2-THOR's rules: one hand, a closed container hides what is in it, a microwave runs
only closed and opens only when off, water cleans and fills what is in the sink under it.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from embodied_mem.errors import MissingExtraError, PlanningError

try:
    from unified_planning.engines import PlanGenerationResultStatus as Status
    from unified_planning.environment import Environment
    from unified_planning.exceptions import UPException
    from unified_planning.model import Fluent, FNode, InstantaneousAction, Object, Type
    from unified_planning.model import Problem as Model
    from unified_planning.model.metrics import MinimizeActionCosts
except ImportError as error:
    raise MissingExtraError("the symbolic planner", "plan") from error


ENGINE = "fast-downward-apart"
"""Name under which our Fast Downward is known to unified-planning."""

FLUENTS: Mapping[str, int] = {
    "at": 1, "hand_free": 0, "held": 1, "lies": 2, "located": 2, "accessible": 1, "running": 1,
    "clean": 1, "dirty": 1, "sliced": 1, "cooked": 1, "hot": 1, "cold": 1, "filled": 1, "broken": 1,
    "graspable": 1, "openable": 1, "toggleable": 1, "shuts": 1, "fits": 2, "serves": 2,
    "sink": 1, "microwave": 1, "fridge": 1, "burner": 1, "controls": 2, "knife": 1, "cuttable": 1,
    "cookable": 1, "fillable": 1, "spot": 1,
}  # fmt: skip
"""Names and arities. `lies(x, r)`: x is on or in r. `located(x, s)`: one must stand at spot s to
handle x; a fixture is its own spot. `accessible(x)`: x is not a closed container. `shuts(x)`: it
must be closed to run."""

Fact = tuple[str, ...]
"""A fluent and its arguments."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One action of a plan."""

    name: str
    arguments: tuple[str, ...]
    """Names of objects."""

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of action: parameters, conditions and effects over them.

    A condition or effect is a fact whose arguments are parameters; a leading `not` negates it.
    """

    name: str
    parameters: tuple[str, ...]
    conditions: tuple[str, ...]
    effects: tuple[str, ...]
    cost: int = 1


SCHEMAS: tuple[Schema, ...] = (
    Schema("goto", ("a", "b"), ("at a", "spot b"), ("not at a", "at b")),
    Schema(
        "pickup", ("x", "r", "s"),
        ("at s", "located x s", "lies x r", "graspable x", "accessible r", "accessible s",
         "hand_free"),
        ("held x", "not hand_free", "not lies x r", "not located x s"),
    ),
    Schema(
        "put", ("x", "r", "s"),
        ("at s", "located r s", "held x", "fits x r", "accessible r", "accessible s"),
        ("lies x r", "located x s", "hand_free", "not held x"),
    ),
    Schema(
        "open", ("x", "s"),
        ("at s", "located x s", "openable x", "not accessible x", "not running x"),
        ("accessible x",),
    ),
    Schema("close", ("x", "s"), ("at s", "located x s", "openable x", "accessible x"),
           ("not accessible x",)),
    Schema("switch_on", ("x", "s"),
           ("at s", "located x s", "toggleable x", "not running x", "not shuts x"), ("running x",)),
    Schema("start", ("x", "s"),
           ("at s", "located x s", "toggleable x", "not running x", "shuts x", "not accessible x"),
           ("running x",)),
    Schema("switch_off", ("x", "s"), ("at s", "located x s", "toggleable x", "running x"),
           ("not running x",)),
    Schema("slice", ("x", "k", "s"),
           ("at s", "located x s", "accessible s", "held k", "knife k", "cuttable x"),
           ("sliced x",)),
    Schema("wash", ("x", "r", "f"),
           ("at r", "lies x r", "sink r", "serves f r", "not running f"),
           ("running f", "clean x", "not dirty x")),
    Schema("fill", ("x", "r", "f"),
           ("at r", "lies x r", "sink r", "serves f r", "fillable x", "not running f"),
           ("running f", "filled x")),
    Schema("heat", ("x", "m"),
           ("at m", "lies x m", "microwave m", "not accessible m", "not running m"),
           ("running m", "hot x", "not cold x")),
    Schema("cook", ("x", "m"),
           ("at m", "lies x m", "microwave m", "not accessible m", "not running m", "cookable x"),
           ("running m", "hot x", "cooked x", "not cold x")),
    Schema("fry", ("x", "p", "b", "k"),
           ("at b", "lies x p", "lies p b", "burner b", "controls k b", "not running k"),
           ("running k", "hot x", "cooked x", "not cold x")),
    Schema("chill", ("x", "f"), ("at f", "lies x f", "fridge f", "not accessible f"),
           ("cold x", "not hot x"), 0),
    Schema("empty", ("x", "s"), ("at s", "located x s", "accessible s", "filled x"),
           ("not filled x",)),
    Schema("break", ("x", "s"), ("at s", "located x s", "accessible s"), ("broken x",)),
    Schema("soil", ("x", "s"), ("at s", "located x s", "accessible s", "clean x"),
           ("dirty x", "not clean x")),
)  # fmt: skip
"""What can be done."""


@dataclass(slots=True)
class Problem:
    """A planning problem over named objects."""

    objects: tuple[str, ...]
    facts: frozenset[Fact]
    """What is true at the start; everything else is false."""
    goals: tuple[tuple[Fact, bool], ...]
    """Facts that must be true, or false, in the end."""
    distances: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Price of going from one spot to another [moves]."""


@dataclass(slots=True)
class Solver:
    """Fast Downward, in a process of its own for each problem."""

    engine: str = ENGINE
    """Name of the engine in unified-planning."""
    timeout: float = 10.0
    """Longest time for one plan [s]."""
    optimal_time: int = 1
    """Time after which a plan that is not the cheapest will do [s]."""

    def solve(self, problem: Problem) -> tuple[PlanStep, ...] | None:
        """Return the cheapest plan found, or None where there is none.

        Raises:
            PlanningError: The engine failed or took too long.
        """
        model = _model(problem)
        for parameters in (
            {
                "fast_downward_search_config": "astar(lmcut())",
                "fast_downward_search_time_limit": f"{self.optimal_time}s",
            },
            {"fast_downward_alias": "lama-first"},
        ):
            status, steps = self._run(model, parameters)
            if steps is not None:
                return steps
            if status == Status.UNSOLVABLE_PROVEN:
                return None
        if status == Status.UNSOLVABLE_INCOMPLETELY:  # Of the last search, which has no time limit.
            return None
        raise PlanningError(
            f"{self.engine} ended with {status.name} on a problem of {len(problem.objects)} "
            f"objects. Raise `plan_timeout`, now {self.timeout:g} s, or ask for less at once."
        )

    def _run(
        self, model: Model, parameters: dict[str, str]
    ) -> tuple[Status, tuple[PlanStep, ...] | None]:
        try:
            with model.environment.factory.OneshotPlanner(
                name=self.engine, params={**parameters, "log_level": "warning"}
            ) as planner:
                result = planner.solve(model, timeout=self.timeout)
        except (UPException, OSError) as error:
            problem = str(error) or type(error).__name__
            raise PlanningError(
                f"the planning engine {self.engine} could not be run: {problem}. "
                "Reinstall it with `pip install 'embodied-mem[plan]'`."
            ) from error
        if result.plan is None:
            return result.status, None
        return result.status, tuple(
            PlanStep(action.action.name, tuple(str(p) for p in action.actual_parameters))
            for action in result.plan.actions
        )


def useful_schemas(problem: Problem) -> tuple[Schema, ...]:
    """Return the actions that can ever apply, and whose effects anything asks for."""
    static = {fact[0] for fact in problem.facts}
    changing = {_name(effect) for schema in SCHEMAS for effect in schema.effects}
    possible = [
        schema
        for schema in SCHEMAS
        if all(
            _name(condition) in static | changing
            for condition in schema.conditions
            if not condition.startswith("not ")
        )
    ]
    wanted = {(fact[0], value) for fact, value in problem.goals}
    kept: dict[str, Schema] = {}
    while True:
        added = [
            schema
            for schema in possible
            if schema.name not in kept and any(_signed(e) in wanted for e in schema.effects)
        ]
        if not added:
            return tuple(schema for schema in SCHEMAS if schema.name in kept)
        for schema in added:
            kept[schema.name] = schema
            wanted |= {_signed(condition) for condition in schema.conditions}


def _name(literal: str) -> str:
    words = literal.split()
    return words[1] if words[0] == "not" else words[0]


def _signed(literal: str) -> tuple[str, bool]:
    return _name(literal), not literal.startswith("not ")


def _model(problem: Problem) -> Model:
    """Translate a problem into unified-planning's terms."""
    environment = Environment()
    environment.credits_stream = None
    environment.factory.add_engine(ENGINE, "planners.fast_downward", "ApartFastDownward")
    types, expressions = environment.type_manager, environment.expression_manager
    thing = types.UserType("thing")
    model = Model("household", environment)
    fluents = {
        name: Fluent(
            name,
            types.BoolType(),
            environment=environment,
            **{f"p{i}": thing for i in range(arity)},
        )
        for name, arity in FLUENTS.items()
    }
    schemas = useful_schemas(problem)
    used = {_name(text) for s in schemas for text in (*s.conditions, *s.effects)}
    used |= {fact[0] for fact, _ in problem.goals}
    for name in sorted(used):
        model.add_fluent(fluents[name], default_initial_value=False)
    distance = Fluent("distance", types.IntType(), environment=environment, a=thing, b=thing)
    model.add_fluent(distance, default_initial_value=0)
    objects = {name: Object(name, thing, environment) for name in problem.objects}
    model.add_objects(objects.values())
    for fact in sorted(problem.facts):
        if fact[0] in used:
            expression = fluents[fact[0]](*(objects[name] for name in fact[1:]))
            model.set_initial_value(expression, value=True)
    for (start, end), moves in problem.distances.items():
        model.set_initial_value(distance(objects[start], objects[end]), moves)
    costs = {}
    for schema in schemas:
        action = _action(schema, thing, fluents, environment)
        model.add_action(action)
        price = expressions.Int(schema.cost)
        if schema.name == "goto":
            price = expressions.FluentExp(distance, (action.parameter("a"), action.parameter("b")))
        costs[action] = price
    model.add_quality_metric(MinimizeActionCosts(costs, environment=environment))
    for fact, value in problem.goals:
        expression = fluents[fact[0]](*(objects[name] for name in fact[1:]))
        model.add_goal(expression if value else expressions.Not(expression))
    return model


def _action(
    schema: Schema, thing: Type, fluents: Mapping[str, Fluent],
    environment: Environment,
) -> InstantaneousAction:  # fmt: skip
    parameters = OrderedDict((name, thing) for name in schema.parameters)
    action = InstantaneousAction(schema.name, parameters, environment)

    def fact(literal: str) -> FNode:
        words = [word for word in literal.split() if word != "not"]
        return fluents[words[0]](*(action.parameter(word) for word in words[1:]))

    for condition in schema.conditions:
        negative = condition.startswith("not ")
        expression = fact(condition)
        action.add_precondition(
            environment.expression_manager.Not(expression) if negative else expression
        )
    for effect in schema.effects:
        action.add_effect(fact(effect), not effect.startswith("not "))
    return action

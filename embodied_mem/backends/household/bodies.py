"""Shapes of every object type, at any size, from the builders of the other `bodies_` files."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from embodied_mem.backends.household.bodies_appliances import APPLIANCES
from embodied_mem.backends.household.bodies_bath import BATH
from embodied_mem.backends.household.bodies_decor import DECOR
from embodied_mem.backends.household.bodies_fittings import FITTINGS
from embodied_mem.backends.household.bodies_food import FOOD
from embodied_mem.backends.household.bodies_furniture import FURNITURE
from embodied_mem.backends.household.bodies_kitchenware import KITCHENWARE
from embodied_mem.backends.household.bodies_personal import PERSONAL
from embodied_mem.backends.household.bodies_storage import STORAGE
from embodied_mem.backends.household.catalog import object_type
from embodied_mem.backends.household.parts import Body, Vector
from embodied_mem.backends.household.solids import Bench, Finish, rgb

_BUILDERS: Mapping[str, Callable[[Bench], None]] = {
    **APPLIANCES,
    **BATH,
    **DECOR,
    **FITTINGS,
    **FOOD,
    **FURNITURE,
    **KITCHENWARE,
    **PERSONAL,
    **STORAGE,
}


@lru_cache(maxsize=1024)
def build_body(type_name: str, size: Vector, *, variant: int = 0, form: str = "") -> Body:
    """The shape of an object: parts that fill `size`, and surfaces to put things on.

    Args:
        type_name: A type of the catalog; other names become plain boxes.
        size: Extent along x, y, z [m].
        variant: Which of the type's colours and looks; any integer.
        form: What `catalog.form_of` reads from an asset's name; empty for the usual form.
    """
    kind = object_type(type_name)
    bench = Bench(
        size=size,
        main=Finish(rgb(kind.colours[variant % len(kind.colours)])),
        variant=variant,
        type_name=type_name,
        form=form,
    )
    _BUILDERS.get(kind.body, _plain)(bench)
    if kind.has("receptacle") and not bench.surfaces:
        bench.top()
    return bench.body()


def _plain(bench: Bench) -> None:
    bench.box(bench.x, bench.y, bench.z, bench.main)

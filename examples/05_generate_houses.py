"""Generate houses in ProcTHOR's schema, write them, and draw one from above.

python examples/05_generate_houses.py
"""

from pathlib import Path

import cv2

from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.generator import GeneratorConfig, generate_house
from embodied_mem.backends.household.house import write_houses
from embodied_mem.backends.household.house_source import HouseSource

out = Path("runs")
out.mkdir(exist_ok=True)
houses = [generate_house(seed, GeneratorConfig(rooms=rooms)) for seed, rooms in ((0, 2), (1, 5))]
write_houses(out / "houses.jsonl.gz", houses)
for house in houses:
    kinds = ", ".join(room.roomType for room in house.rooms)
    print(f"{len(house.rooms)} rooms ({kinds}), {len(house.objects)} pieces of furniture")

source = HouseSource(file=str(out / "houses.jsonl.gz"), index=1)
with HouseholdSim(HouseholdSimConfig(house=source)) as sim:
    sim.reset()
    picture = sim.top_down(800, 800).rgb
    cv2.imwrite(str(out / "house.png"), picture[:, :, ::-1])
print(f"wrote {out / 'houses.jsonl.gz'} and {out / 'house.png'}")

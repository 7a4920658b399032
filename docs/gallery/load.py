"""A load that is made up, with the latency of each operation as a row: load.py FILE SECONDS FACTOR SEED"""

import math
import random
import sys
import time

PER_SECOND = 3000  # at a factor of 1
SHAPES = {"read": (1.0, 0.35), "write": (3.0, 0.45), "scan": (18.0, 0.3)}  # the median in ms, and how wide


def main(path: str, seconds: float, factor: float, seed: int) -> None:
    begin = time.time()
    time.sleep(seconds)
    chance = random.Random(seed)
    with open(path, "a") as file:
        if not file.tell():
            file.write("time,op,latency,bytes\n")
        at = 0.0
        while (at := at + chance.expovariate(PER_SECOND / factor * (1 + 0.3 * math.cos(at * 2)))) < seconds:
            op = chance.choices(list(SHAPES), [70, 25, 5])[0]
            median, width = SHAPES[op]
            stall = 6 if at % 2.5 > 2.4 else 1  # as a checkpoint makes one
            latency = median * factor * stall * chance.lognormvariate(0, width) * (1 + 0.15 * math.sin(at))
            file.write(f"{(begin + at) * 1000:.0f},{op},{latency:.3f},{chance.randrange(200, 9000)}\n")


main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))

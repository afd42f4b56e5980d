"""The live lane under load: request to answer for one visitor and for thirty, through the real server.

Each visitor asks for samples at a new temperature 30 times a second: once as on the page, where all watch one run
and equal requests share an answer; once with hardly two requests alike ("apart"), so that every one is computed. The
time runs from the sending of the request to the arrival of its last byte in another process on the same machine;
drawing comes on top (see bench_page.py).
"""

from __future__ import annotations

import asyncio
import json
import random
import time

import websockets

from benchmarks.machine import keep
from benchmarks.server import running_server, shipped_digest

SECONDS = 6
RATE = 30


async def visitor(url: str, run: str, times: list[float], rng: random.Random, n: int, *, apart: bool) -> None:
    """One visitor who drags the temperature slider all the time and asks for n samples."""
    async with websockets.connect(url, max_size=None) as socket:
        await asyncio.sleep(rng.random() / RATE)
        due = time.perf_counter()
        end = due + SECONDS
        number = 0
        while time.perf_counter() < end:
            number += 1
            temperature = round(rng.uniform(0.1, 1.5), 2)
            start = time.perf_counter()
            await socket.send(json.dumps(
                {"id": number, "run": run, "step": None, "what": "samples", "temperature": temperature,
                 "n": n - rng.randrange(n // 4) if apart else n}
            ))  # fmt: skip
            await socket.recv()
            times.append(1000 * (time.perf_counter() - start))
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def crowd(url: str, run: str, n: int, *, n_samples: int = 1000, apart: bool = False) -> dict[str, float]:
    """n visitors at once; percentiles in milliseconds, and requests answered a second."""
    times: list[float] = []
    jobs = (visitor(url, run, times, random.Random(seed), n_samples, apart=apart) for seed in range(n))
    await asyncio.gather(*jobs)
    times.sort()
    return {
        "visitors": n,
        "asked_per_second": RATE * n,
        "answered_per_second": round(len(times) / SECONDS, 1),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(0.95 * len(times))], 1),
    }


def main() -> None:
    """Measure one visitor, then thirty."""
    run = shipped_digest()
    with running_server() as url:
        lane = url.replace("http", "ws") + "/lane/decode"
        asyncio.run(crowd(lane, run, 1))  # warm
        keep("lane", {
            "one": asyncio.run(crowd(lane, run, 1)),
            "one_apart": asyncio.run(crowd(lane, run, 1, apart=True)),
            "thirty": asyncio.run(crowd(lane, run, 30)),
            "thirty_apart_500_samples": asyncio.run(crowd(lane, run, 30, n_samples=500, apart=True)),
            "thirty_apart": asyncio.run(crowd(lane, run, 30, apart=True)),
        })  # fmt: skip


if __name__ == "__main__":
    main()

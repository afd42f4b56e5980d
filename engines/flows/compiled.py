"""A flow's density through torch.compile: faster where a C++ compiler is found, warmed on the side, never needed."""

from __future__ import annotations

import copy
import logging
import shutil
import threading
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from engines.flows.flow import Flow

COMPILERS = ("c++", "g++", "clang++")
logger = logging.getLogger(__name__)


def has_compiler() -> bool:
    """Whether a C++ compiler is found, without which torch.compile has nothing to run on a CPU."""
    return any(shutil.which(name) for name in COMPILERS)


def warm_up(flow: Flow, example: Tensor, *, backend: str = "inductor") -> threading.Thread:
    """Compile a twin of the flow on the side, and then let the flow train through the compiled density.

    The first compilation takes some ten seconds and fills torch's cache on disk, from which the flow's own takes about
    one. If anything goes wrong, the flow stays as it was. The numbers differ from uncompiled ones by rounding.

    Args:
        flow: What is trained.
        example: A batch of the shape that training has, (B, D).
        backend: Of torch.compile.

    Returns:
        The thread that does it.
    """
    twin = copy.deepcopy(flow)

    def work() -> None:
        try:
            torch.compile(twin.log_prob, dynamic=False, backend=backend)(example).mean().backward()
        except Exception as error:  # noqa: BLE001  (whatever a compiler may raise: it is never needed)
            logger.warning("The flow is not compiled: %s", error)
            return
        flow.fast_log_prob = torch.compile(flow.log_prob, dynamic=False, backend=backend)

    thread = threading.Thread(target=work, name="compile", daemon=True)
    thread.start()
    return thread

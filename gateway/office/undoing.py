"""Whether the firm still makes sense with a step taken back."""

from __future__ import annotations

from gateway.domain.errors import Faulty
from gateway.domain.firm import Firm
from gateway.office.crosscheck import Named, cross_faults


def require_sound(firm: Firm, step: int) -> None:
    """Faulty with everything in which it would contradict itself."""
    faults = cross_faults(firm, Named({}, {}, {}, {}, {}), {})
    if faults:
        raise Faulty(f"the firm without step {step}", faults)

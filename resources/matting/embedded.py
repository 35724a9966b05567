"""The embedded engine: the project's own net proposes, classical methods vote, the photo's own edges draw.

- cutnet: what the net finds (`resources/nets/cutnet`); taken, unless it is in doubt.
- flood, shadeless_flood, closed_edges: on a border of one colour, as of the classical engine.
- crossings, saliency: a small GrabCut from classical saliency, and that as it is; where no flood confirms the net.
- all of the classical engine's, where the net is in doubt: a second opinion.

A hypothesis is believed as far as one that was found in another way agrees with it. The net's own must also be
steady: it stays what it is under a stricter reading, and when colours draw its outline again.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.imaging.colour import reduced
from resources.loaded import close
from resources.matting.classical import ClassicalEngine, considered
from resources.matting.engine import Matte
from resources.matting.gate import default_thresholds
from resources.matting.grabcut import cut_salient, frame_level, lab_picture, otsu_level
from resources.matting.neural import firmness, likely
from resources.matting.onnx_saliency import Answer, OnnxDetector
from resources.matting.saliency import stretch, to_lab
from resources.matting.shapes import overlap, tidy
from resources.matting.survey import Found, Survey

Mask = NDArray[np.bool_]

_REVISION = "4"
_SIDE_OF_PROPOSAL = 512
# Votes need no detail: at this size a GrabCut takes a fiftieth of a second.
_SIDE_OF_VOTES = 160
# An outline that colours draw is nearer to the product's than the net's own, unless they differ by more than this.
_CLOSE = 0.93
# What the net is less sure of, so far inside (share of the long side), may be a gap, the table behind a handle: there
# colours decide. No more than this share of a product is taken for gaps.
_SURE, _INSIDE, _MOST_OPENED = 0.9, 0.015, 0.15
# A flood that overlaps the net's answer by this much says the same: no other vote is needed.
_CONFIRMED = 0.9
# The classical engine is asked where nothing overlaps the net's answer by this much, the answer drawn again overlaps
# itself by less, or the net gives itself a smaller chance to be right than to be wrong.
_SAME, _MOST_DOUBT = 0.85, 0.5


class EmbeddedEngine:
    """Cuts products out by a net and by colour. Deterministic; one instance may serve all threads."""

    name = "embedded"
    device = "cpu"

    def __init__(self, net: OnnxDetector) -> None:
        """net: loaded on first use."""
        self._net = net
        self.revision = f"{_REVISION}-{net.revision}"

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo (HxWx3 uint8), of the photo's size. Any photo gets a matte; the gate judges it."""
        return [self._segment(photo) for photo in photos]

    def close(self) -> None:
        """Let go of the net; whoever asks again loads it again."""
        close(self._net)

    def _segment(self, photo: Rgb) -> Matte:
        survey = Survey(photo, default_thresholds(self.name))
        hypotheses = _hypotheses(survey, self._net.answer(photo))
        return survey.matte(hypotheses, self.name, self.revision, self.device)


def _hypotheses(survey: Survey, answer: Answer) -> list[Found]:
    """All hypotheses, what to take first: the net's where it is certain, else what the classical engine says of it.

    Votes from saliency are too coarse to be taken, unless a person does.
    """
    proposal = likely(answer.saliency, reduced(survey.photo, _SIDE_OF_PROPOSAL).shape[:2])
    floods = _floods(survey, proposal)
    votes = [] if _confirmed(floods) else _by_saliency(survey, proposal)
    ours = _by_net(survey, proposal, answer, [*floods, *votes])
    if _certain(ours):
        return [ours, *floods, *votes]
    return [*_asked_again(survey, proposal, ours), *votes]


def _confirmed(floods: Sequence[Found]) -> bool:
    return any(found.told["agreement"] >= _CONFIRMED for found in floods)


def _certain(ours: Found) -> bool:
    """Whether nothing that another opinion could settle is in doubt."""
    told = ours.told
    return min(told["agreement"], told["steadiness"]) >= _SAME and told["doubt"] <= _MOST_DOUBT


def _asked_again(survey: Survey, proposal: Mask, ours: Found) -> list[Found]:
    """What the classical engine makes of it, its choice first if the net doubts itself.

    Of its answers agreement says how far the net sees the same, steadiness how far its own readings do.
    """
    theirs = [
        survey.again(found, agreement=survey.overlap(found.mask, proposal), steadiness=found.told["agreement"])
        for found in considered(survey.under(default_thresholds(ClassicalEngine.name)))
    ]
    agreement = max(ours.told["agreement"], theirs[0].told["agreement"])
    ours = survey.again(ours, agreement=agreement)
    return [*theirs, ours] if ours.told["doubt"] > _MOST_DOUBT else [ours, *theirs]


def _by_net(survey: Survey, proposal: Mask, answer: Answer, others: Sequence[Found]) -> Found:
    """The net's answer with its outline drawn again by colours, where that stays close to what the net said.

    What it is not sure of inside may turn out to be a gap, and that says nothing against the outline.
    """
    agreement = max((survey.overlap(proposal, other.mask) for other in others), default=0.0)
    gaps = _gaps(proposal, answer)
    outlined = survey.outlined(proposal, gaps)
    redrawn = overlap(outlined | gaps, proposal | gaps)
    opened = int((gaps & ~outlined).sum()) / max(1, int(proposal.sum()))
    mask = outlined if redrawn >= _CLOSE and opened <= _MOST_OPENED else proposal
    more = {"unexplained": survey.unexplained(mask)} if survey.on_plain_ground else {}
    steadiness = min(firmness(answer.saliency), redrawn)
    return survey.found("cutnet", mask, agreement, steadiness=steadiness, doubt=1 - answer.sure, **more)


def _gaps(proposal: Mask, answer: Answer) -> Mask:
    """What may be gaps: well inside of what the net found, but not surely product; of the proposal's shape."""
    reach = 2 * round(_INSIDE * max(proposal.shape)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    inside = cv2.erode(proposal.astype(np.uint8), kernel) > 0
    return inside & (cv2.resize(answer.saliency, proposal.shape[::-1], interpolation=cv2.INTER_LINEAR) < _SURE)


def _floods(survey: Survey, proposal: Mask) -> list[Found]:
    """Floods on a border of one colour, and closed edges where the net disagrees with those; nothing elsewhere."""
    if not survey.on_plain_ground:
        return []
    flooded = survey.flood()
    found = [
        survey.again(each, agreement=survey.overlap(each.mask, proposal))
        for each in (flooded, survey.shadeless_flood(flooded))
    ]
    return found if _confirmed(found) else [*found, survey.closed_edges(proposal)]


def _by_saliency(survey: Survey, proposal: Mask) -> list[Found]:
    """What stands out by the colours that must be crossed from the frame: cut by colour, and as it is."""
    small = reduced(survey.search, _SIDE_OF_VOTES)
    crossings = cv2.resize(stretch(survey.barrier), (small.shape[1], small.shape[0]))
    masks = {
        "crossings": tidy(cut_salient(lab_picture(to_lab(small)), crossings, frame_level(crossings))),
        "saliency": tidy(crossings > otsu_level(crossings)),
    }
    return [survey.found(name, mask, survey.overlap(mask, proposal)) for name, mask in masks.items()]

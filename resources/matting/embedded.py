"""The embedded engine: the project's own net proposes, classical methods vote, the photo's own edges draw.

- cutnet: what the net finds (`resources/nets/cutnet`).
- flood, shadeless_flood, closed_edges: on a border of one colour, as of the classical engine. A flood that the net
  agrees with comes first: it was found in more pixels.
- crossings: a small GrabCut from classical saliency.

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
from resources.matting.engine import Matte
from resources.matting.gate import default_thresholds
from resources.matting.grabcut import cut_salient, frame_level, lab_picture, otsu_level, redraw
from resources.matting.neural import firmness, likely
from resources.matting.onnx_saliency import Answer, OnnxDetector
from resources.matting.saliency import stretch, to_lab
from resources.matting.shapes import overlap, resize_mask, tidy
from resources.matting.survey import Found, Survey

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]

_REVISION = "1"
_SIDE_OF_PROPOSAL = 512
# Votes need no detail: at this size a GrabCut takes a fiftieth of a second.
_SIDE_OF_VOTES = 160
_MARGIN = 8
# A flood that overlaps the net's answer by this much is the same answer.
_CONFIRMED = 0.9


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
        considered = _considered(survey, self._net.answer(photo))
        return survey.matte(considered, self.name, self.revision, self.device)


def _considered(survey: Survey, answer: Answer) -> list[Found]:
    """All hypotheses, the surest first; a flood that is accepted and that the net agrees with before all others.

    Votes from saliency are too coarse to be taken, unless a person does.
    """
    proposal = likely(answer.saliency, reduced(survey.photo, _SIDE_OF_PROPOSAL).shape[:2])
    floods = _floods(survey, proposal)
    confirmed = [found for found in floods if found.accepted and found.measures["agreement"] >= _CONFIRMED]
    if confirmed:
        rest = [found for found in floods if found not in confirmed]
        return [*survey.with_shadow_off(confirmed), _by_net(survey, proposal, answer, floods), *rest]
    votes = _by_saliency(survey, proposal)
    ours = _by_net(survey, proposal, answer, [*floods, *votes])
    return [*sorted([ours, *floods], key=lambda found: found.sureness, reverse=True), *votes]


def _by_net(survey: Survey, proposal: Mask, answer: Answer, others: Sequence[Found]) -> Found:
    agreement = max((survey.overlap(proposal, other.mask) for other in others), default=0.0)
    small = lab_picture(to_lab(reduced(survey.search, _SIDE_OF_VOTES)))
    at_votes = resize_mask(proposal, (small.shape[1], small.shape[0]))
    redrawn = overlap(tidy(redraw(small, at_votes, _MARGIN)), at_votes)
    more = {"unexplained": survey.unexplained(proposal)} if survey.on_plain_ground else {}
    return survey.found(
        "cutnet", proposal, agreement, steadiness=min(firmness(answer.saliency), redrawn), doubt=1 - answer.sure, **more
    )


def _floods(survey: Survey, proposal: Mask) -> list[Found]:
    """Floods on a border of one colour, and closed edges where the net disagrees with those; nothing elsewhere."""
    if not survey.on_plain_ground:
        return []
    flooded = survey.flood()
    found = [
        survey.again(each, agreement=survey.overlap(each.mask, proposal))
        for each in (flooded, survey.shadeless_flood(flooded))
    ]
    if max(each.measures["agreement"] for each in found) < _CONFIRMED:
        found.append(survey.closed_edges(proposal))
    return found


def _by_saliency(survey: Survey, proposal: Mask) -> list[Found]:
    """What stands out by the colours that must be crossed from the frame: cut by colour, and as it is."""
    small = reduced(survey.search, _SIDE_OF_VOTES)
    crossings = cv2.resize(stretch(survey.barrier), (small.shape[1], small.shape[0]))
    masks = {
        "crossings": tidy(cut_salient(lab_picture(to_lab(small)), crossings, frame_level(crossings))),
        "saliency": tidy(crossings > otsu_level(crossings)),
    }
    return [survey.found(name, mask, survey.overlap(mask, proposal)) for name, mask in masks.items()]

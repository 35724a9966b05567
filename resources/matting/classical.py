"""The classical engine: colour and saliency, no net; also the second opinion of the embedded engine.

Several hypotheses are made and measured, and the one that the gate is surest of is taken:

- flood: on a border of one colour, everything that the border's colour does not reach (`flood`),
  and the same with soft shadows taken off.
- closed_edges: on such a border, what closed lines of edges enclose: white on white (`edge_closure`).
- grabcut: GrabCut from saliency maps at strict and generous levels, in two colour spaces (`saliency`, `grabcut`),
  and from the distance to smooth surfaces that make up the border (`background`).
- without_shadow: the surest of them without what looks like its surroundings in shadow (`cast_shadow`).

Found and measured on a copy of 320 px, drawn again at 512 px, and refined in the full photo (`EdgeRefiner`).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.imaging.colour import reduced
from resources.matting.background import border_distance
from resources.matting.engine import Matte
from resources.matting.gate import default_thresholds
from resources.matting.grabcut import cut_salient, frame_level, lab_picture, otsu_level, triangle_level
from resources.matting.saliency import boundary_saliency, stretch, to_lab
from resources.matting.shapes import drop_spurs, overlap, resize_mask, tidy
from resources.matting.survey import Found, Survey

Mask = NDArray[np.bool_]

_SIDE_OF_SUPERPIXELS = 256
# Beyond this distance from the border's surfaces (Lab) nothing is more surely product.
_FAR_FROM_SURFACES = 40.0
# How many of the GrabCuts are believed. The one from surfaces is kept for a person to choose: when it agrees with
# another one, both are wrong about as often as right.
_WITNESSES = 5
# A GrabCut that leaves out more than this of its own size has taken the print and left the white product.
_LEFT_OUT = 0.3


class ClassicalEngine:
    """Cuts products out by colour and saliency. Deterministic and stateless: one instance may serve all threads."""

    name = "classical"
    revision = "3"
    device = "cpu"

    def segment(self, photos: Sequence[Rgb]) -> list[Matte]:
        """One matte for each photo (HxWx3 uint8), of the photo's size. Any photo gets a matte; the gate judges it."""
        return [self._segment(photo) for photo in photos]

    def _segment(self, photo: Rgb) -> Matte:
        survey = Survey(photo, default_thresholds(self.name))
        return survey.matte(considered(survey), self.name, self.revision, self.device)


def considered(survey: Survey) -> list[Found]:
    """All hypotheses, the surest first, its cast shadow taken off; an accepted flood comes before all others."""
    return survey.with_shadow_off(_ordered(survey))


def _ordered(survey: Survey) -> list[Found]:
    if not survey.on_plain_ground:
        return _by_grabcut(survey)
    flooded = survey.flood()
    shadeless = survey.shadeless_flood(flooded)
    for first, second in ((flooded, shadeless), (shadeless, flooded)):
        if first.accepted:
            return [first, second]
    cuts = _by_grabcut(survey)
    others = [flooded, shadeless, survey.closed_edges(cuts[0].mask)]
    if cuts[0].told["unexplained"] > _LEFT_OUT:
        return [*others, *cuts]
    ordered = sorted([*others, cuts[0]], key=lambda found: found.sureness, reverse=True)
    return [*ordered, *cuts[1:]]


def _by_grabcut(survey: Survey) -> list[Found]:
    """Six GrabCuts: the surest witness first, drawn again on a larger copy. Two of the others must agree with it."""
    search, lab = survey.search, survey.lab
    size = (search.shape[1], search.shape[0])
    regions = cv2.resize(boundary_saliency(to_lab(reduced(search, _SIDE_OF_SUPERPIXELS))), size)
    crossings = cv2.resize(stretch(survey.barrier), size)
    both = stretch(regions + crossings)
    surfaces = stretch(np.minimum(border_distance(lab), _FAR_FROM_SURFACES))
    perceptual = lab_picture(lab)
    cuts = {
        "grabcut": cut_salient(perceptual, both, otsu_level(both)),
        "grabcut_generous": cut_salient(perceptual, both, triangle_level(both)),
        "grabcut_crossings": cut_salient(perceptual, crossings, frame_level(crossings)),
        "grabcut_rgb_generous": cut_salient(search, both, frame_level(both)),
        "grabcut_rgb": cut_salient(search, both, otsu_level(both)),
        "grabcut_surfaces": cut_salient(perceptual, surfaces, otsu_level(surfaces)),
    }
    masks = [tidy(drop_spurs(tidy(cut), both, otsu_level(both))) for cut in cuts.values()]
    found = [
        survey.found(name, mask, _second_best_overlap(i, masks))
        for i, (name, mask) in enumerate(zip(cuts, masks, strict=True))
    ]
    best, *others = sorted(found[:_WITNESSES], key=lambda one: one.sureness, reverse=True)
    mask = survey.outlined(best.mask)
    # An outline that does not survive being drawn again was not sure either.
    agreement = min(best.told["agreement"], overlap(resize_mask(mask, size), best.mask))
    more = {"unexplained": survey.unexplained(mask)} if survey.on_plain_ground else {}
    return [survey.found(best.name, mask, agreement, **more), *others, *found[_WITNESSES:]]


def _second_best_overlap(index: int, masks: Sequence[Mask]) -> float:
    return sorted(overlap(masks[index], other) for i, other in enumerate(masks[:_WITNESSES]) if i != index)[-2]

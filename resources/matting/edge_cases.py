"""Numbers that name what is wrong with a seller's photo: no product, many things, a hand, writing laid over it.

They are taken from the photo and the matte alone, whichever engine made it; `gate.MatteThresholds` says what each
one means and how much of it is let through. All are 0 for an ordinary photo.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resources.imaging.alpha import Rgb
from resources.imaging.colour import lengths, reduced
from resources.matting.continuations import floor_reflection, see_through
from resources.matting.flood import ring_distance
from resources.matting.measures import edge_strength
from resources.matting.saliency import to_lab
from resources.matting.shapes import resize_mask
from resources.matting.text_shapes import Marks, TextLine, text_lines

Mask = NDArray[np.bool_]
Field = NDArray[np.float32]
Alpha = NDArray[np.uint8]

_SIDE_OF_TEXT = 1024
_SIDE_OF_COLOURS = 480
EDGE_CASES = (
    "scattered_things",
    "text_panel",
    "hand_or_person",
    "floor_reflection",
    "glare",
    "see_through",
    "overlaid_text",
    "corner_badge",
    "picture_border",
)
_LEAST_SIDE = 32
_PART_SHARE = 0.05
# What each further thing adds to the scatter, beside its distance.
_PER_THING = 0.2
# Edges under this strength (Lab units a pixel) are no print.
_SOFT_EDGE = 8.0


def edge_case_measures(photo: Rgb, matte: Alpha | Mask) -> dict[str, float]:
    """Each of `EDGE_CASES` for a photo (HxWx3 uint8) and its matte (HxW uint8) or mask (bool), of any size.

    Deterministic. Pictures under 32 px measure 0. An empty matte gets text_panel and picture_border only: the others
    are about a product.
    """
    if min(photo.shape[:2]) < _LEAST_SIDE:
        return dict.fromkeys(EDGE_CASES, 0.0)
    text_copy = reduced(photo, _SIDE_OF_TEXT)
    small = reduced(text_copy, _SIDE_OF_COLOURS)
    mask: Mask = matte.astype(bool) if matte.dtype == np.bool_ else matte > 127
    lab = to_lab(small)
    found = text_lines(cv2.cvtColor(text_copy, cv2.COLOR_RGB2GRAY))
    on_text = resize_mask(mask, (text_copy.shape[1], text_copy.shape[0]))
    on_colours = resize_mask(mask, (small.shape[1], small.shape[0]))
    values = dict.fromkeys(EDGE_CASES, 0.0)
    values["text_panel"] = _text_panel(text_copy, found)
    values["picture_border"] = _picture_border(lab)
    if on_colours.any() and not on_colours.all():
        values["scattered_things"] = _scattered_things(lab, on_colours)
        values["hand_or_person"] = _hand_or_person(lab, on_colours)
        values["floor_reflection"] = floor_reflection(lab, on_colours)
        values["glare"] = _glare(small, lab, on_colours)
        values["see_through"] = see_through(lab, on_colours)
        values["overlaid_text"] = _overlaid_text(found, on_text)
        values["corner_badge"] = _corner_badge(text_copy, found, on_text)
    return values


def _scattered_things(lab: Field, mask: Mask) -> float:
    """0 for one thing; for several, the gaps between neighbours in units of a thing's size, and 0.2 for each more.

    The parts of a set stand close together and are few. Things beside the mask count where the background is plain.
    """
    things = _things(lab, mask)
    if len(things) < 2:
        return 0.0
    size = float(np.median([_extent(thing) for thing in things]))
    # Minimum spanning tree over the gaps (Prim): what it takes to walk from each thing to its nearest.
    fields = [cv2.distanceTransform((~thing).astype(np.uint8), cv2.DIST_L2, 5) for thing in things]
    gaps = np.array([[float(field[thing].min()) for thing in things] for field in fields])
    reached = gaps[0].copy()
    left = set(range(1, len(things)))
    total = 0.0
    while left:
        nearest = min(left, key=lambda i: (reached[i], i))
        total += float(reached[nearest]) / size + _PER_THING
        left.remove(nearest)
        reached = np.minimum(reached, gaps[nearest])
    return total


def _extent(thing: Mask) -> float:
    """Side of the square that holds as much as the thing's bounding box."""
    _, _, width, height = cv2.boundingRect(thing.astype(np.uint8))
    return float(np.sqrt(width * height))


def _things(lab: Field, mask: Mask) -> list[Mask]:
    """Separate things of at least 5 % of the largest, at most 40: the parts of the mask, and what else stands out."""
    distance, uniform = ring_distance(lab)
    taken = mask.copy()
    if uniform >= 0.9:
        near = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        taken |= _with_edges(lab, (distance > 12) & ~near)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(taken.astype(np.uint8), connectivity=8)
    area = stats[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(area >= _PART_SHARE * area.max())
    large = large[np.argsort(-stats[large, cv2.CC_STAT_AREA], kind="stable")][:40]
    return [labels == i for i in large]


def _with_edges(lab: Field, mask: Mask) -> Mask:
    """Components with a sharp outline: a shadow has none."""
    edges = edge_strength(lab)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    rim = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    strength = cv2.dilate(edges, np.ones((3, 3), np.uint8))
    length = np.bincount(labels[rim], minlength=count)
    mean = np.bincount(labels[rim], strength[rim], count) / np.maximum(length, 1)
    keep = mean > 4.0
    keep[0] = False
    return keep[labels]


# Least rows of writing of a panel.
_PANEL_ROWS = 4
_PANEL_MARKS = 20
_LEAST_IN_ROW = 4
# Larger marks (px of 1024) are a headline at best.
_PANEL_HEIGHT = 50


def _text_panel(rgb: Rgb, found: list[tuple[Marks, list[TextLine]]]) -> float:
    """Share of writing and ruled lines in all that stands on the ground of the picture; 0 under four rows of text.

    The ground is what calm pixels reach from the frame. What is neither ground nor writing nor a ruled line or bar
    is a subject.
    """
    boxes = [box for marks, _ in found for box in _rows(marks)]
    if len(boxes) < _PANEL_MARKS or len({round(bottom) for _, bottom, _ in boxes}) < _PANEL_ROWS:
        return 0.0
    scale = min(1.0, 512 / max(rgb.shape[:2]))
    lab = to_lab(reduced(rgb, 512))
    writing = np.zeros(lab.shape[:2], np.uint8)
    for (left, right), bottom, height in boxes:
        gap = 0.6 * height
        corners = [round(scale * v) for v in (left - gap, bottom - height - gap, right + gap, bottom + gap)]
        cv2.rectangle(writing, corners[:2], corners[2:], 1, -1)
    area = float(writing.mean())
    return area / max(1e-6, area + _subjects(lab, writing > 0))


def _rows(marks: Marks) -> list[tuple[tuple[float, float], float, float]]:
    """Rows of at least four marks on one baseline: (left, right) of each mark in them, the baseline, their height.

    The columns of a table may stand far apart.
    """
    bottoms = marks.top + marks.height
    free = marks.height <= _PANEL_HEIGHT
    rows: list[tuple[tuple[float, float], float, float]] = []
    for i in np.argsort(bottoms, kind="stable"):
        if not free[i]:
            continue
        height = marks.height[i]
        row = free & (np.abs(bottoms - bottoms[i]) <= np.maximum(1.5, 0.15 * height))
        row &= (marks.height > 0.6 * height) & (marks.height < 1.6 * height)
        row &= np.abs(marks.ink - marks.ink[i]) <= 0.4 * marks.contrast[i]
        members = np.flatnonzero(row)
        if len(members) < _LEAST_IN_ROW:
            continue
        free[members] = False
        base, height = float(np.median(bottoms[members])), float(np.median(marks.height[members]))
        rows += [((float(marks.left[k]), float(marks.left[k] + marks.width[k])), base, height) for k in members]
    return rows


def _subjects(lab: Field, writing: Mask) -> float:
    """Share of the picture that things cover which are no ground, writing, ruled line or bar."""
    calm = (edge_strength(lab) < 2.0) | writing | _ruled(lab)
    _, labels = cv2.connectedComponents(calm.astype(np.uint8), connectivity=4)
    frame = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    ground = np.isin(labels, frame[frame > 0]) & calm
    other = (~ground & ~writing).astype(np.uint8)
    other = cv2.morphologyEx(other, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(other, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    whole = np.zeros(other.shape, np.uint8)
    for contour in contours:
        _, _, width, height = cv2.boundingRect(contour)
        if max(width, height) > 4 * min(width, height) or width * height < 50:
            continue
        cv2.drawContours(whole, [contour], -1, 1, cv2.FILLED)
    return float(whole.mean())


def _ruled(lab: Field) -> Mask:
    """Long level and upright lines with the same colour to their two sides, as tables have them."""
    edges = edge_strength(lab) >= 2.0
    ruled = np.zeros(edges.shape, bool)
    for turned in (False, True):
        field, on = (lab.transpose(1, 0, 2), edges.T) if turned else (lab, edges)
        above, below = np.roll(field, 5, axis=0), np.roll(field, -5, axis=0)
        line = on & (lengths(above - below) < 4)
        long = max(15, round(0.06 * max(on.shape)))
        kept = cv2.morphologyEx(line.astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, long), np.uint8))
        kept = cv2.dilate(kept, np.ones((3, 9), np.uint8)) > 0
        ruled |= kept.T if turned else kept
    return ruled


def _overlaid_text(found: list[tuple[Marks, list[TextLine]]], mask: Mask) -> float:
    """Letters in lines of writing that lie beside the product, or across its outline."""
    product = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    letters = 0
    for marks, lines in found:
        x = (marks.left + marks.width / 2).astype(int)
        y = (marks.top + marks.height / 2).astype(int)
        for line in lines:
            chosen = list(line.marks)
            if (~product[y[chosen], x[chosen]]).mean() >= 0.4:
                letters += line.letters
    return float(letters)


def _corner_badge(rgb: Rgb, found: list[tuple[Marks, list[TextLine]]], mask: Mask) -> float:
    """Share of the picture covered by a flat patch with writing on it, in a corner and off the product."""
    scale = min(1.0, _SIDE_OF_COLOURS / max(rgb.shape[:2]))
    small = reduced(rgb, _SIDE_OF_COLOURS)
    lab = to_lab(small)
    product = resize_mask(_main_part(mask), (small.shape[1], small.shape[0]))
    seen = np.zeros(lab.shape[:2], bool)
    best = 0.0
    for marks, _ in found:
        for seed in _word_gaps(marks):
            x = min(small.shape[1] - 1, max(0, int(scale * seed[0])))
            y = min(small.shape[0] - 1, max(0, int(scale * seed[1])))
            if not seen[y, x]:
                best = max(best, _badge_at(lab, product, x, y, seen))
    return best


def _main_part(mask: Mask) -> Mask:
    """The largest component of a mask: a badge may have been cut out beside it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) if count > 2 else mask


def _word_gaps(marks: Marks) -> list[tuple[float, float]]:
    """Points of the ground between two neighbouring marks of one height on one baseline, at most 60."""
    bottoms, rights = marks.top + marks.height, marks.left + marks.width
    points = []
    for i in np.flatnonzero(marks.height >= 8):
        level = np.abs(bottoms - bottoms[i]) <= np.maximum(1.5, 0.12 * marks.height[i])
        level &= np.abs(marks.height - marks.height[i]) < 0.2 * marks.height[i]
        gap = marks.left - rights[i]
        for j in np.flatnonzero(level & (gap >= 0) & (gap < 0.7 * marks.height[i])):
            points.append((float(rights[i] + gap[j] / 2), float(marks.top[i] - 0.25 * marks.height[i])))
    return points[:60]


def _badge_at(lab: Field, product: Mask, x: int, y: int, seen: Mask) -> float:
    """Share of the picture of the flat patch at a point, 0 if it is no badge; marks the patch as seen."""
    height, width = product.shape
    patch = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (1 << 8)
    _, _, _, (left, top, wide, high) = cv2.floodFill(lab, patch, (x, y), 0, (5,) * 3, (5,) * 3, flags)
    flat = patch[1:-1, 1:-1]
    seen |= flat > 0
    corner = (left + wide < 0.36 * width or left > 0.64 * width) and (top + high < 0.36 * height or top > 0.64 * height)
    if not corner or not 0.003 < flat.mean() < 0.1:
        return 0.0
    contours, _ = cv2.findContours(flat, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(flat)
    cv2.drawContours(whole, contours, -1, 1, cv2.FILLED)
    hull = np.zeros_like(flat)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.vstack(contours)), 1)
    body = whole > 0
    around = (cv2.dilate(whole, np.ones((9, 9), np.uint8)) > 0) & (cv2.dilate(whole, np.ones((5, 5), np.uint8)) == 0)
    if whole.sum() < 0.75 * hull.sum() or (body & product).sum() > 0.5 * body.sum() or not around.any():
        return 0.0
    step = np.abs(np.median(lab[flat > 0], axis=0) - np.median(lab[around], axis=0)).max()
    # Writing covers a part of a badge; without it, it is a tile or a button.
    written = 1 - flat.sum() / whole.sum()
    return float(body.mean()) if step > 15 and 0.05 < written < 0.7 else 0.0


# A band that was drawn, and not photographed, is of one colour to this (mean distance in Lab units).
_DRAWN = 0.8
# A border lies in this share of the width or height, the bars of a film picture in this one.
_BORDER_DEPTH = 0.09
_BAR_DEPTH = 0.25
_LINE_DEPTH = 0.12


def _picture_border(lab: Field) -> float:
    """Sides of the picture along which a drawn band ends, or a drawn line runs, straight and level.

    Two bands count only if they are opposite, of one colour and as long as the picture: else they are a table.
    """
    turned = lab.transpose(1, 0, 2)
    views = (lab, lab[::-1], turned, turned[::-1])
    there = sum(_band(view, _BORDER_DEPTH, round(_BORDER_DEPTH * view.shape[1])) is not None for view in views)
    if there >= 3:
        return float(there)
    for pair in (views[:2], views[2:]):
        one, other = (_band(view, _BAR_DEPTH, 1) for view in pair)
        if one is not None and other is not None and float(np.abs(one - other).max()) < 3:
            return 2.0
    return _line_frame(views)


def _band(lab: Field, depth: float, side: int) -> Field | None:
    """Colour of the band along the first row, if there is one that ends within `depth`; `side` px of its ends are let
    off."""
    colour = np.median(lab[:2].reshape(-1, 3), axis=0).astype(np.float32)
    for row in range(2, max(4, round(depth * lab.shape[0]))):
        if float(np.abs(lab[row - 2] - colour).mean()) > _DRAWN:
            return None
        step = lengths(lab[row + 1] - lab[row - 1])[side:-side]
        if float((step > 5).mean()) > 0.95:
            return colour
    return None


def _line_frame(views: tuple[Field, ...]) -> float:
    """4 if lines of one colour run along all four sides and stop where they meet, else 0. views: each side on top."""
    lines: list[tuple[int, Field]] = []
    for view in views:
        line = _line(view)
        if line is None:
            return 0.0
        lines.append(line)
    insets, colours = zip(*lines, strict=True)
    if max(float(np.abs(colour - colours[0]).max()) for colour in colours) > 12:
        return 0.0
    # The seam of a tile goes on to the edge of the picture.
    starts, ends = (insets[2], insets[2], insets[0], insets[0]), (insets[3], insets[3], insets[1], insets[1])
    for view, inset, colour, start, end in zip(views, insets, colours, starts, ends, strict=True):
        beyond = np.concatenate([view[inset, : max(0, start - 4)], view[inset, view.shape[1] - max(0, end - 4) :]])
        if len(beyond) and float((np.abs(beyond - colour).max(axis=1) > 6).mean()) < 0.8:
            return 0.0
    return 4.0


def _line(lab: Field) -> tuple[int, Field] | None:
    """Row and colour of the clearest line of one colour along the first row, unlike what is to its two sides."""
    side = round(_LINE_DEPTH * lab.shape[1])
    middle = lab[:, side:-side]
    best, found = 0.0, None
    for row in range(4, round(_LINE_DEPTH * lab.shape[0])):
        colour = np.median(middle[row], axis=0).astype(np.float32)
        if float(np.abs(middle[row] - colour).mean()) > 3:
            continue
        steps = [lengths(middle[row + by] - colour) for by in (-6, 6) if row + by >= 0]
        least = max(8.0, best)
        if any(np.count_nonzero(step <= least) > 0.1 * len(step) + 1 for step in steps):
            continue  # a tenth is below already: most rows, told without sorting
        clearest = min(float(np.quantile(step, 0.1)) for step in steps)
        if clearest > least:
            best, found = clearest, (row, colour)
    return found


# Smaller patches in the colours of skin are no hand (share of the picture).
_LEAST_SKIN = 0.012
# As a whole skin is redder than wood, straw and kraft paper (Lab hue angle, degrees).
_SKIN_HUE = 63.0


def _hand_or_person(lab: Field, mask: Mask) -> float:
    """Share of the picture covered by something skin-coloured that comes in from the frame and reaches the product."""
    skin = _skin(lab)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((33, 33), np.uint8)) > 0
    edges = cv2.dilate(edge_strength(lab), np.ones((5, 5), np.uint8))
    # What is on the product and what is beside it are looked at apart: a tan product is no longer arm.
    sides = skin.astype(np.uint8) * np.where(mask, 2, 1).astype(np.uint8)
    # An arm is longer than wide; a product that the frame cuts off mostly is not.
    beside = _entering_skin(lab, sides == 1, mask, edges, near, 1.2)
    return max(beside, _entering_skin(lab, sides == 2, mask, edges, near, 2.0))


def _entering_skin(lab: Field, skin: Mask, mask: Mask, edges: Field, near: Mask, length: float) -> float:
    """Area of the largest part of the skin that enters from one side of the frame, `length` times as far as wide."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(skin.astype(np.uint8), connectivity=4)
    height, width = mask.shape
    worst = 0.0
    for i in range(1, count):
        area = int(stats[i, cv2.CC_STAT_AREA])
        if not _LEAST_SKIN * mask.size < area < 0.4 * mask.size:
            continue
        part = labels == i
        if (part & near).sum() < 0.01 * np.sqrt(mask.size) or (part & mask).sum() > 0.6 * mask.sum():
            continue
        contact = [int(v.sum()) for v in (part[0], part[-1], part[:, 0], part[:, -1])]
        sides = sum(pixels > 0.02 * max(height, width) for pixels in contact)
        if sides not in (1, 2) or max(contact) > 0.5 * min(height, width):
            continue
        if (contact[0] and contact[1]) or (contact[2] and contact[3]):
            continue
        # No strip along the frame.
        reach = max(stats[i, cv2.CC_STAT_WIDTH], stats[i, cv2.CC_STAT_HEIGHT])
        if reach < length * max(contact):
            continue
        rim = part & (cv2.erode(part.astype(np.uint8), np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE) == 0)
        if not rim.any() or float((edges[rim] > 3.0).mean()) < 0.5 or _mean_hue(lab, part) > _SKIN_HUE:
            continue
        worst = max(worst, area / mask.size)
    return worst


def _mean_hue(lab: Field, part: Mask) -> float:
    """Hue angle of the mean colour, in degrees."""
    mean = lab[part].mean(axis=0)
    return float(np.degrees(np.arctan2(mean[2], mean[1])))


def _skin(lab: Field) -> Mask:
    """Smooth areas in the colours of skin, of any tone: hue between red and orange, never a strong colour."""
    light, a, b = cv2.split(cv2.GaussianBlur(lab, (0, 0), 1.0))
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a))
    tone = (light > 18) & (light < 93) & (hue > 15) & (hue < 70) & (chroma > 8) & (chroma < 42)
    detail = lab[..., 0] - cv2.GaussianBlur(lab[..., 0], (0, 0), 3.0)
    rough = np.sqrt(np.maximum(cv2.blur(detail * detail, (9, 9)), 0))
    skin = (tone & (rough < 5.0)).astype(np.uint8)
    skin = cv2.morphologyEx(skin, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return cv2.morphologyEx(skin, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def _glare(rgb: Rgb, lab: Field, mask: Mask) -> float:
    """Share of the product that a light has blown out: white without a sharp edge, on a product that is not white."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE) > 0
    if not inner.any() or float(np.median(lab[..., 0][inner])) > 80:
        return 0.0
    blown = (rgb[..., 0] >= 250) & (rgb[..., 1] >= 250) & (rgb[..., 2] >= 250) & inner
    # White print ends within a pixel or two; light falls off.
    count, labels = cv2.connectedComponents(blown.astype(np.uint8), connectivity=8)
    rim = blown & (cv2.erode(blown.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    soft = cv2.dilate(edge_strength(lab), np.ones((5, 5), np.uint8)) < _SOFT_EDGE
    length = np.maximum(np.bincount(labels[rim], minlength=count), 1)
    softness = np.bincount(labels[rim], soft[rim].astype(np.float64), count) / length
    lit = softness > 0.5
    lit[0] = False
    return float(lit[labels].sum() / inner.sum())

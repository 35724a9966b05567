"""The cut-out net: what it answers, how it learns, and that a file of it is the net again."""

import numpy as np
import onnxruntime
import pytest
import torch

from resources.matting.cutnet.export import export, plain, read_back
from resources.matting.cutnet.fit import Fit, Schedule, answers, prepared
from resources.matting.cutnet.losses import loss_of, right
from resources.matting.cutnet.net import Answer, Conv, CutNet

SMALL = {"widths": (8, 8, 16, 16, 32), "depths": (1, 1, 1, 1)}


def awake(**shape) -> CutNet:
    """A net whose branches all take part, as they do after some training."""
    torch.manual_seed(3)
    net = CutNet(**shape).eval()
    for name, values in net.named_parameters():
        if name.endswith(("share", "gain", "bias")):
            values.data.uniform_(0.2, 0.8)
    return net


def discs(count: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs on dark noise, and their mattes."""
    rng = np.random.default_rng(5)
    photos = rng.integers(0, 70, (count, side, side, 3), np.uint8)
    y, x = np.mgrid[:side, :side]
    inside = np.stack(
        [np.hypot(y - cy, x - cx) < r for cy, cx, r in rng.uniform((20, 20, 10), (44, 44, 20), (count, 3))]
    )
    photos[inside] = rng.integers(150, 255, (int(inside.sum()), 3), np.uint8)
    return photos, (inside * 255).astype(np.uint8)


def test_an_answer_has_the_pictures_size_and_does_not_depend_on_the_batch():
    net = awake(**SMALL)
    photos, _ = discs(3)
    alpha, sure = answers(net, photos)
    assert alpha.shape == (3, 64, 64)
    assert sure.shape == (3,)
    assert (alpha >= 0).all()
    assert (alpha <= 1).all()
    alone, sure_alone = answers(net, photos[1:2])
    np.testing.assert_allclose(alone[0], alpha[1], atol=1e-5)
    np.testing.assert_allclose(sure_alone[0], sure[1], atol=1e-5)
    assert [tuple(each.shape[-2:]) for each in net(prepared(photos)).coarse] == [(16, 16), (8, 8), (4, 4)]


def test_weights_are_used_with_mean_nothing_and_a_variance_of_one_over_the_fan_in():
    weight = Conv(16, 8, 3).standard_weight()
    assert weight.mean(dim=(1, 2, 3)).abs().max() < 1e-6
    torch.testing.assert_close(weight.var(dim=(1, 2, 3), correction=0) * 16 * 9, torch.full((8,), 1.7139**2))


def test_a_plain_copy_answers_the_same():
    net = awake(**SMALL)
    x = prepared(discs(2)[0])
    with torch.no_grad():
        torch.testing.assert_close(plain(net)(x).logits, net(x).logits, atol=1e-4, rtol=1e-4)


def test_a_file_answers_as_the_net_and_is_the_net_again(tmp_path):
    net = awake()
    file = tmp_path / "net.onnx"
    export(net, file, 64)
    x = prepared(discs(1)[0])
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    alpha, sure = session.run(None, {"photo": x.numpy()})
    with torch.no_grad():
        wanted, again = net(x), read_back(file)(x)
    np.testing.assert_allclose(alpha, torch.sigmoid(wanted.logits), atol=1e-5)
    np.testing.assert_allclose(sure, torch.sigmoid(wanted.sure), atol=1e-5)
    torch.testing.assert_close(again.logits, wanted.logits, atol=1e-4, rtol=1e-4)
    assert file.stat().st_size < 8_000_000
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_of_another_net_is_refused(tmp_path):
    export(awake(**SMALL), tmp_path / "net.onnx", 64)
    with pytest.raises(ValueError, match=r"net\.onnx: no cut-out net of this shape: \S+ is missing or of another size"):
        read_back(tmp_path / "net.onnx")


def test_it_learns_to_find_discs():
    torch.manual_seed(0)
    photos, mattes = discs(48)
    fit = Fit(CutNet(**SMALL), Schedule(60, rate=5e-3, warmup=5, average=0.9))
    losses = list(fit.run((photos[i : i + 8], mattes[i : i + 8]) for _ in range(15) for i in range(0, 32, 8)))
    assert len(losses) == 60
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    alpha, _ = answers(fit.averaged, photos[32:])
    found, there = alpha > 0.5, mattes[32:] > 127
    assert (found & there).sum() / (found | there).sum() > 0.8


def test_a_fit_goes_on_where_it_was_saved(tmp_path):
    photos, mattes = discs(8)

    def started() -> Fit:
        torch.manual_seed(1)
        return Fit(CutNet(**SMALL), Schedule(6, warmup=2))

    whole = started()
    list(whole.run([(photos, mattes)] * 6))
    first, second = started(), started()
    list(first.run([(photos, mattes)] * 3))
    first.save(tmp_path / "state.pt")
    second.load(tmp_path / "state.pt")
    list(second.run([(photos, mattes)] * 9))
    assert second.step == 6
    for (name, one), other in zip(whole.averaged.named_parameters(), second.averaged.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_another_fit_begins_with_the_averaged_weights(tmp_path):
    photos, mattes = discs(8)
    first = Fit(CutNet(**SMALL), Schedule(3))
    list(first.run([(photos, mattes)] * 3))
    first.save(tmp_path / "state.pt")
    second = Fit(CutNet(**SMALL), Schedule(3))
    second.start_from(tmp_path / "state.pt")
    assert second.step == 0
    torch.testing.assert_close(second.net.stem.weight, first.averaged.stem.weight)


def test_the_rate_rises_holds_and_falls():
    schedule = Schedule(100, rate=1.0, warmup=10, decay=0.5)
    assert [round(schedule.rate_at(step), 2) for step in (0, 4, 9, 30, 50, 75, 100)] == [0.1, 0.5, 1, 1, 1, 0.5, 0.01]


@pytest.mark.parametrize(
    ("found", "there", "expected"),
    [
        ("square", "square", True),
        ("nothing", "square", False),
        ("nothing", "nothing", True),
        ("square", "nothing", False),
    ],
)
def test_right_is_an_iou_of_nine_tenths_and_nothing_where_nothing_is(found, there, expected):
    pictures = {"nothing": torch.zeros(1, 1, 32, 32), "square": torch.zeros(1, 1, 32, 32)}
    pictures["square"][..., 8:24, 8:24] = 1
    assert bool(right(20 * pictures[found] - 10, pictures[there])[0]) is expected


def test_the_loss_is_least_for_the_truth():
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., 16:48, 16:48] = 1
    perfect, shifted = 40 * truth - 20, 40 * truth.roll(6, dims=3) - 20
    sure = torch.full((1,), 20.0)
    good, bad = (float(loss_of(Answer(logits, (), sure), truth)) for logits in (perfect, shifted))
    assert good < 0.01 < bad

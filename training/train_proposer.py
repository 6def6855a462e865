"""Trains the proposer on one CPU thread and leaves a checkpoint every two minutes.

nice -n 15 python training/train_proposer.py SHARED_DATA OUT --minutes 35 --seed 1
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from net import STRIDE_PX, BoxesAbove, PlateNet
from numpy.typing import NDArray
from render_plates import Renderer
from scenes import CropMaker, Scene, load, split
from torch import Tensor

PEAK_RATE, WARM_STEPS, EMA_DECAY = 2.5e-3, 60, 0.996
DOUBT_FROM, DOUBT_SCORE, DOUBT_WEIGHT = 0.3, 0.7, 0.25
"""From this share of the run on, negatives scored above DOUBT_SCORE weigh less: labels are missing in the footage."""
SAVE_EVERY_MIN = 2
UNLABELLED_SCORE = 0.6
"""A resumed run ignores what its checkpoint finds above this where there is no label: most of it are plates."""
PLAIN_FROM = 0.9
"""From this share of the run on, no mosaics."""
BIG_FROM = 0.7
"""From this share of the run on, crops are 448 px (batch 4) instead of 320 px (batch 8)."""


def target_of(scene: Scene) -> NDArray[np.float32]:
    """(6, g, g): is-plate, weight, then distances in pixels from the cell's centre to left, top, right, bottom."""
    cells = scene.bgr.shape[0] // STRIDE_PX
    y, x = np.mgrid[:cells, :cells] * STRIDE_PX + STRIDE_PX / 2
    out = np.zeros((6, cells, cells), np.float32)
    out[1] = 1
    for left, top, right, bottom in scene.ignored:
        out[1][(x > left) & (x < right) & (y > top) & (y < bottom)] = 0
    for left, top, right, bottom in sorted(scene.plates, key=lambda b: (b[0] - b[2]) * (b[3] - b[1])):
        reach_x, reach_y = max(6, 0.25 * (right - left)), max(6, 0.25 * (bottom - top))
        is_core = (abs(x - (left + right) / 2) <= reach_x) & (abs(y - (top + bottom) / 2) <= reach_y)
        out[1][(x > left) & (x < right) & (y > top) & (y < bottom) & ~is_core] = 0
        out[0][is_core] = out[1][is_core] = 1
        for side, distance in enumerate((x - left, y - top, right - x, bottom - y)):
            out[2 + side][is_core] = distance[is_core]
    return out


def box_loss(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """GIoU plus a little log distance, and the IoU of each cell; distances (n, 4)."""
    low, high = torch.minimum(found, wanted), torch.maximum(found, wanted)
    width, height = low[:, 0] + low[:, 2], low[:, 1] + low[:, 3]
    shared = width.clamp(min=0) * height.clamp(min=0)
    area = (found[:, 0] + found[:, 2]) * (found[:, 1] + found[:, 3])
    union = area + (wanted[:, 0] + wanted[:, 2]) * (wanted[:, 1] + wanted[:, 3]) - shared
    iou = shared / union
    hull = (high[:, 0] + high[:, 2]) * (high[:, 1] + high[:, 3])
    logs = (found.clamp(min=1).log() - wanted.clamp(min=1).log()).abs().mean()
    return (1 - iou + (hull - union) / hull).mean() + 0.2 * logs, iou


def loss_of(logit: Tensor, distance: Tensor, target: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Score loss, box loss and mean IoU; the score of a plate's cell learns its box's IoU (Li et al. 2020, QFL)."""
    is_plate, weight = target[:, 0] > 0, target[:, 1]
    found = distance.permute(0, 2, 3, 1)[is_plate]
    wanted = target[:, 2:].permute(0, 2, 3, 1)[is_plate]
    if len(found):
        boxes, iou = box_loss(found, wanted)
    else:
        boxes, iou = distance.sum() * 0, torch.zeros(1)
    goal = torch.zeros_like(logit)
    if len(found):
        goal[is_plate] = (iou.detach() * 0.6 + 0.4).clamp(0.5, 1.0)
    score = logit.sigmoid()
    cell = (
        weight
        * (goal - score).detach().abs().pow(2)
        * F.binary_cross_entropy_with_logits(logit, goal, reduction="none")
    )
    if share > DOUBT_FROM:
        cell = torch.where(~is_plate & (score.detach() > DOUBT_SCORE), cell * DOUBT_WEIGHT, cell)
    return cell.sum() / max(1, int(is_plate.sum())) * 2, boxes, iou.mean()


def batch_of(maker: CropMaker, share: float) -> tuple[Tensor, Tensor]:
    """Pictures and targets of one step."""
    side_px, count = (448, 4) if share > BIG_FROM else (320, 8)
    scenes = [maker.crop(side_px) for _ in range(count)]
    rgb = np.stack([scene.bgr[..., ::-1] for scene in scenes]).transpose(0, 3, 1, 2)
    pictures = torch.from_numpy(np.ascontiguousarray(rgb)).float().div_(255)
    return pictures.contiguous(memory_format=torch.channels_last), torch.from_numpy(
        np.stack([target_of(s) for s in scenes])
    )


def ignore_unlabelled(net: PlateNet, scenes: list[Scene]) -> int:
    """Adds what the net is sure of and nobody labelled to what each scene ignores; how many boxes."""
    model, count = BoxesAbove(net, UNLABELLED_SCORE).eval(), 0
    for scene in scenes:
        height, width = (side // 32 * 32 for side in scene.bgr.shape[:2])
        rgb = np.ascontiguousarray(scene.bgr[:height, :width, ::-1].transpose(2, 0, 1)[None])
        with torch.inference_mode():
            found = model(torch.from_numpy(rgb).float().div_(255)).numpy()
        for x1, y1, x2, y2, _ in found[np.argsort(-found[:, 4])].tolist():
            known = scene.plates + scene.ignored
            if not any(x1 < c and a < x2 and y1 < d and b < y2 for a, b, c, d in known):
                scene.ignored.append((x1, y1, x2, y2))
                count += 1
    return count


def follow(average: PlateNet, net: PlateNet, step: int) -> None:
    """Moves the running average one step towards the net."""
    keep = min(EMA_DECAY, (1 + step) / (10 + step))
    with torch.no_grad():
        for mean, now in zip(average.state_dict().values(), net.state_dict().values()):
            if mean.dtype.is_floating_point:
                mean.mul_(keep).add_(now, alpha=1 - keep)
            else:
                mean.copy_(now)


def update(net: PlateNet, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor], share: float) -> list[float]:
    """One step of the optimizer; score loss, box loss, mean IoU."""
    pictures, target = batch
    logit, distance = net(pictures)
    scores, boxes, iou = loss_of(logit[:, 0], distance, target, share)
    optimizer.zero_grad()
    (scores + boxes).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
    optimizer.step()
    return [scores.item(), boxes.item(), iou.item()]


def train(maker: CropMaker, out: Path, minutes: float, *, peak: float = PEAK_RATE, resume: Path | None = None) -> None:
    """Trains until the minutes are over; OUT/proposer.pt is the average's newest state.

    The rate falls with the clock, so a run on a busy machine sees fewer crops; `resume` goes on from a checkpoint.
    """
    net, average = (PlateNet().to(memory_format=torch.channels_last) for _ in range(2))
    if resume:
        net.load_state_dict(torch.load(resume, weights_only=True))
        print(f"{ignore_unlabelled(net, maker.scenes)} unlabelled boxes are ignored", flush=True)
        net.train()
    average.load_state_dict(net.state_dict())
    optimizer = torch.optim.AdamW(net.parameters(), lr=peak, weight_decay=0.02)
    start, step, seen, recent, saved = time.monotonic(), 0, 0, [], 0.0
    while (share := (time.monotonic() - start) / (minutes * 60)) < 1:
        rate = peak * min(1, (step + 1) / WARM_STEPS) * (0.97 * 0.5 * (1 + math.cos(math.pi * share)) + 0.03)
        for group in optimizer.param_groups:
            group["lr"] = rate
        maker.mosaic_share = 0.0 if share > PLAIN_FROM else maker.mosaic_share
        batch = batch_of(maker, share)
        recent = [*recent[-99:], update(net, optimizer, batch, share)]
        step, seen = step + 1, seen + len(batch[0])
        follow(average, net, step)
        minute = (time.monotonic() - start) / 60
        if minute - saved >= SAVE_EVERY_MIN:
            saved = minute
            losses = np.mean(recent, 0).round(3).tolist()
            save(average, out, minute=round(minute, 1), step=step, crops=seen, losses=losses)
    save(average, out, minute=minutes, step=step, crops=seen, losses=np.mean(recent, 0).round(3).tolist())
    (out / "done").touch()


def save(average: PlateNet, out: Path, **facts: object) -> None:
    """The checkpoint, whole or not at all, and one line of the log."""
    torch.save(average.state_dict(), out / "proposer.pt.part")
    (out / "proposer.pt.part").replace(out / "proposer.pt")
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps(facts) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "shared", type=Path, help="folder with plate_train_dashcam (and the reporting sets, only for their seconds)"
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, help="go on from this checkpoint")
    parser.add_argument("--peak", type=float, default=PEAK_RATE, help="highest learning rate")
    parser.add_argument("--plain-share", type=float, default=0.35, help="share of windows drawn anywhere in a frame")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    torch.manual_seed(given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    names, held = split(given.shared)
    print(f"{len(names)} frames train, {len(held)} are held back")
    train(
        CropMaker(load(given.shared, names), Renderer(), given.seed, plain_share=given.plain_share),
        given.out,
        given.minutes,
        peak=given.peak,
        resume=given.resume,
    )


if __name__ == "__main__":
    main()

"""`ganzoo import`: what others trained, as checkpoints: NVIDIA's StyleGAN2, rosinality's, CycleGAN, pix2pix, CUT."""

from ganzoo.commands.import_.command import import_

__all__ = ["import_"]

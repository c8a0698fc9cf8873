"""Augmentation: batches of images changed at random while they train, on the device, all images at once.

kinds       what an augmentation is, and the registry: one file each
augmenter   the list of a job at work, with keyed draws
"""

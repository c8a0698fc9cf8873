"""Training and predicting, in one process: what may be trained, the loop, learners, optimizers, inference.

config → resolving → planning      a specification, checked as a whole, and what it would make
loop → session → learner           steps, epochs, metrics, snapshots; the same for every learner
contract                           what a caller of the loop gives and gets
inference                          a published model, with the preprocessing that it was trained with
"""

"""Generators: two networks that learn against each other, and pictures from the one that is published.

learner       what the training loop drives
sampling      a published generator, which draws from (count, seed)
noise         the numbers that pictures are made of
pixels        between the pixels of a data set and [-1, 1]
"""

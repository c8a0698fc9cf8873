"""Other prediction servers that install from the package index, each with the best settings that its documentation gives.

table         which there are, what they need, and how they are asked
wire          requests and answers of each
environments  an environment of its own for each, made by uv on first use
running       a rival as a process
servers/      what runs in those environments
"""

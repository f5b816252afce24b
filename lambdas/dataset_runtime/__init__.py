"""Carries out on AWS what `dataset` decides: stores, operations, the register and the queue.

Shipped with a route whose code imports it, and with it `dataset`.
"""

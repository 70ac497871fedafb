"""Clusters on a group of runtimes: a master on the manager, workers on the hosts.

Coroutines, as in :mod:`lazytui.core`; :mod:`lazytui.blocking.clusters` has them for scripts.
"""

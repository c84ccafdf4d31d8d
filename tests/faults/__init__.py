"""Faults on purpose: what the artifact does when jobs are killed, disks fill, files break and input is wrong."""

"""Grading: untrusted compute, trusted compare.

Student code runs in a sandbox (`worker`), test cells run in a trusted process (`tester`) where
the student's names are proxies (`remote`). Only plain data crosses between them (`wire`).
"""

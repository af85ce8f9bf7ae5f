"""stub"""


def readme(model):
    return ""


def write_fit_report(path, *a, **k):
    return path

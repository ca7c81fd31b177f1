import os
import sys
import time
import urllib.error
import urllib.request

DEADLINE = time.monotonic() + 120


def answer(path):
    """Status and text of a GET; whoever does not answer has status 0."""
    try:
        with urllib.request.urlopen(os.environ["API"] + path, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


for path in ("/readyz", "/api/v1/models"):
    status, text = answer(path)
    while status != 200 and time.monotonic() < DEADLINE:
        time.sleep(2)
        status, text = answer(path)
    print(path, status, text[:2000], flush=True)
    if status != 200:
        sys.exit(1)

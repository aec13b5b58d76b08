"""Run a command and write its wall time [s] and peak memory [bytes] to a JSON file: job.py FILE COMMAND..."""

import json
import resource
import subprocess
import sys
import time

start = time.perf_counter()
subprocess.run(sys.argv[2:], check=True)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
with open(sys.argv[1], "w") as file:
    json.dump({"seconds": seconds, "peak_bytes": peak}, file)

"""`python -m jmapd.ctl`, for where the script is not installed."""

from jmapd.ctl import main

main(prog_name="jmapctl")

# make run        the server with a demo account, in the foreground
# make test       everything that must pass
# make autobahn   the Autobahn testsuite, all of it; AUTOBAHN="wss --quick" is what takes a minute (Debian on amd64)
# make docs       the documentation as a site, in build/docs
# make deb        the Debian package, in build/ (Debian 12 on amd64; apt install debhelper python3-pip python3-venv)
# make clean      remove what these made, but no mail

PYTHON ?= python3
CONFIG ?= etc/jmapd.toml

.PHONY: run test autobahn docs deb clean

run: .venv/installed
	@.venv/bin/python -m jmapd.demo --config $(CONFIG)
	@exec .venv/bin/twistd --nodaemon --pidfile= jmapd --config $(CONFIG)

test: .venv/bin/tox
	.venv/bin/tox run

autobahn: .venv/bin/tox
	.venv/bin/tox run -e autobahn -- $(AUTOBAHN)

docs: .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	.venv/bin/sphinx-build -q -b html docs build/docs

deb:
	@command -v dh >/dev/null || { echo "apt install debhelper python3-pip python3-setuptools python3-venv python3-wheel" >&2; exit 1; }
	rm -rf build/deb && mkdir -p build/deb/jmapd
	git ls-files -z | tar --null --files-from=- --create | tar --extract --directory build/deb/jmapd
	cd build/deb/jmapd && dpkg-buildpackage --no-sign --build=binary
	mv build/deb/jmapd_*_amd64.deb build/

.venv/installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "jmapd needs Python 3.11 or newer; PYTHON=… names another one" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo "Python's venv module is incomplete: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/bin/tox: .venv/installed
	.venv/bin/pip install --quiet --disable-pip-version-check 'tox>=4.20'
	@touch $@

clean:
	rm -rf .venv .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
